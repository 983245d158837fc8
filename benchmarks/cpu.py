"""`CpuClock`: the processor time of a process. Imports the standard library only."""

from __future__ import annotations

import time
from typing import Final

__all__ = ["CpuClock"]

_SCHEDULED: Final = 2
"""CPUCLOCK_SCHED of Linux: user and system time in nanoseconds."""


class CpuClock:
    """The processor time of another process and of this one, all their threads included.

    Args:
        pid: Of the other process, on this machine and of the same user.
    """

    def __init__(self, pid: int) -> None:
        # The clock id that clock_getcpuclockid(3) returns; Python does not have that function.
        self._clock = (~pid << 3) | _SCHEDULED

    def read(self) -> tuple[float, float]:
        """The processor time of the other process and of this one, in seconds."""
        return time.clock_gettime(self._clock), time.process_time()

    def since(self, before: tuple[float, float]) -> tuple[float, float]:
        """The processor time of the other process and of this one since an earlier `read`, in seconds.

        Args:
            before: The result of that `read`.
        """
        theirs, own = self.read()
        return theirs - before[0], own - before[1]
