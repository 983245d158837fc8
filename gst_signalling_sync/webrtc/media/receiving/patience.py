"""`Patience`: how long a packet of sound is waited for that others have overtaken: an adaptive jitter buffer. It has no clock.

Waiting delays all sound behind the packet, and giving up leaves a gap where the packet still comes. So it is waited for as long
as late ones have needed, and less and less where none comes late: then what is missing is lost.
"""

from __future__ import annotations

import math
from typing import Final

__all__ = ["MAX_SECONDS", "MIN_SECONDS", "Patience"]

MIN_SECONDS: Final = 0.02
"""The length of a packet."""

MAX_SECONDS: Final = 0.2
"""Beyond, a gap is heard less than the delay."""

_FIRST_SECONDS: Final = 0.06

_FORGETTING_SECONDS: Final = 20.0
"""In which the patience that is more than the least shrinks to a third."""

_MARGIN: Final = 1.25
_MARGIN_SECONDS: Final = 0.005
"""More than the packet before had needed."""


class Patience:
    """Learns from packets that came late."""

    def __init__(self) -> None:
        self._seconds = _FIRST_SECONDS
        self._at: float | None = None

    def seconds(self, now: float) -> float:
        """How long to wait.

        Args:
            now: Seconds on any clock that does not jump.

        Returns:
            Seconds from the arrival of the first packet that has overtaken the missing one; 0.02 to 0.2, and 0.06 at first.
        """
        if self._at is None:
            self._at = now
        passed = max(0.0, now - self._at)
        return MIN_SECONDS + (self._seconds - MIN_SECONDS) * math.exp(-passed / _FORGETTING_SECONDS)

    def came_late(self, late: float, now: float) -> None:
        """Take note of a packet that others had overtaken.

        Args:
            late: Seconds from the arrival of the first that had overtaken it to its own, also where it was given up.
            now: As of `seconds`.
        """
        needed = late * _MARGIN + _MARGIN_SECONDS
        self._seconds = min(MAX_SECONDS, max(needed, self.seconds(now)))
        self._at = now
