"""`ReceivedTsns`: the received TSNs, as runs beyond the cumulative TSN (RFC 9260 section 6.7)."""

from __future__ import annotations

import itertools
from bisect import bisect_right
from typing import Final

__all__ = ["MAX_AHEAD", "ReceivedTsns"]

MAX_AHEAD: Final = 0xFFFF
"""Maximum distance from the cumulative TSN that an acknowledgement can report (RFC 9260 section 3.3.4)."""


class ReceivedTsns:
    """The TSNs of the peer that were received.

    Args:
        cumulative: The TSN before the peer's first.
    """

    def __init__(self, cumulative: int) -> None:
        self.cumulative = cumulative
        """The TSN up to which all were received, or abandoned by the peer."""

        self.has_gaps = False
        """Whether a TSN is missing before one that was received."""

        self._firsts: list[int] = []
        self._lasts: list[int] = []

    def __contains__(self, tsn: int) -> bool:
        if tsn <= self.cumulative:
            return True
        index = bisect_right(self._firsts, tsn) - 1
        return index >= 0 and tsn <= self._lasts[index]

    def add(self, tsn: int) -> bool:
        """Add a TSN.

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
        """Treat missing TSNs up to a TSN as received (RFC 3758 section 3.6).

        Returns:
            Whether the cumulative TSN has changed.
        """
        if tsn <= self.cumulative:
            return False
        self.cumulative = tsn
        self._absorb()
        return True

    def _absorb(self) -> None:
        """Move the cumulative TSN over the runs that it has reached."""
        passed = bisect_right(self._firsts, self.cumulative + 1)
        if passed:
            self.cumulative = max(self.cumulative, self._lasts[passed - 1])
            del self._firsts[:passed], self._lasts[:passed]
            self.has_gaps = bool(self._firsts)

    def gaps(self, limit: int) -> list[tuple[int, int]]:
        """The first runs beyond the cumulative TSN, as offsets from it.

        Args:
            limit: Maximum number of runs.
        """
        cumulative = self.cumulative
        runs = itertools.islice(zip(self._firsts, self._lasts, strict=True), limit)
        return [(first - cumulative, last - cumulative) for first, last in runs]
