"""`Throughput`: how many bits per second come through, by the times of arrival."""

from __future__ import annotations

from collections import deque
from typing import Final

__all__ = ["Throughput"]

_SECONDS: Final = 0.5
_SHORT_SECONDS: Final = 0.15
_LEAST_PACKETS: Final = 8


class Throughput:
    """What the receiver got for about the last half second."""

    def __init__(self) -> None:
        self._came: deque[tuple[float, int]] = deque()

    def add(self, arrival: float, bits: int) -> None:
        """Take note of a packet.

        Args:
            arrival: Seconds on the receiver's clock.
            bits: Of its length with all headers.
        """
        self._came.append((arrival, bits))
        while self._came and self._came[0][0] < arrival - _SECONDS:
            self._came.popleft()

    @property
    def rate(self) -> float | None:
        """Bits per second; None: too little is known."""
        return self._rate(_SECONDS)

    @property
    def recent_rate(self) -> float | None:
        """The same of a shorter time: while a queue grows, this is what the link bears, though little was sent before."""
        return self._rate(_SHORT_SECONDS)

    def _rate(self, seconds: float) -> float | None:
        if len(self._came) < _LEAST_PACKETS:
            return None
        end = self._came[-1][0]
        recent = [(time, bits) for time, bits in self._came if time >= end - seconds]
        span = end - recent[0][0]
        # The first one only marks the time from which the others came.
        return sum(bits for _, bits in recent[1:]) / span if len(recent) >= _LEAST_PACKETS and span > 0.02 else None
