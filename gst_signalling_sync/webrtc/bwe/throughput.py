"""`Throughput`: how many bits per second come through, by the times of arrival."""

from __future__ import annotations

import itertools
from collections import deque
from typing import Final

__all__ = ["Throughput"]

_SECONDS: Final = 0.5
_SHORT_SECONDS: Final = 0.15
_MIN_PACKETS: Final = 8
_MIN_SECONDS: Final = 0.02

_MAX_SECONDS: Final = 2.0
"""How long a slow flow may take for the packets that it is told by."""


class Throughput:
    """What the receiver got for about the last half second, or longer where that was less than eight packets."""

    def __init__(self) -> None:
        self._came: deque[tuple[float, int]] = deque()

    def add(self, arrival: float, bits: int) -> None:
        """Take note of a packet.

        Args:
            arrival: Seconds on the receiver's clock.
            bits: Of its length with all headers.
        """
        came = self._came
        came.append((arrival, bits))
        # Those of a slow flow are kept for longer.
        while came[0][0] < arrival - (_SECONDS if len(came) > _MIN_PACKETS else _MAX_SECONDS):
            came.popleft()

    @property
    def rate(self) -> float | None:
        """Bits per second; None: too little is known."""
        return self._rate(_SECONDS)

    @property
    def recent_rate(self) -> float | None:
        """The same of a shorter time: while a queue grows, this is what the link bears, though little was sent before."""
        return self._rate(_SHORT_SECONDS)

    def _rate(self, seconds: float) -> float | None:
        came = self._came
        if len(came) < _MIN_PACKETS:
            return None
        end = came[-1][0]
        recent = list(itertools.takewhile(lambda packet: packet[0] >= end - seconds, reversed(came)))
        if len(recent) < _MIN_PACKETS:
            recent = list(itertools.islice(reversed(came), _MIN_PACKETS))
        span = end - recent[-1][0]
        # The first one only marks the time from which the others came.
        return sum(bits for _, bits in recent[:-1]) / span if span > _MIN_SECONDS else None
