"""`KeyframeRequests`: decides which requests of receivers for a keyframe are granted (PLI, FIR). No clock and no I/O."""

from __future__ import annotations

from typing import Final

__all__ = ["MERGE_SECONDS", "KeyframeRequests"]

MERGE_SECONDS: Final = 0.25
"""Requests this soon after a keyframe wait: that keyframe may still be on its way to the receiver."""

_BURST: Final = 4.0
_SECONDS_PER_REQUEST: Final = 2.0


class _Allowance:
    """Rate limit of one receiver: a bad link with constant requests must not cost the others their bitrate."""

    __slots__ = ("_since", "_tokens")

    def __init__(self, now: float) -> None:
        self._tokens = _BURST
        self._since = now

    def try_spend(self, now: float) -> bool:
        self._tokens = min(_BURST, self._tokens + (now - self._since) / _SECONDS_PER_REQUEST)
        self._since = now
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True


class KeyframeRequests:
    """The requests to one encoder.

    A request is granted by the next frame. A burst of requests is merged: two keyframes are at least 0.25 s apart. Each
    receiver may request four keyframes in a row, then one every 2 s.
    """

    def __init__(self) -> None:
        self._allowances: dict[object, _Allowance] = {}
        self._wanted = False
        self._last = float("-inf")

    def ask(self, receiver: object, now: float) -> bool:
        """Request a keyframe.

        Args:
            receiver: The receiver that needs it.
            now: Seconds on any clock that does not jump.

        Returns:
            Whether one will come. False: this receiver asks too often.
        """
        allowance = self._allowances.setdefault(receiver, _Allowance(now))
        if not self._wanted and not allowance.try_spend(now):
            return False
        self._wanted = True
        return True

    def demand(self) -> None:
        """Request a keyframe for this end's own reasons."""
        self._wanted = True

    def forget(self, receiver: object) -> None:
        """Forget a receiver that has ended."""
        self._allowances.pop(receiver, None)

    def due_at(self) -> float | None:
        """When the next keyframe must be made; None: no keyframe is requested."""
        return self._last + MERGE_SECONDS if self._wanted else None

    def is_due(self, now: float) -> bool:
        """Whether the frame of this moment must be a keyframe."""
        return self._wanted and now >= self._last + MERGE_SECONDS

    def made(self, now: float) -> None:
        """Record a keyframe, whatever the reason for it was."""
        self._wanted = False
        self._last = now
