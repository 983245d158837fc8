"""`SteppedLoop`: a loop that calls functions when it is told to."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import cast

from gst_signalling_sync.threads.loop_thread import LoopThread

__all__ = ["SteppedLoop"]


class SteppedLoop:
    """Keeps the functions that it must call.

    Attributes:
        is_closed: Whether it takes no more functions.
    """

    def __init__(self) -> None:
        self.is_closed = False
        self._calls: deque[Callable[[], object]] = deque()

    @property
    def thread(self) -> LoopThread:
        """This, in the place of a loop's thread."""
        return cast(LoopThread, self)

    def call(self, function: Callable[..., object], *arguments: object) -> bool:
        """Keep a function; see `LoopThread.call`."""
        if not self.is_closed:
            self._calls.append(lambda: function(*arguments))
        return not self.is_closed

    def run(self, calls: int | None = None) -> None:
        """Call the functions so far, or some of them.

        Args:
            calls: Maximum number of calls. Defaults to None: all.
        """
        for _ in range(len(self._calls) if calls is None else min(calls, len(self._calls))):
            self._calls.popleft()()
