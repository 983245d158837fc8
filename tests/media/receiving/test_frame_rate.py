"""Frames per second: never more than arrived within a second, correct for a steady rate, and 0 when nothing arrives."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gst_signalling_sync.webrtc.media.receiving.frame_rate import FrameRate

times = st.lists(st.floats(0, 20), min_size=1, max_size=200).map(sorted)


def rate_of(frames: list[float]) -> FrameRate:
    rate = FrameRate()
    for now in frames:
        rate.add(now)
    return rate


def test_nothing_came_yet() -> None:
    assert FrameRate().per_second(5.0) == 0.0


@given(frames=times, later=st.floats(0, 10))
def test_rate_is_never_more_than_came_in_a_second(frames: list[float], later: float) -> None:
    now = frames[-1] + later
    in_the_last_second = sum(each > now - 1 for each in frames)

    assert 0 <= rate_of(frames).per_second(now) <= max(1, in_the_last_second)


@given(fps=st.floats(2, 240), seconds=st.floats(0, 4), phase=st.floats(0, 1), seed=st.integers(0, 1000))
def test_steady_stream_has_its_rate_after_a_second(fps: float, seconds: float, phase: float, seed: int) -> None:
    random = Random(seed)
    frames = [(number + random.uniform(0, 0.4)) / fps for number in range(1 + round(seconds * fps))]
    rate = rate_of(frames)
    now = frames[-1] + phase / fps

    assert rate.per_second(now) <= fps + 2
    if now > 1 + 1 / fps:
        assert rate.per_second(now) >= fps - 2


@given(burst=st.integers(2, 100), stall=st.floats(1, 10), fps=st.floats(5, 60))
def test_burst_after_a_stall_is_no_high_rate(burst: int, stall: float, fps: float) -> None:
    before = [number / fps for number in range(round(fps))]
    after = [before[-1] + stall + 0.0001 * number for number in range(burst)]

    assert rate_of(before + after).per_second(after[-1]) <= burst


def test_first_second_of_a_stream_that_begins_with_a_burst() -> None:
    rate = FrameRate()
    shown = []
    # Frames that waited for their keyframe come at once, and then 15 per second.
    for now in [0.0, 0.002, 0.004, *(0.066 * number for number in range(1, 31))]:
        rate.add(now)
        shown.append(rate.per_second(now))

    assert max(shown) <= 18
    assert shown[-1] == pytest.approx(15, abs=1)


@pytest.mark.parametrize("fps", [0.3, 0.5, 1.0])
def test_slow_stream_has_a_rate_too(fps: float) -> None:
    frames = [number / fps for number in range(30)]

    assert rate_of(frames).per_second(frames[-1] + 0.1) == pytest.approx(fps, abs=0.25)


@given(frames=times)
def test_rate_of_a_stream_that_stopped_falls_to_zero(frames: list[float]) -> None:
    rate = rate_of(frames)
    # After one second the rate does not rise any more.
    shown = [rate.per_second(frames[-1] + 1 + 0.1 * step) for step in range(40)]

    assert shown == sorted(shown, reverse=True)
    assert shown[-1] == 0.0
