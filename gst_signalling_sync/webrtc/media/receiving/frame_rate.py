"""`FrameRate`: frames per second over a window in time. No clock of its own."""

from __future__ import annotations

from collections import deque
from typing import Final

__all__ = ["FrameRate"]

_SECONDS: Final = 1.0
"""The window, as of ``framesPerSecond`` in the W3C's statistics."""

_SLOW_SECONDS: Final = 4.0
"""The window of a stream that has less than two frames in the other one."""

_MAX_FRAMES: Final = 2000


class FrameRate:
    """Counts the frames of the last second.

    Frames that come in a burst, as after a stall or when a stream begins, so count as what they are: that many in a second,
    however close to each other they came. Fewer than two in a second are counted over four, and a stream that has stopped
    falls to 0 within that time.
    """

    def __init__(self) -> None:
        self._times: deque[float] = deque(maxlen=_MAX_FRAMES)

    def add(self, now: float) -> None:
        """Take note of a frame.

        Args:
            now: Seconds on any clock that does not jump.
        """
        self._times.append(now)
        while now - self._times[0] > _SLOW_SECONDS:
            self._times.popleft()

    def per_second(self, now: float) -> float:
        """Frames per second.

        Args:
            now: Seconds on the same clock.
        """
        recent = self._count(now - _SECONDS)
        if recent >= 2:
            return recent / _SECONDS
        slow = self._count(now - _SLOW_SECONDS)
        if not slow:
            return 0.0
        silence = max(now - self._times[-1], _SECONDS)
        return min(slow / _SLOW_SECONDS, 1 / silence)

    def _count(self, since: float) -> int:
        return sum(1 for each in self._times if each > since)
