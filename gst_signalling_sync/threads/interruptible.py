"""`Condition`, `Event` and `Future` that a Ctrl-C cannot leave locked.

A ``with`` statement enters and leaves Python's own by methods in Python, in which the interpreter looks for signals after the
lock was taken and before it is given back. A `KeyboardInterrupt` there leaves it locked forever, with every thread that wants
it, the event loop's among them. Here the statement is given the methods of the lock itself, which are in C.
"""

from __future__ import annotations

import concurrent.futures
import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

__all__ = ["Condition", "Event", "Future"]

Result = TypeVar("Result")


class Condition(threading.Condition):
    """Like `threading.Condition` with a lock of its own."""

    def __init__(self) -> None:
        # That it tells whether this thread holds it is not known to type checkers.
        self._rlock: Any = threading.RLock()
        super().__init__(self._rlock)

    @property
    def __enter__(self) -> Callable[[], bool]:
        """What takes the lock."""
        enter: Callable[[], bool] = self._rlock.__enter__
        return enter

    @property
    def __exit__(self) -> Callable[..., None]:  # noqa: PLE0302 - it is the property that has no parameters
        """What gives it back."""
        leave: Callable[..., None] = self._rlock.__exit__
        return leave

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until somebody notifies; the lock is held when this ends, however it does.

        Args:
            timeout: Seconds; None: forever.

        Returns:
            False when the time is over.
        """
        try:
            return super().wait(timeout)
        finally:
            if not self._rlock._is_owned():
                # Interrupted between giving it back and beginning to wait.
                self._rlock.acquire()


class Event(threading.Event):
    """Like `threading.Event`."""

    def __init__(self) -> None:
        super().__init__()
        self._cond = Condition()


class Future(concurrent.futures.Future[Result], Generic[Result]):
    """Like `concurrent.futures.Future`."""

    def __init__(self) -> None:
        super().__init__()
        self._condition = Condition()
