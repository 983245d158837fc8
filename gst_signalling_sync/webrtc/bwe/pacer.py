"""`Pacer`: paces packets, so that a frame does not overflow the queue of a slow link. No clock."""

from __future__ import annotations

import math
from typing import Final

__all__ = ["Pacer"]

_FACTOR: Final = 2.0
"""Pace as a multiple of the estimate: a keyframe is larger than other frames, and must not be much delayed."""

_BURST_SECONDS: Final = 0.02
"""Burst that is sent at once, in seconds at the pace: a frame of usual size at 25 fps, which waits at the slow link anyway."""

_MIN_SECONDS: Final = 0.0005


class Pacer:
    """The pacer of one transport."""

    def __init__(self) -> None:
        self._rate = math.inf
        self._debt = 0.0
        self._at = 0.0

    def pace(self, estimate: float) -> None:
        """Follow the estimate of the link, in bit/s."""
        self._rate = estimate * _FACTOR

    def wait(self, now: float) -> float:
        """Seconds until a packet may be sent; 0: now.

        Args:
            now: The time, in seconds of a clock that does not jump.
        """
        if math.isinf(self._rate):
            return 0.0
        self._settle(now)
        wait = self._debt / self._rate - _BURST_SECONDS
        return wait if wait > _MIN_SECONDS else 0.0

    def sent(self, bits: int, now: float) -> None:
        """Record a sent packet."""
        self._settle(now)
        self._debt += bits

    def _settle(self, now: float) -> None:
        self._debt = 0.0 if math.isinf(self._rate) else max(0.0, self._debt - (now - self._at) * self._rate)
        self._at = now
