"""`Patience`: how long a missing audio packet is waited for: the adaptive delay of the jitter buffer. It has no clock.

A wait delays all audio behind the packet; giving up leaves a gap if the packet still comes. So a packet is waited for as long
as late packets have needed, and ever shorter while none comes late, since missing packets are then lost.
"""

from __future__ import annotations

import math
from typing import Final

__all__ = ["MAX_SECONDS", "MIN_SECONDS", "Patience"]

MIN_SECONDS: Final = 0.02
"""Minimum wait: the duration of a packet."""

MAX_SECONDS: Final = 0.2
"""Maximum wait: a longer delay is worse than a gap."""

_FIRST_SECONDS: Final = 0.06

_FORGETTING_SECONDS: Final = 20.0
"""Time in which the excess over the minimum falls to 1/e."""

_MARGIN: Final = 1.25
_MARGIN_SECONDS: Final = 0.005
"""Margin over the delay of the last late packet."""


class Patience:
    """Adapts to packets that came late."""

    def __init__(self) -> None:
        self._seconds = _FIRST_SECONDS
        self._at: float | None = None

    def seconds(self, now: float) -> float:
        """How long to wait for a missing packet.

        Args:
            now: Seconds on any clock that does not jump.

        Returns:
            Seconds from the arrival of the first packet that has overtaken it, 0.02 to 0.2; 0.06 at first.
        """
        if self._at is None:
            self._at = now
        passed = max(0.0, now - self._at)
        return MIN_SECONDS + (self._seconds - MIN_SECONDS) * math.exp(-passed / _FORGETTING_SECONDS)

    def came_late(self, late: float, now: float) -> None:
        """Record a packet that others had overtaken.

        Args:
            late: Seconds between the arrival of the first packet that had overtaken it and its own, even if it was given up.
            now: Seconds on the clock of `seconds`.
        """
        needed = late * _MARGIN + _MARGIN_SECONDS
        self._seconds = min(MAX_SECONDS, max(needed, self.seconds(now)))
        self._at = now
