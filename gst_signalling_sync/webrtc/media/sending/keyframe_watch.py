"""`KeyframeWatch`: whether keyframes come when receivers need one. No clock and no I/O of its own."""

from __future__ import annotations

from typing import Final

__all__ = ["KeyframeWatch"]

_TELL_AGAIN_SECONDS: Final = 1.0
"""After which an encoder that has given no keyframe is asked again."""

_OVERDUE_SECONDS: Final = 3.0


class KeyframeWatch:
    """How long receivers have been waiting for a keyframe that somebody else makes."""

    def __init__(self) -> None:
        self._wanted_at: float | None = None
        self._told_at = float("-inf")
        self._reported_at = float("-inf")

    @property
    def is_wanted(self) -> bool:
        """Whether somebody waits."""
        return self._wanted_at is not None

    def want(self, now: float) -> None:
        """Take note that a receiver waits.

        Args:
            now: Seconds on any clock that does not jump.
        """
        if self._wanted_at is None:
            self._wanted_at = now

    def made(self) -> None:
        """Take note of a keyframe, or that nobody waits any more."""
        self._wanted_at = None
        self._told_at = self._reported_at = float("-inf")

    def is_to_be_told(self, now: float) -> bool:
        """Whether the encoder is to be asked now: at first, and again every second."""
        if self._wanted_at is None or now - self._told_at < _TELL_AGAIN_SECONDS:
            return False
        self._told_at = now
        return True

    def overdue(self, now: float) -> float | None:
        """For how many seconds none has come, every 3 s; None: nobody waits, or not for so long."""
        if self._wanted_at is None or now - max(self._wanted_at, self._reported_at) < _OVERDUE_SECONDS:
            return None
        self._reported_at = now
        return now - self._wanted_at
