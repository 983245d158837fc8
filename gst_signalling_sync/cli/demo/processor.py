"""`ProcessorUse`: the processor time of the demo's processes, on which its figures depend."""

from __future__ import annotations

import os
from typing import Final

__all__ = ["ProcessorUse", "available_cores", "other_load"]

_BUSY: Final = 0.75
"""Share of busy cores from which on threads often wait for one."""


class ProcessorUse:
    """The processor time of several processes over the same time.

    Args:
        cores: Number of cores that the processes may run on.
    """

    def __init__(self, cores: int) -> None:
        self.cores = cores
        self._begin: dict[int, float] = {}
        self._latest: dict[int, float] = {}

    @property
    def processes(self) -> int:
        """Number of processes that have reported."""
        return len(self._latest)

    def add(self, process_id: int, seconds: float) -> None:
        """Record the processor time of a process since its start."""
        self._latest[process_id] = seconds

    def begin(self) -> None:
        """Count from now on."""
        self._begin = dict(self._latest)

    def cores_used(self, elapsed: float) -> float:
        """Average number of cores that the processes kept busy.

        Args:
            elapsed: Seconds since `begin`.
        """
        used = sum(seconds - self._begin.get(process_id, 0.0) for process_id, seconds in self._latest.items())
        return used / elapsed if elapsed > 0 else 0.0

    def explanation(self, elapsed: float, load: float) -> str:
        """The meaning of the demo's figures on this machine, in words.

        Args:
            elapsed: Seconds since `begin`.
            load: The machine's load average: threads that run, or wait for a core.
        """
        used = self.cores_used(elapsed)
        said = f"{self.processes} processes drew, encoded and decoded video in software on {used:.1f} of {self.cores} cores"
        if used > _BUSY * self.cores or load > self.cores:
            return f"{said} (load {load:.1f}): the cores were busy, so p99 is mostly waiting for one"
        return f"{said}; waiting for a core is part of every figure"


def available_cores() -> int:
    """Number of cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def other_load() -> float:
    """The load average of the last minute; 0 where the system has none."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
