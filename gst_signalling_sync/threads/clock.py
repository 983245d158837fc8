"""The clock of silence, age, leases and retries: it never jumps, and counts the time that a machine sleeps."""

from __future__ import annotations

import time
from typing import Final

__all__ = ["now"]

# Linux has it; `time.monotonic` stands still there while the machine is suspended.
_BOOT_CLOCK: Final[int | None] = getattr(time, "CLOCK_BOOTTIME", None)


def now() -> float:
    """The time.

    Returns:
        Seconds since some moment in the past, the same for all threads of this machine.
    """
    return time.monotonic() if _BOOT_CLOCK is None else time.clock_gettime(_BOOT_CLOCK)
