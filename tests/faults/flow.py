"""`Flow`: what one end sends at a constant rate, and when it arrives. Distinguishes gaps from a busy machine."""

from __future__ import annotations

import math
from itertools import pairwise

__all__ = ["Flow"]


class Flow:
    """The times at which numbered items were sent and arrived.

    Args:
        period: Seconds between two items.
    """

    def __init__(self, period: float) -> None:
        self.period = period
        self.sent: list[float] = []
        """When each item was sent, by `time.monotonic`, in seconds."""
        self.arrived: list[float] = []
        """When each item arrived, by the same clock."""

    @property
    def longest_gap(self) -> float:
        """Longest time without an arrival, in seconds: the number of items that were sent meanwhile, times the period.

        Items that the sender's thread missed, because the machine had other work, are no gap. Items that it then sends at once
        count as one. Items that are under way at the end count too, so that a flow that has ended is a gap.
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
