"""`ReceivedTsns`: which TSNs were received, in runs beyond the cumulative one (RFC 9260 section 6.7)."""

from __future__ import annotations

import itertools
from bisect import bisect_right
from typing import Final

__all__ = ["MAX_AHEAD", "ReceivedTsns"]

MAX_AHEAD: Final = 0xFFFF
"""How far beyond the cumulative TSN an acknowledgement can tell of (RFC 9260 section 3.3.4)."""


class ReceivedTsns:
    """The TSNs of the peer that were received.

    Args:
        cumulative: The TSN before the peer's first.
    """

    def __init__(self, cumulative: int) -> None:
        self.cumulative = cumulative
        """All up to this one were received, or were given up by the peer."""

        self.has_gaps = False
        """Whether any is missing before one that was received."""

        self._firsts: list[int] = []
        self._lasts: list[int] = []

    def __contains__(self, tsn: int) -> bool:
        if tsn <= self.cumulative:
            return True
        index = bisect_right(self._firsts, tsn) - 1
        return index >= 0 and tsn <= self._lasts[index]

    def add(self, tsn: int) -> bool:
        """Take note of one.

        Returns:
            Whether it is new, and near enough to be acknowledged.
        """
        firsts, lasts = self._firsts, self._lasts
        if tsn == self.cumulative + 1:
            self.cumulative = tsn
            if firsts:
                self._absorb()
            return True
        if tsn <= self.cumulative or tsn > self.cumulative + MAX_AHEAD:
            return False
        index = bisect_right(firsts, tsn) - 1
        if index >= 0 and tsn <= lasts[index]:
            return False
        touches_before = index >= 0 and lasts[index] == tsn - 1
        touches_after = index + 1 < len(firsts) and firsts[index + 1] == tsn + 1
        if touches_before and touches_after:
            lasts[index] = lasts.pop(index + 1)
            del firsts[index + 1]
        elif touches_before:
            lasts[index] = tsn
        elif touches_after:
            firsts[index + 1] = tsn
        else:
            firsts.insert(index + 1, tsn)
            lasts.insert(index + 1, tsn)
            self.has_gaps = True
        return True

    def skip_to(self, tsn: int) -> bool:
        """Take what is missing up to a TSN for received (RFC 3758 section 3.6).

        Returns:
            Whether the cumulative TSN has changed.
        """
        if tsn <= self.cumulative:
            return False
        self.cumulative = tsn
        self._absorb()
        return True

    def _absorb(self) -> None:
        """Have the cumulative TSN pass the runs that it has come to."""
        passed = bisect_right(self._firsts, self.cumulative + 1)
        if passed:
            self.cumulative = max(self.cumulative, self._lasts[passed - 1])
            del self._firsts[:passed], self._lasts[:passed]
            self.has_gaps = bool(self._firsts)

    def gaps(self, limit: int) -> list[tuple[int, int]]:
        """The first runs beyond the cumulative TSN, as offsets from it.

        Args:
            limit: Maximum of runs.
        """
        cumulative = self.cumulative
        runs = itertools.islice(zip(self._firsts, self._lasts, strict=True), limit)
        return [(first - cumulative, last - cumulative) for first, last in runs]
