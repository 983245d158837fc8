"""`CaptureTimes`: which frame was captured when, by the abs-capture-time of one of its packets. No clock and no I/O."""

from __future__ import annotations

from typing import Final

from .remote_clock import unix_time

__all__ = ["CaptureTimes"]

_MAX_FRAMES: Final = 256
"""Frames whose packets are under way at a time, by far."""


class CaptureTimes:
    """The capture times of frames that are not complete yet, by their RTP timestamps."""

    def __init__(self) -> None:
        self._times: dict[int, int] = {}

    def note(self, timestamp: int, ntp: int) -> None:
        """Take note of what a packet tells.

        Args:
            timestamp: Its RTP timestamp.
            ntp: When its frame was captured, in units of 2^-32 s; 0: the sender does not know.
        """
        if ntp <= 0:
            return
        self._times[timestamp] = ntp
        if len(self._times) > _MAX_FRAMES:
            del self._times[next(iter(self._times))]

    def take(self, timestamp: int) -> float | None:
        """When a frame was captured, as Unix time by the sender's clock; None if none of its packets told.

        Args:
            timestamp: The RTP timestamp of its packets.
        """
        ntp = self._times.pop(timestamp, None)
        return None if ntp is None else unix_time(ntp)
