"""`Turns`: a queue of workers on an event loop, which serves its sockets between two slices of their work."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from typing import Final, Protocol

from .breather import Breather

__all__ = ["Turns", "Worker"]

logger = logging.getLogger(__name__)

SLICE_SECONDS: Final = 0.002
"""How long workers run until the loop serves its sockets again. A robot's loop in the same process may have to wait that long
for the interpreter, and a peer with a single message for its answer."""


class Worker(Protocol):
    """Does its work in small pieces."""

    def take_turn(self) -> bool:
        """Do a piece of work.

        Returns:
            Whether there is more, for another turn.
        """


class Turns:
    """Gives turns to workers, one after another, in slices of time.

    Args:
        loop: The event loop.
        breather: Lets other threads run between two slices.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, breather: Breather) -> None:
        self._loop = loop
        self._breather = breather
        self._waiting: deque[Worker] = deque()
        self._is_scheduled = False

    def __len__(self) -> int:
        """The number of waiting workers."""
        return len(self._waiting)

    def wait(self, worker: Worker) -> None:
        """Put a worker at the end of the queue.

        Args:
            worker: Must not be in the queue.
        """
        self._waiting.append(worker)
        self._schedule()

    def _schedule(self) -> None:
        if not self._is_scheduled:
            self._is_scheduled = True
            self._loop.call_soon(self._run)

    def _run(self) -> None:
        self._is_scheduled = False
        end = time.monotonic() + SLICE_SECONDS
        while self._waiting:
            worker = self._waiting.popleft()
            try:
                has_more = worker.take_turn()
            except Exception:
                # The others must still get their turns.
                logger.exception("signalling server: internal error")
            else:
                if has_more:
                    self._waiting.append(worker)
            if time.monotonic() >= end:
                break
        self._breather.breathe()
        if self._waiting:
            self._schedule()
