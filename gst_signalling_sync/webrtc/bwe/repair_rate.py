"""`RepairRate`: what sending lost packets again takes of a link. No clock and no I/O."""

from __future__ import annotations

import math
from typing import Final

__all__ = ["RepairRate"]

_SECONDS: Final = 1.0
"""After which a packet counts for little."""


class RepairRate:
    """The rate of one transport's retransmissions, older ones count less."""

    def __init__(self) -> None:
        self._bits = 0.0
        self._at = -math.inf

    def add(self, bits: int, now: float) -> None:
        """Take note of a packet that is sent again.

        Args:
            bits: Of its length with all headers.
            now: Seconds on any clock that does not jump.
        """
        self._bits = self.rate(now) * _SECONDS + bits
        self._at = now

    def rate(self, now: float) -> float:
        """Bits per second, about the last second."""
        return self._bits / _SECONDS * math.exp((self._at - now) / _SECONDS)
