"""`EncoderLoad`: whether the thread of a source has time for a second encoding. No clock and no I/O."""

from __future__ import annotations

import math
from typing import Final

__all__ = ["OVERLOAD", "OVERLOAD_SECONDS", "ROOM", "EncoderLoad"]

_TIME_CONSTANT_SECONDS: Final = 3.0

_MAX_STEP_SECONDS: Final = 1.0
"""Maximum time that one frame stands for: a longer one is a pause of the source."""

ROOM: Final = 0.7
"""Maximum share of the time that two encodings may be expected to take."""

OVERLOAD: Final = 0.9
OVERLOAD_SECONDS: Final = 2.0
"""If frames take more than the share `OVERLOAD` of the time for this long, the second encoding is given up."""

_PAUSE_SECONDS: Final = (30.0, 600.0)
"""Time without a second encoding after one was given up: first and maximum. It doubles each time."""


class EncoderLoad:
    """The share of the time, as the clock on the wall has it, for which a thread converts and encodes frames.

    Time for which other programs keep the thread waiting counts too, so a busy machine gets no second encoding.
    """

    def __init__(self) -> None:
        # Weighted sums over recent frames, in seconds.
        self._busy = self._total = 0.0
        self._last: float | None = None
        self._overloaded_since: float | None = None
        self._pause = _PAUSE_SECONDS[0]
        self._pauses_until = -math.inf

    @property
    def share(self) -> float:
        """The share of the time, from 0 to 1; 1 before the second frame."""
        return min(1.0, self._busy / self._total) if self._total else 1.0

    def add(self, seconds: float, now: float) -> None:
        """Record a frame.

        Args:
            seconds: How long it took to convert and to encode, in all encodings.
            now: When it was done, in seconds on any clock that does not jump.
        """
        elapsed = 0.0 if self._last is None else min(max(0.0, now - self._last), _MAX_STEP_SECONDS)
        if self._last is not None:
            decay = math.exp(-elapsed / _TIME_CONSTANT_SECONDS)
            self._busy = self._busy * decay + min(seconds, elapsed)
            self._total = self._total * decay + elapsed
        self._last = now
        if self.share <= OVERLOAD:
            self._overloaded_since = None
        elif self._overloaded_since is None:
            self._overloaded_since = now

    def has_room(self, now: float) -> bool:
        """Whether a second encoding may begin."""
        return 2 * self.share < ROOM and now >= self._pauses_until

    def is_overloaded(self, now: float) -> bool:
        """Whether a second encoding must be given up."""
        return self._overloaded_since is not None and now - self._overloaded_since >= OVERLOAD_SECONDS

    def given_up(self, now: float) -> None:
        """Record that a second encoding was given up."""
        self._pauses_until = now + self._pause
        self._pause = min(2 * self._pause, _PAUSE_SECONDS[1])
