"""`Cadence`: the number of frames per second that the bitrate is divided by."""

from __future__ import annotations

import itertools

import pytest

from gst_signalling_sync.webrtc.media.sending.cadence import Cadence


def cadence(*intervals: float, frames: int = 100) -> Cadence:
    """The cadence of frames that arrive at repeated intervals."""
    known, now = Cadence(), 0.0
    for interval in itertools.islice(itertools.cycle(intervals), frames):
        known.add(now)
        now += interval
    return known


def test_nothing_is_known_at_first() -> None:
    assert Cadence().fps(30) == 30
    assert cadence(1.0, frames=1).fps(30) == 30


@pytest.mark.parametrize("intervals", [(1 / 30,), (1 / 60,), (1 / 30, 1 / 30, 1 / 27), (0.03, 0.04)])
def test_frames_that_come_about_as_planned_share_as_planned(intervals: tuple[float, ...]) -> None:
    assert cadence(*intervals).fps(30) == 30


def test_frame_that_is_left_out_changes_nothing() -> None:
    known = cadence(1 / 30)
    known.add(100 / 30 + 2 / 30)

    assert known.fps(30) == 30


@pytest.mark.parametrize("fps", [10, 15, 20])
def test_slow_camera_has_more_for_each_frame(fps: float) -> None:
    assert cadence(1 / fps).fps(30) == pytest.approx(fps, rel=0.02)


def test_pauses_do_not_count() -> None:
    assert cadence(1 / 30, 1.0).fps(30) == 30


def test_frame_has_no_more_than_its_share_of_a_quarter() -> None:
    assert cadence(0.4).fps(30) == 7.5
