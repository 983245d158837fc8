"""`Cadence`: measures the frame rate, for encoders that share their bitrate among frames. No clock and no I/O."""

from __future__ import annotations

from typing import Final

__all__ = ["Cadence"]

_WEIGHT: Final = 0.05
"""Weight of the newest interval; small, so that a frame that is left out changes little."""

_MAX_INTERVAL_SECONDS: Final = 0.5
"""Maximum interval between two frames; a longer one is a pause of the source."""

_TOLERANCE: Final = 1.25
"""Factor by which the intervals may exceed the planned one."""

_MAX_FACTOR: Final = 4.0


class Cadence:
    """The mean interval between frames."""

    def __init__(self) -> None:
        self._interval: float | None = None
        self._last: float | None = None

    def add(self, now: float) -> None:
        """Record a frame.

        Args:
            now: Seconds on any clock that does not jump.
        """
        elapsed = None if self._last is None else now - self._last
        self._last = now
        if elapsed is None or elapsed > _MAX_INTERVAL_SECONDS:
            return
        before = elapsed if self._interval is None else self._interval
        self._interval = before + _WEIGHT * (elapsed - before)

    def fps(self, planned: float) -> float:
        """The frame rate among whose frames the bitrate is shared, in frames per second.

        Args:
            planned: Maximum frame rate of the encoding, in frames per second. A camera may be slower than its source was told.
        """
        if self._interval is None or self._interval * planned <= _TOLERANCE:
            return planned
        return max(planned / _MAX_FACTOR, 1 / self._interval)
