"""`FrameRate`: frames per second over a window of time. It has no clock."""

from __future__ import annotations

from collections import deque
from typing import Final

__all__ = ["FrameRate"]

_SECONDS: Final = 1.0
"""The window, as of ``framesPerSecond`` in the W3C's statistics."""

_SLOW_SECONDS: Final = 4.0
"""The window of a stream with less than two frames in the other window."""

_MAX_FRAMES: Final = 2000


class FrameRate:
    """Counts the frames of the last second.

    A burst of frames, as after a stall or at the beginning of a stream, counts as that many frames in a second, however close
    they are. Fewer than two frames in a second are counted over four seconds. A stream that has stopped falls to 0 within that
    time.
    """

    def __init__(self) -> None:
        self._times: deque[float] = deque(maxlen=_MAX_FRAMES)

    def add(self, now: float) -> None:
        """Record a frame.

        Args:
            now: Seconds on any clock that does not jump.
        """
        self._times.append(now)
        while now - self._times[0] > _SLOW_SECONDS:
            self._times.popleft()

    def per_second(self, now: float) -> float:
        """Frames per second.

        Args:
            now: Seconds on the clock of `add`.
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
