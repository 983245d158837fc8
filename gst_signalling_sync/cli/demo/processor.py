"""`ProcessorUse`: how much of the machine's processor time the demo's processes take, which is what its figures are made of."""

from __future__ import annotations

import os
from typing import Final

__all__ = ["ProcessorUse", "available_cores", "other_load"]

_BUSY: Final = 0.75
"""The part of the cores from which on threads often wait for one."""


class ProcessorUse:
    """The processor time of several processes over the same time.

    Args:
        cores: How many the processes may run on.
    """

    def __init__(self, cores: int) -> None:
        self.cores = cores
        self._begin: dict[int, float] = {}
        self._latest: dict[int, float] = {}

    @property
    def processes(self) -> int:
        """How many have told."""
        return len(self._latest)

    def take(self, process_id: int, seconds: float) -> None:
        """Take note of the processor time that a process has had since it began."""
        self._latest[process_id] = seconds

    def begin(self) -> None:
        """Count from here on."""
        self._begin = dict(self._latest)

    def cores_used(self, elapsed: float) -> float:
        """How many cores the processes kept busy, in the mean.

        Args:
            elapsed: Seconds since `begin`.
        """
        used = sum(seconds - self._begin.get(process_id, 0.0) for process_id, seconds in self._latest.items())
        return used / elapsed if elapsed > 0 else 0.0

    def explanation(self, elapsed: float, load: float) -> str:
        """What the demo's figures mean on this machine, for people.

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
    """How many cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def other_load() -> float:
    """The load average of the last minute; 0 where the system does not tell."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
