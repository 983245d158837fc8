"""Waits of a caller's thread: with a deadline, and interruptible by Ctrl-C."""

from __future__ import annotations

import concurrent.futures
import math
import time
from collections.abc import Callable
from numbers import Real
from typing import Final, TypeVar

from .interruptible import Condition

__all__ = ["MAX_WAIT_SECONDS", "Deadline", "check_timeout", "result_of", "wait_for"]

Result = TypeVar("Result")

MAX_WAIT_SECONDS: Final = 0.5
"""Maximum of a single wait: CPython notices a signal that arrives just before a wait only after it."""

_MAX_SECONDS: Final = 1e6
"""Eleven days; `poll` counts milliseconds in 32 bits."""


def check_timeout(seconds: float) -> float:
    """Check a timeout.

    Args:
        seconds: 0 or more; `math.inf`: forever.

    Returns:
        The same number as a float; `math.inf` for an integer that is too large for one.

    Raises:
        ValueError: It is negative or NaN.
        TypeError: It is not a number.
    """
    # The usual types first: a check against an abstract class takes ten times as long, and every message has a timeout.
    if not isinstance(seconds, int | float) and not isinstance(seconds, Real):
        raise TypeError(f"a timeout must be a number of seconds, not {seconds!r:.100}")
    if not seconds >= 0:
        raise ValueError(f"a timeout must be 0 seconds or more, not {seconds!r:.100}")
    try:
        return float(seconds)
    except OverflowError:
        return math.inf


class Deadline:
    """A timeout that several waits share.

    Args:
        seconds: Time from now, in seconds.

    Raises:
        ValueError: The time is negative or NaN.
        TypeError: It is not a number.
    """

    __slots__ = ("_end", "seconds")

    def __init__(self, seconds: float) -> None:
        self.seconds = check_timeout(seconds)
        self._end = time.monotonic() + self.seconds

    def __str__(self) -> str:
        # The remainder of another timeout is not a round number.
        return f"{round(self.seconds, 2):g} s" if self.seconds >= 1 else f"{self.seconds:.2g} s"

    def remaining(self) -> float:
        """Seconds left: never negative, and never more than sockets and locks accept, however long the timeout is."""
        return min(max(0.0, self._end - time.monotonic()), _MAX_SECONDS)


def wait_for(condition: Condition, predicate: Callable[[], object], deadline: Deadline) -> bool:
    """`Condition.wait_for` that notices every Ctrl-C.

    CPython notices a signal that arrives just before a wait only after it, so each wait here is short.

    Args:
        condition: Held by the caller.
        predicate: Called until it returns something true.
        deadline: How long to wait.

    Returns:
        Whether the predicate came true.
    """
    while not predicate():
        remaining = deadline.remaining()
        if not remaining:
            return False
        condition.wait(min(remaining, MAX_WAIT_SECONDS))
    return True


def result_of(future: concurrent.futures.Future[Result], deadline: Deadline) -> Result:
    """`Future.result` that notices every Ctrl-C, see `wait_for`.

    Raises:
        TimeoutError: There is no result within the deadline, or the future's own exception is one.
        Exception: The future's own exception.
    """
    while True:
        remaining = deadline.remaining()
        try:
            return future.result(min(remaining, MAX_WAIT_SECONDS))
        except TimeoutError:
            if future.done():
                # Its own exception, or it was done just after the wait.
                return future.result()
            if remaining <= MAX_WAIT_SECONDS:
                raise
