"""`Gaps`: the missing packets of a stream, and when to request each of them again (NACK, RFC 4585 section 6.2.1)."""

from __future__ import annotations

import math
from typing import Final

__all__ = ["Gaps"]

_MIN_SECONDS: Final = 0.03
_MAX_SECONDS: Final = 0.2
_GROWTH: Final = 1.5
_STEADY_REQUESTS: Final = 3
"""Number of requests for a packet after which the intervals grow: the link may have a long queue instead of losses."""

_FIRST_ROUND_TRIP: Final = 0.05
_MARGIN: Final = 1.25
_SMOOTHING: Final = 0.5
_MAX_FALL: Final = 0.25
_MAX_RISE: Final = 0.1
"""Shares of the round trip by which one packet changes it at most. The few packets whose first request or answer was lost say
nothing about it; one that came sooner does."""

_MAX_AT_ONCE: Final = 250
"""Maximum number of sequence numbers in one request, which fits a packet even at 5 bytes each."""


class _Missing:
    """A missing packet, how often it was requested, and when to request it next."""

    __slots__ = ("due_at", "interval", "requests", "since")

    def __init__(self, now: float, interval: float) -> None:
        self.since = now
        self.due_at = now
        self.interval = interval
        self.requests = 0


class Gaps:
    """The missing packets of one stream, by sequence numbers without wrapping, in ascending order. False if there are none.

    A packet is requested at once, then at intervals of roughly a round trip, which grow later.

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
        """When the result of `due` or `is_too_late` changes next; None: no packet is missing."""
        if not self._missing:
            return None
        first = next(iter(self._missing.values()))
        return min(first.since + self._patience, self._next_due)

    def extend(self, begin: int, number: int, now: float) -> None:
        """Record a packet that came: all packets before it that did not are missing.

        Args:
            begin: Number of the first packet that matters.
            number: Number of the packet that came.
            now: Seconds on any clock that does not jump.
        """
        for missing in range(max(self._end, begin), number):
            self._missing[missing] = _Missing(now, self._interval)
            self._next_due = now
        self._end = max(self._end, number + 1)

    def fill(self, number: int, now: float) -> None:
        """Record a packet that came and may have been missing."""
        missing = self._missing.pop(number, None)
        if missing is not None:
            self.packets_repaired += 1
            error = _SMOOTHING * (now - missing.since - self._round_trip)
            self._round_trip += max(-_MAX_FALL * self._round_trip, min(error, _MAX_RISE * self._round_trip))

    def due(self, now: float) -> list[int]:
        """The packets to request now, in ascending order. Each one is then due after its next interval."""
        due: list[int] = []
        if now < self._next_due:
            return due
        next_due = math.inf
        for number, missing in self._missing.items():
            if missing.due_at <= now and len(due) < _MAX_AT_ONCE:
                missing.due_at = now + missing.interval
                missing.requests += 1
                if missing.requests >= _STEADY_REQUESTS:
                    missing.interval = min(missing.interval * _GROWTH, _MAX_SECONDS)
                due.append(number)
            next_due = min(next_due, missing.due_at)
        self._next_due = next_due
        return due

    def is_too_late(self, now: float) -> bool:
        """Whether the first packet has been missing for too long."""
        first = next(iter(self._missing.values()), None)
        return first is not None and now >= first.since + self._patience

    def end_of_first(self) -> int:
        """Number of the first packet behind the first gap."""
        number = next(iter(self._missing))
        while number in self._missing:
            number += 1
        return number

    def forget_before(self, number: int) -> int:
        """Give up the missing packets before a number.

        Returns:
            Number of packets given up.
        """
        lost = 0
        for missing in list(self._missing):
            if missing >= number:
                break
            del self._missing[missing]
            lost += 1
        return lost

    def clear(self) -> None:
        """Forget everything; the next packet belongs to another stream, or is far ahead."""
        self._missing.clear()
        self._end = 0

    @property
    def _interval(self) -> float:
        return min(max(_MIN_SECONDS, _MARGIN * self._round_trip), _MAX_SECONDS)
