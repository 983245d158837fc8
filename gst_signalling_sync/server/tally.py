"""`Tally`: counts of what passes through a server, and histograms of how long things took."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate
from typing import Final

__all__ = ["Histogram", "Tally"]

SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper ends of the buckets of durations."""


class Histogram:
    """A histogram of measurements.

    Args:
        ends: The upper ends of the buckets, in ascending order; values above all of them have a bucket of their own. Defaults
            to `SECONDS`.

    Attributes:
        sum: The sum of all measurements.
    """

    def __init__(self, ends: Sequence[float] = SECONDS) -> None:
        self._ends = tuple(ends)
        self._counts = [0] * (len(self._ends) + 1)
        self.sum = 0.0

    def add(self, value: float) -> None:
        """Add a measurement."""
        self._counts[bisect_left(self._ends, value)] += 1
        self.sum += value

    @property
    def buckets(self) -> list[tuple[str, int]]:
        """The upper ends as strings, each with the number of measurements up to it; the last end is ``+Inf``."""
        return list(zip([*map(str, self._ends), "+Inf"], accumulate(self._counts), strict=True))


class Tally:
    """Counts of one server since its start, written on the loop alone.

    Attributes:
        messages_in: WebSocket frames from peers, pings included.
        messages_out: Messages to peers.
        bytes_in: Bytes of WebSocket frames from peers.
        bytes_out: Bytes of WebSocket frames to peers.
        round_trips: Round trips of pings, in seconds.
        lateness: Delays of the event loop's timers, in seconds.
    """

    __slots__ = ("bytes_in", "bytes_out", "lateness", "messages_in", "messages_out", "round_trips")

    def __init__(self) -> None:
        self.messages_in = self.messages_out = self.bytes_in = self.bytes_out = 0
        self.round_trips = Histogram()
        self.lateness = Histogram()
