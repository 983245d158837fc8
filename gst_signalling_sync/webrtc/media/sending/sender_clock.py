"""The clock that all sources of this process are told by to the other ends."""

from __future__ import annotations

import time
from typing import Final

__all__ = ["ntp_time"]

_WALL_CLOCK_OFFSET: Final = time.time() - time.monotonic()
_NTP_EPOCH_OFFSET: Final = 2_208_988_800
"""Seconds from 1900 to 1970 (RFC 5905)."""


def ntp_time(monotonic: float) -> int:
    """The NTP time of a moment of `time.monotonic`, in units of 2^-32 s.

    It does not follow a wall clock that is set meanwhile, which would tear sound from picture.
    """
    return int((monotonic + _WALL_CLOCK_OFFSET + _NTP_EPOCH_OFFSET) * 2**32)
