"""How a caller's thread waits: with a deadline, and so that Ctrl-C is noticed."""

from __future__ import annotations

import concurrent.futures
import threading
import time
from collections.abc import Callable
from typing import Final, TypeVar

__all__ = ["LONGEST_WAIT_SECONDS", "Deadline", "result_of", "wait_for"]

Result = TypeVar("Result")

LONGEST_WAIT_SECONDS: Final = 0.5
"""Of a single wait: CPython notices a signal that arrives just before a wait only after it."""

_LONGEST_SECONDS: Final = 1e6
"""Eleven days; `poll` counts milliseconds in 32 bits."""


class Deadline:
    """A timeout that several waits share.

    Args:
        seconds: Time from now, in seconds.
    """

    __slots__ = ("_end", "seconds")

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def remaining(self) -> float:
        """Seconds left: never negative, and never more than sockets and locks take, however long the timeout is."""
        return min(max(0.0, self._end - time.monotonic()), _LONGEST_SECONDS)


def wait_for(condition: threading.Condition, predicate: Callable[[], object], deadline: Deadline) -> bool:
    """`Condition.wait_for` that notices every Ctrl-C.

    CPython notices a signal that arrives just before a wait only after it, so no wait here is long.

    Args:
        condition: Held by the caller.
        predicate: What is waited for.
        deadline: How long.

    Returns:
        Whether it came true.
    """
    while not predicate():
        remaining = deadline.remaining()
        if not remaining:
            return False
        condition.wait(min(remaining, LONGEST_WAIT_SECONDS))
    return True


def result_of(future: concurrent.futures.Future[Result], deadline: Deadline) -> Result:
    """`Future.result` that notices every Ctrl-C, see `wait_for`.

    Raises:
        TimeoutError: There is none in time, or the future's own exception is one.
    """
    while True:
        remaining = deadline.remaining()
        try:
            return future.result(min(remaining, LONGEST_WAIT_SECONDS))
        except TimeoutError:
            if future.done() or remaining <= LONGEST_WAIT_SECONDS:
                raise
