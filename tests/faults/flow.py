"""`Flow`: what one end sends at a constant rate and when it arrives at the other, so that a gap is told from a busy machine."""

from __future__ import annotations

import math
from itertools import pairwise

__all__ = ["Flow"]


class Flow:
    """The times at which numbered things were sent and arrived.

    Args:
        period: Seconds between two that are sent.
    """

    def __init__(self, period: float) -> None:
        self.period = period
        self.sent: list[float] = []
        """When each was sent, by `time.monotonic`."""
        self.arrived: list[float] = []
        """When each arrived, by the same clock."""

    @property
    def longest_gap(self) -> float:
        """The longest time without an arrival, in seconds, counted in things that were sent meanwhile.

        What the sender's thread itself missed, because the machine had other work, is no gap. What it sends at once
        afterwards counts as one. What is under way in the end counts as well, so that a flow that has ended is a gap.
        """
        due: list[float] = []
        for moment in self.sent:
            if not due or moment - due[-1] > self.period / 2:
                due.append(moment)
        longest, index = 0, 0
        for earlier, later in pairwise([*self.arrived, math.inf]):
            while index < len(due) and due[index] <= earlier:
                index += 1
            begin = index
            while index < len(due) and due[index] < later:
                index += 1
            longest = max(longest, index - begin)
        return longest * self.period
