"""`CpuClock`: the processor time that processes take. Imports the standard library only."""

from __future__ import annotations

import time
from typing import Final

__all__ = ["CpuClock"]

_SCHEDULED: Final = 2
"""CPUCLOCK_SCHED of Linux: user and system time, in nanoseconds."""


class CpuClock:
    """Tells what a process, its threads included, and this one have taken.

    Args:
        pid: Of the other process, of the same user on this machine.
    """

    def __init__(self, pid: int) -> None:
        # What clock_getcpuclockid(3) returns, which Python does not have.
        self._clock = (~pid << 3) | _SCHEDULED

    def read(self) -> tuple[float, float]:
        """Seconds of the other process and of this one."""
        return time.clock_gettime(self._clock), time.process_time()

    def since(self, before: tuple[float, float]) -> tuple[float, float]:
        """Seconds of the other process and of this one since an earlier `read`.

        Args:
            before: What it returned.
        """
        theirs, own = self.read()
        return theirs - before[0], own - before[1]
