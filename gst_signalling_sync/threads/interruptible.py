"""`Condition`, `Event` and `Future` that Ctrl-C cannot leave locked.

A ``with`` statement enters and leaves Python's own classes by methods in Python. The interpreter looks for signals in these
methods after the lock was acquired and before it is released. A `KeyboardInterrupt` there leaves the lock acquired forever, and
blocks every thread that needs it, the event loop's included. Here the statement gets the methods of the lock itself, which are
in C.
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
        # Any, because type checkers do not know `RLock._is_owned`.
        self.lock: Any = threading.RLock()
        """For ``with`` statements in which nothing waits: it costs no calls in Python, unlike the condition itself."""
        super().__init__(self.lock)

    @property
    def __enter__(self) -> Callable[[], bool]:
        """Acquires the lock."""
        enter: Callable[[], bool] = self.lock.__enter__
        return enter

    @property
    def __exit__(self) -> Callable[..., None]:  # noqa: PLE0302 - it is the property that has no parameters
        """Releases the lock."""
        leave: Callable[..., None] = self.lock.__exit__
        return leave

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until another thread notifies; the lock is held when this returns or raises.

        Args:
            timeout: Seconds. Defaults to None: forever.

        Returns:
            False after the timeout.
        """
        try:
            return super().wait(timeout)
        finally:
            if not self.lock._is_owned():
                # Interrupted between the release and the wait.
                self.lock.acquire()


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
