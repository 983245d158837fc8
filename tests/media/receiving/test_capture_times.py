"""Capture times of frames by their RTP timestamps, for days."""

from __future__ import annotations

import pytest

from gst_signalling_sync.webrtc.media.receiving.capture_times import CaptureTimes
from gst_signalling_sync.webrtc.media.receiving.timeline import Timeline

RATE = 90_000
UNIX_EPOCH_IN_NTP = 2_208_988_800
WALL = 1_700_000_000


def ntp(unix: float) -> int:
    """The NTP time of Unix time in seconds."""
    return int((unix + UNIX_EPOCH_IN_NTP) * 2**32)


def test_frames_of_three_days_have_their_times() -> None:
    # RTP timestamps wrap five times.
    timeline, captures = Timeline(RATE), CaptureTimes()
    for second in range(3 * 86_400):
        timestamp = (123_456_789 + second * RATE) & 0xFFFFFFFF
        captures.note(timestamp, ntp(WALL + second))

        position = timeline.advance(timestamp, 1000.0 + second)

        assert captures.pop(timeline.wire(position)) == pytest.approx(WALL + second, abs=1e-3)
        assert position == 123_456_789 + second * RATE


def test_frames_after_a_silence_of_a_day_have_their_times() -> None:
    timeline, captures = Timeline(RATE), CaptureTimes()
    for second in (0, 1, 86_401, 86_402):
        timestamp = second * RATE & 0xFFFFFFFF
        captures.note(timestamp, ntp(WALL + second))

        assert captures.pop(timeline.wire(timeline.advance(timestamp, 1000.0 + second))) == WALL + second


def test_frames_that_never_complete_are_forgotten() -> None:
    captures = CaptureTimes()
    for timestamp in range(100_000):
        captures.note(timestamp, ntp(WALL))

    known = sum(captures.pop(timestamp) is not None for timestamp in range(100_000))

    assert known <= 256
