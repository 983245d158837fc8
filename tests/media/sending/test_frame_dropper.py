"""Frames are left out while an encoder exceeds its bitrate."""

from __future__ import annotations

import pytest

from gst_signalling_sync.webrtc.media.sending.frame_dropper import FrameDropper

FPS = 30


def sent(bits_per_frame: float, bitrate: int, seconds: float, dropper: FrameDropper | None = None) -> list[bool]:
    """Whether each frame of some seconds was sent."""
    dropper = dropper or FrameDropper()
    outcome = []
    for number in range(round(seconds * FPS)):
        drops = dropper.must_drop(number / FPS)
        if not drops:
            dropper.encoded(round(bits_per_frame), bitrate)
        outcome.append(not drops)
    return outcome


@pytest.mark.parametrize("share", [0.5, 0.9, 1.0])
def test_encoder_that_keeps_its_bitrate_loses_no_frame(share: float) -> None:
    assert all(sent(share * 300_000 / FPS, 300_000, 60.0))


def test_frames_of_different_sizes_that_keep_the_bitrate_are_all_sent() -> None:
    dropper = FrameDropper()
    for number in range(600):
        assert not dropper.must_drop(number / FPS)
        # One frame in five takes four times as much as the others.
        dropper.encoded(25_000 if number % 5 == 0 else 6_000, 300_000)


@pytest.mark.parametrize("factor", [1.5, 2.7, 5.0])
def test_what_is_sent_keeps_the_bitrate(factor: float) -> None:
    outcome = sent(factor * 200_000 / FPS, 200_000, 20.0)

    bits = sum(outcome) * factor * 200_000 / FPS
    # At most the excess that is allowed, and the frame that reaches it.
    assert bits <= 200_000 * (20.0 + 0.2) + factor * 200_000 / FPS
    assert bits >= 200_000 * 19.0


def test_first_frames_are_sent_at_once_and_the_gaps_are_short() -> None:
    outcome = sent(2.7 * 200_000 / FPS, 200_000, 2.0)

    assert all(outcome[:4])
    assert "000" not in "".join(str(int(each)) for each in outcome)


def test_frames_of_the_former_bitrate_are_not_held_against_a_lower_one() -> None:
    dropper = FrameDropper()
    for number in range(30):
        assert not dropper.must_drop(number / FPS)
        dropper.encoded(80_000, 2_400_000)

    assert not dropper.must_drop(1.0)


def test_pause_forgives_all() -> None:
    dropper = FrameDropper()
    assert not dropper.must_drop(0.0)
    dropper.encoded(1_000_000, 200_000)

    assert dropper.must_drop(1.0)
    assert dropper.must_drop(4.7)
    assert not dropper.must_drop(4.9)
