"""`Gaps`: the packets of a stream that are missing, and when to ask for each of them again."""

from __future__ import annotations

import math
from typing import Final

__all__ = ["Gaps"]

_MIN_SECONDS: Final = 0.03
_MAX_SECONDS: Final = 0.2
_GROWTH: Final = 1.5
_FIRST_ROUND_TRIP: Final = 0.02
_MARGIN: Final = 1.5
_SMOOTHING: Final = 0.125

_MAX_AT_ONCE: Final = 250
"""Sequence numbers in one request: with 5 bytes each it still fits a packet."""


class _Missing:
    """A packet that is missing, and when to ask for it next."""

    __slots__ = ("due_at", "interval", "since")

    def __init__(self, now: float, interval: float) -> None:
        self.since = now
        self.due_at = now
        self.interval = interval


class Gaps:
    """What is missing of one stream, by sequence numbers that do not wrap, in ascending order.

    A packet is asked for at once, then after roughly a round trip, and then at growing intervals. False without any.

    Args:
        patience: Seconds after which `is_too_late` gives up.
    """

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._missing: dict[int, _Missing] = {}
        self._end = 0
        # No packet is due before this.
        self._next_due = 0.0
        self._round_trip = _FIRST_ROUND_TRIP
        self.packets_repaired = 0

    def __bool__(self) -> bool:
        return bool(self._missing)

    @property
    def due_at(self) -> float | None:
        """When `due` or `is_too_late` change by themselves, None if nothing is missing."""
        if not self._missing:
            return None
        first = next(iter(self._missing.values()))
        return min(first.since + self._patience, self._next_due)

    def extend(self, begin: int, number: int, now: float) -> None:
        """Take note that a packet came: whatever is before it and did not is missing.

        Args:
            begin: The first packet that matters.
            number: The one that came.
            now: Seconds.
        """
        for missing in range(max(self._end, begin), number):
            self._missing[missing] = _Missing(now, self._interval)
            self._next_due = now
        self._end = max(self._end, number + 1)

    def fill(self, number: int, now: float) -> None:
        """Take note that a packet came which may have been missing."""
        missing = self._missing.pop(number, None)
        if missing is not None:
            self.packets_repaired += 1
            self._round_trip += _SMOOTHING * (now - missing.since - self._round_trip)

    def due(self, now: float) -> list[int]:
        """The packets to be asked for now, in ascending order; each then waits for its next turn."""
        due: list[int] = []
        if now < self._next_due:
            return due
        next_due = math.inf
        for number, missing in self._missing.items():
            if missing.due_at <= now and len(due) < _MAX_AT_ONCE:
                missing.due_at = now + missing.interval
                missing.interval = min(missing.interval * _GROWTH, _MAX_SECONDS)
                due.append(number)
            next_due = min(next_due, missing.due_at)
        self._next_due = next_due
        return due

    def is_too_late(self, now: float) -> bool:
        """Whether the first packet is missing for too long."""
        first = next(iter(self._missing.values()), None)
        return first is not None and now >= first.since + self._patience

    def end_of_first(self) -> int:
        """The packet behind the first gap, which has come."""
        number = next(iter(self._missing))
        while number in self._missing:
            number += 1
        return number

    def forget_before(self, number: int) -> int:
        """Give up the packets before that one.

        Returns:
            How many were missing.
        """
        lost = 0
        for missing in list(self._missing):
            if missing >= number:
                break
            del self._missing[missing]
            lost += 1
        return lost

    def clear(self) -> None:
        """Forget everything; what comes next is another stream, or far ahead."""
        self._missing.clear()
        self._end = 0

    @property
    def _interval(self) -> float:
        return min(max(_MIN_SECONDS, _MARGIN * self._round_trip), _MAX_SECONDS)
