"""The clock by which peers are told times of this process: those of frames, sound and messages."""

from __future__ import annotations

import time
from typing import Final

from ..threads import clock

__all__ = ["capture_time", "ntp_time", "told_time", "told_time_of_date"]

_WALL_CLOCK_OFFSET: Final = time.time() - time.monotonic()
_NTP_EPOCH_OFFSET: Final = 2_208_988_800
"""Seconds from 1900 to 1970 (RFC 5905)."""

_NTP_MASK: Final = (1 << 64) - 1

_OLDEST_SECONDS: Final = 60.0
"""Maximum age of a live frame. A time that seems older was measured on another clock."""


def capture_time(captured: float, now: float) -> float:
    """Check a capture time that a caller gave.

    Args:
        captured: Capture time in seconds, from `time.monotonic`. It may be in the near future if it was converted from another
            clock.
        now: The time, from `time.monotonic`.

    Returns:
        The capture time, or `now` if that is earlier.

    Raises:
        ValueError: It is not within a minute of now.
    """
    if not abs(now - captured) <= _OLDEST_SECONDS:
        raise ValueError(
            f"captured must be within {_OLDEST_SECONDS:g} s of time.monotonic(), which is {now:.3f} now, not {captured!r}"
        )
    return min(captured, now)


def told_time(monotonic: float) -> float:
    """Convert a time of `time.monotonic` to the Unix time that peers are told, in seconds.

    It does not follow changes of the system clock, which would break the synchronisation of sound and video.
    """
    return monotonic + _WALL_CLOCK_OFFSET


def told_time_of_date(date: float) -> float:
    """Convert a time of `threads.clock`, which counts suspension of this machine, to the Unix time that peers are told."""
    return told_time(time.monotonic() - (clock.now() - date))


def ntp_time(monotonic: float) -> int:
    """Convert a time of `time.monotonic` to the NTP time that peers are told, in units of 2^-32 s.

    It wraps in 2036, where a new era begins (RFC 5905 section 6).
    """
    return int((told_time(monotonic) + _NTP_EPOCH_OFFSET) * 2**32) & _NTP_MASK
