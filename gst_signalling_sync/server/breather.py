"""`Breather`: makes a busy server release the interpreter (GIL), so that other threads of its process run."""

from __future__ import annotations

import time
from typing import Final

__all__ = ["Breather"]

BUSY_SECONDS: Final = 0.002
"""Processor time between two sleeps."""

BREATH_SECONDS: Final = 0.0001
"""Length of a sleep: enough for another thread to wake and take the interpreter."""


class Breather:
    """Sleeps for a moment whenever the server's thread has been busy for a while.

    CPython hands its lock to a waiting thread after the switch interval (5 ms) only if the holder keeps it for that long. An
    event loop releases the lock around every system call and takes it back before the other thread has woken, which then waits
    for another 5 ms: a robot's loop beside a busy server was up to 200 ms late. A sleeping server cannot take it back.
    """

    def __init__(self) -> None:
        self._processor_time = 0.0
        self._time = 0.0
        # The earliest time at which this thread can have been busy for long enough again. Until then its processor time is
        # not asked for, which is a system call of a microsecond.
        self._due = 0.0

    def breathe(self) -> None:
        """Sleep if this thread has been busy for most of the recent time. To be called after each piece of work."""
        now = time.monotonic()
        if now < self._due:
            return
        processor_time = time.thread_time()
        busy = processor_time - self._processor_time
        if busy < BUSY_SECONDS:
            self._due = now + BUSY_SECONDS - busy
            return
        if now - self._time < 2 * busy:
            time.sleep(BREATH_SECONDS)
        self._processor_time, self._time, self._due = processor_time, now, now + BUSY_SECONDS
