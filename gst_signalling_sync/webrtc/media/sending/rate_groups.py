"""`RateGroups`: divides the links of one form into a fast and a slow group, each with an encoding. No clock and no I/O.

A group is sent at the lowest bitrate that one of its links carries. The division is the one for which the sum of the
logarithms of the links' bitrates is the highest (proportional fairness). A change of groups costs keyframes, so a link changes
only after it would have been better off in the other group for some time without a break.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

__all__ = ["DIVISION_SECONDS", "FAST_SECONDS", "SLOW_SECONDS", "RateGroups"]

_WORTHWHILE: Final = 1.25
"""Minimum ratio of the bitrates of the two groups when a division begins or changes."""

_UNITED_BELOW: Final = 1.1
"""Ratio of the bitrates below which one group is enough."""

_MARGIN: Final = 0.1
"""Minimum gain of another division: its links together gain a tenth of one link's bitrate."""

DIVISION_SECONDS: Final = 2.0
"""Time after which the first link goes to the slow group."""

SLOW_SECONDS: Final = 1.0
"""Time after which another link goes to the slow group."""

FAST_SECONDS: Final = (4.0, 60.0)
"""Time after which a link returns to the fast group: first and maximum. It doubles whenever the return did not last."""

_LASTING_SECONDS: Final = 30.0
"""A link that must leave the fast group again within this time did not stay."""


class _Return(NamedTuple):
    """The last return of a link to the fast group.

    Attributes:
        at: When it was.
        patience: Time in seconds for which the link had to fit the fast group.
    """

    at: float
    patience: float


class RateGroups:
    """The group of each link.

    Links that are new, or whose estimate is not confirmed, belong to the fast group and do not count.
    """

    def __init__(self) -> None:
        self._estimates: dict[object, int] = {}
        self._slow: set[object] = set()
        # Since when each link would be better off in the other group.
        self._since: dict[object, float] = {}
        self._patience: dict[object, float] = {}
        self._returns: dict[object, _Return] = {}

    @property
    def is_divided(self) -> bool:
        """Whether any link is in the slow group."""
        return bool(self._slow)

    def is_slow(self, link: object) -> bool:
        """Whether a link is in the slow group."""
        return link in self._slow

    def report(self, link: object, estimate: int, is_confirmed: bool = True) -> None:
        """Record the bitrate that a link carries.

        Args:
            link: The link.
            estimate: The estimate in bit/s.
            is_confirmed: Whether it was measured. Defaults to True.
        """
        if is_confirmed:
            self._estimates[link] = estimate
        else:
            self._estimates.pop(link, None)

    def forget(self, link: object) -> None:
        """Forget a link that has ended."""
        self._slow.discard(link)
        for known in (self._estimates, self._since, self._patience, self._returns):
            known.pop(link, None)

    def update(self, maximum: int, may_divide: bool, now: float) -> None:
        """Move links between the groups.

        Args:
            maximum: Maximum bitrate of the source in bit/s: what a link carries beyond it does not count.
            may_divide: Whether there may be two groups. If not, all links are in the fast group at once.
            now: Seconds on any clock that does not jump.
        """
        if not may_divide:
            self._slow.clear()
            self._since.clear()
            return
        wanted = self._wanted({link: max(1, min(each, maximum)) for link, each in self._estimates.items()})
        misplaced = wanted ^ self._slow
        self._since = {link: self._since.get(link, now) for link in misplaced}
        if not self._slow and not any(now - since >= DIVISION_SECONDS for since in self._since.values()):
            return
        for link in [link for link, since in self._since.items() if now - since >= self._patience_of(link)]:
            del self._since[link]
            if link in self._slow:
                self._to_fast(link, now)
            else:
                self._to_slow(link, now)

    def _patience_of(self, link: object) -> float:
        return self._patience.get(link, FAST_SECONDS[0]) if link in self._slow else SLOW_SECONDS

    def _to_fast(self, link: object, now: float) -> None:
        self._returns[link] = _Return(now, self._patience_of(link))
        self._slow.discard(link)

    def _to_slow(self, link: object, now: float) -> None:
        first, longest = FAST_SECONDS
        last = self._returns.get(link)
        lasted = last is None or now - last.at >= _LASTING_SECONDS
        self._patience[link] = first if last is None or lasted else min(2 * last.patience, longest)
        self._slow.add(link)

    def _wanted(self, rates: dict[object, int]) -> set[object]:
        """The links that should be in the slow group, by the bitrates that count."""
        slow = [rates[link] for link in rates if link in self._slow]
        fast = [rates[link] for link in rates if link not in self._slow]
        best, gain = _best_division(rates)
        if best and gain > _gain(slow, fast) + _MARGIN:
            return best
        if slow and fast and min(fast) >= _UNITED_BELOW * min(slow):
            return {link for link in self._slow if link in rates}
        return set()


def _best_division(rates: dict[object, int]) -> tuple[set[object], float]:
    """The slow group of the best division, and the division's gain; an empty one: no division is worthwhile."""
    ordered = sorted(rates, key=lambda link: rates[link])
    best, gain = 0, 0.0
    for cut in range(1, len(ordered)):
        ratio = rates[ordered[cut]] / rates[ordered[0]]
        gained = (len(ordered) - cut) * math.log(ratio)
        if ratio >= _WORTHWHILE and gained > gain:
            best, gain = cut, gained
    return set(ordered[:best]), gain


def _gain(slow: list[int], fast: list[int]) -> float:
    """The sum of the logarithms of the links' bitrates, above that of one group for all links."""
    lowest = min(slow + fast, default=1)
    return sum(len(group) * math.log(min(group) / lowest) for group in (slow, fast) if group)
