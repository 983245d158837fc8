"""`Durations`: statistics of measured times."""

from __future__ import annotations

import math
from collections import deque
from typing import Final

__all__ = ["Durations"]

_REMEMBERED: Final = 100_000


class Durations:
    """Statistics of durations in seconds. Percentiles are those of the newest 100,000."""

    def __init__(self) -> None:
        self._newest: deque[float] = deque(maxlen=_REMEMBERED)
        self._sum = self._sum_of_squares = 0.0
        self.count = 0
        self.min = math.inf
        self.max = 0.0

    def add(self, seconds: float) -> None:
        """Add a duration."""
        self._newest.append(seconds)
        self._sum += seconds
        self._sum_of_squares += seconds * seconds
        self.count += 1
        self.min = min(self.min, seconds)
        self.max = max(self.max, seconds)

    def merge(self, other: Durations) -> None:
        """Add the durations that another object remembers."""
        for seconds in other._newest:
            self.add(seconds)

    @property
    def mean(self) -> float:
        """The arithmetic mean."""
        return self._sum / self.count

    @property
    def deviation(self) -> float:
        """The standard deviation, which ping(8) calls mdev."""
        return math.sqrt(max(0.0, self._sum_of_squares / self.count - self.mean**2))

    def percentile(self, percent: float) -> float:
        """The smallest duration that a percentage of all durations does not exceed."""
        ranked = sorted(self._newest)
        return ranked[max(0, math.ceil(percent / 100 * len(ranked)) - 1)]
