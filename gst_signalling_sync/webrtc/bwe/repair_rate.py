"""`RepairRate`: the rate of retransmissions (RTX, RFC 4588). No I/O and no clock."""

from __future__ import annotations

import math
from typing import Final

__all__ = ["RepairRate"]

_SECONDS: Final = 1.0
"""Time constant of the average."""


class RepairRate:
    """The rate of one transport's retransmissions, as an exponential average."""

    def __init__(self) -> None:
        self._bits = 0.0
        self._at = -math.inf

    def add(self, bits: int, now: float) -> None:
        """Record a retransmission.

        Args:
            bits: Length of the packet in bits, headers included.
            now: The time, in seconds of a clock that does not jump.
        """
        self._bits = self.rate(now) * _SECONDS + bits
        self._at = now

    def rate(self, now: float) -> float:
        """The rate of about the last second, in bit/s."""
        return self._bits / _SECONDS * math.exp((self._at - now) / _SECONDS)
