"""Which of the receivers' requests for a keyframe are honoured. No clock and no I/O of its own."""

from __future__ import annotations

from typing import Final

__all__ = ["KeyframeRequests"]

_MERGE_SECONDS: Final = 0.25
"""Requests this soon after a keyframe wait: it may still be under way to whoever asks."""

_BURST: Final = 4.0
_SECONDS_PER_REQUEST: Final = 2.0


class _Allowance:
    """What one receiver may still ask for: a bad link that asks all the time must not cost the others their bitrate."""

    __slots__ = ("_since", "_tokens")

    def __init__(self, now: float) -> None:
        self._tokens = _BURST
        self._since = now

    def take(self, now: float) -> bool:
        self._tokens = min(_BURST, self._tokens + (now - self._since) / _SECONDS_PER_REQUEST)
        self._since = now
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True


class KeyframeRequests:
    """The requests for keyframes of one encoder.

    A request is honoured by the next picture. Those in a burst are merged: after a keyframe the next one comes 0.25 s
    later at the earliest. Each receiver may ask four times in a row, then every 2 s.
    """

    def __init__(self) -> None:
        self._allowances: dict[object, _Allowance] = {}
        self._wanted = False
        self._last = float("-inf")

    def ask(self, receiver: object, now: float) -> bool:
        """Ask for a keyframe.

        Args:
            receiver: Who asks.
            now: Seconds on any clock that does not jump.

        Returns:
            Whether one will come; otherwise this receiver asks too often.
        """
        allowance = self._allowances.setdefault(receiver, _Allowance(now))
        if not self._wanted and not allowance.take(now):
            return False
        self._wanted = True
        return True

    def forget(self, receiver: object) -> None:
        """Forget a receiver that has ended."""
        self._allowances.pop(receiver, None)

    def due_at(self) -> float | None:
        """When the next keyframe is to be made, None if nobody asks for one."""
        return self._last + _MERGE_SECONDS if self._wanted else None

    def is_due(self, now: float) -> bool:
        """Whether the picture of this moment is to be a keyframe."""
        return self._wanted and now >= self._last + _MERGE_SECONDS

    def made(self, now: float) -> None:
        """Take note of a keyframe, whatever it was made for."""
        self._wanted = False
        self._last = now
