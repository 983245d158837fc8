"""`KeyframeWatch`: watches whether keyframes come when receivers need one. No clock and no I/O."""

from __future__ import annotations

from typing import Final

__all__ = ["KeyframeWatch"]

_TELL_AGAIN_SECONDS: Final = 1.0
"""Time after which an encoder that has made no keyframe is asked again."""

_OVERDUE_SECONDS: Final = 3.0


class KeyframeWatch:
    """How long receivers have waited for a keyframe of an encoder elsewhere."""

    def __init__(self) -> None:
        self._wanted_at: float | None = None
        self._told_at = float("-inf")
        self._reported_at = float("-inf")

    @property
    def is_wanted(self) -> bool:
        """Whether a receiver waits."""
        return self._wanted_at is not None

    def want(self, now: float) -> None:
        """Record that a receiver waits.

        Args:
            now: Seconds on any clock that does not jump.
        """
        if self._wanted_at is None:
            self._wanted_at = now

    def made(self) -> None:
        """Record a keyframe, or that no receiver waits any more."""
        self._wanted_at = None
        self._told_at = self._reported_at = float("-inf")

    def is_to_be_told(self, now: float) -> bool:
        """Whether the encoder must be asked now: at first, and again every second."""
        if self._wanted_at is None or now - self._told_at < _TELL_AGAIN_SECONDS:
            return False
        self._told_at = now
        return True

    def overdue(self, now: float) -> float | None:
        """Seconds without a keyframe, returned every 3 s; None: no receiver waits, or not for that long."""
        if self._wanted_at is None or now - max(self._wanted_at, self._reported_at) < _OVERDUE_SECONDS:
            return None
        self._reported_at = now
        return now - self._wanted_at
