"""The clock of silence, age, leases and retries (CLOCK_BOOTTIME): it never jumps, and counts suspended time."""

from __future__ import annotations

import time
from typing import Final

__all__ = ["now"]

# On Linux `time.monotonic` stops while the machine is suspended.
_BOOT_CLOCK: Final[int | None] = getattr(time, "CLOCK_BOOTTIME", None)


def now() -> float:
    """The current time.

    Returns:
        Seconds since an unspecified moment, the same for all threads of this machine.
    """
    return time.monotonic() if _BOOT_CLOCK is None else time.clock_gettime(_BOOT_CLOCK)
