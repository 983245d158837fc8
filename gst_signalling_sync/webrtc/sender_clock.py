"""The clock by which the other ends are told of moments of this process: of frames, sound and messages."""

from __future__ import annotations

import time
from typing import Final

from ..threads import clock

__all__ = ["capture_time", "ntp_time", "told_time", "told_time_of_date"]

_WALL_CLOCK_OFFSET: Final = time.time() - time.monotonic()
_NTP_EPOCH_OFFSET: Final = 2_208_988_800
"""Seconds from 1900 to 1970 (RFC 5905)."""

_OLDEST_SECONDS: Final = 60.0
"""Nothing live is older: what seems so was measured on another clock."""


def capture_time(captured: float, now: float) -> float:
    """Check when a caller says that something was captured.

    Args:
        captured: On the clock of `time.monotonic`; a little ahead of it where it was converted from another clock.
        now: `time.monotonic`.

    Returns:
        That moment, at the latest now.

    Raises:
        ValueError: It is not within a minute of now.
    """
    if not abs(now - captured) <= _OLDEST_SECONDS:
        raise ValueError(
            f"captured={captured!r}: a moment within {_OLDEST_SECONDS:g} s of now on the clock of time.monotonic(), "
            f"which is at {now:.3f}"
        )
    return min(captured, now)


def told_time(monotonic: float) -> float:
    """What the other ends are told of a moment of `time.monotonic`: Unix time, in seconds.

    It does not follow a wall clock that is set meanwhile, which would tear sound from video.
    """
    return monotonic + _WALL_CLOCK_OFFSET


def told_time_of_date(date: float) -> float:
    """As `told_time`, of a moment of `threads.clock`, since which this machine may have slept."""
    return told_time(time.monotonic() - (clock.now() - date))


def ntp_time(monotonic: float) -> int:
    """The NTP time of `told_time`, in units of 2^-32 s."""
    return int((told_time(monotonic) + _NTP_EPOCH_OFFSET) * 2**32)
