"""`Breather`: a busy server lets the other threads of its process run."""

from __future__ import annotations

import time
from typing import Final

__all__ = ["Breather"]

BUSY_SECONDS: Final = 0.002
"""Processor time between two breaths."""

BREATH_SECONDS: Final = 0.0001
"""Enough for another thread to wake and take the interpreter."""


class Breather:
    """Sleeps for a moment whenever the server's thread has been busy for a while.

    CPython's lock goes to a waiting thread after the switch interval (5 ms) at the latest only where its holder keeps it for
    so long. An event loop gives it up around every system call, and has it back before the other thread has woken, which then
    waits for another 5 ms: a robot's loop beside a busy server was up to 200 ms late. A server that sleeps cannot have it back.
    """

    def __init__(self) -> None:
        self._processor_time = 0.0
        self._time = 0.0
        # When this thread can have been busy for long enough again at the earliest. Its processor time is asked for by a
        # system call, which takes a microsecond.
        self._due = 0.0

    def breathe(self) -> None:
        """Sleep if this thread was busy for most of a while; to be called where it is done with something."""
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
