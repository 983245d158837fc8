"""`Retry` and `Backoff`: exponential backoff with jitter for connections that are made again.

No clock: every method that depends on time takes `now`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from typing import Final

__all__ = ["DEFAULT_RETRY", "Backoff", "Retry"]


def _check(name: str, value: float, lowest: float, highest: float) -> None:
    if not isinstance(value, Real):
        raise TypeError(f"{name} must be a number, not {value!r:.100}")
    if not lowest <= value <= highest or math.isinf(value):
        limits = f"{lowest:g} or more" if math.isinf(highest) else f"between {lowest:g} and {highest:g}"
        raise ValueError(f"{name} must be {limits}, not {value!r}")


@dataclass(frozen=True, slots=True)
class Retry:
    """How a role connects to its signalling server again; a value that any number of roles may share.

    The interval before attempt *n*, counted from 0, is ``min(maximum, first * factor ** n)``. The delay is drawn from its upper
    part, ``interval * (1 - jitter)`` to ``interval``, so that a fleet does not reconnect at the same moment.

    Example:
        Producer(name="robot", retry=Retry(maximum=1.5, wait_for_server=True))

    Args:
        first: Seconds before the first attempt. Defaults to 0.25.
        factor: Factor by which the interval grows after each attempt, 1 or more. Defaults to 2.
        maximum: Maximum interval in seconds. Defaults to 5.
        jitter: Share of the interval that is random, 0 to 1. Defaults to 0.5; 1 is the "full jitter" of the literature.
        give_up_after: Seconds after the loss at which the role gives up and is closed. Defaults to None: never.
        wait_for_server: Whether `start` waits, within its timeout, for a server that is not there yet. Defaults to False.

    Raises:
        ValueError: A number is out of its range.
        TypeError: A value is not a number.
    """

    first: float = 0.25
    factor: float = 2.0
    maximum: float = 5.0
    jitter: float = 0.5
    give_up_after: float | None = None
    wait_for_server: bool = False

    def __post_init__(self) -> None:
        _check("first", self.first, 0.0, math.inf)
        _check("factor", self.factor, 1.0, math.inf)
        _check("maximum", self.maximum, 0.0, math.inf)
        _check("jitter", self.jitter, 0.0, 1.0)
        if self.give_up_after is not None:
            _check("give_up_after", self.give_up_after, 0.0, math.inf)
        if self.first > self.maximum:
            raise ValueError(f"first must be at most maximum={self.maximum:g}, not {self.first:g}")

    def interval(self, attempt: int) -> float:
        """The interval before an attempt.

        Args:
            attempt: Its number, counted from 0.

        Returns:
            Seconds.
        """
        try:
            return min(self.maximum, self.first * self.factor**attempt)
        except OverflowError:
            return self.maximum if self.first else 0.0


DEFAULT_RETRY: Final = Retry()
"""How roles reconnect by default."""


class Backoff:
    """When the next attempt is due, from the loss of a connection to the next success.

    Args:
        retry: The intervals.
        random: Returns numbers in ``[0, 1)``, from which the jitter is drawn.
    """

    def __init__(self, retry: Retry, random: Callable[[], float]) -> None:
        self._retry = retry
        self._random = random
        self._attempt = 0
        self._lost_at: float | None = None
        self._succeeded_at: float | None = None

    def lost(self, now: float, *, begins_again: bool = False) -> None:
        """Record that the connection was lost.

        A connection that lasted less than the maximum interval does not reset the intervals: a server that accepts connections
        and drops them at once must not be asked ever faster.

        Args:
            now: The time, in seconds.
            begins_again: Whether to reset the intervals in any case, because the server did not cause the loss.
        """
        if begins_again or self._succeeded_at is None or now - self._succeeded_at >= self._retry.maximum:
            self._attempt = 0
        self._lost_at = now
        self._succeeded_at = None

    def succeeded(self, now: float) -> None:
        """Record that a connection was made."""
        self._lost_at = None
        self._succeeded_at = now

    def next_attempt(self, now: float) -> float | None:
        """Draw the time of the next attempt.

        Args:
            now: The time of the loss, or of the last attempt's failure.

        Returns:
            The time on the caller's clock; None where `Retry.give_up_after` is over before it.
        """
        interval = self._retry.interval(self._attempt)
        self._attempt += 1
        due = now + interval * (1.0 - self._retry.jitter * self._random())
        give_up_after = self._retry.give_up_after
        if give_up_after is not None and self._lost_at is not None and due > self._lost_at + give_up_after:
            return None
        return due
