"""`CaptureTimes`: maps frames to their capture times by the abs-capture-time of their packets. No clock and no I/O."""

from __future__ import annotations

from typing import Final

from .remote_clock import unix_time

__all__ = ["CaptureTimes"]

_MAX_FRAMES: Final = 256
"""Maximum number of frames; far more than have packets on their way at a time."""


class CaptureTimes:
    """The capture times of incomplete frames, by RTP timestamp."""

    def __init__(self) -> None:
        self._times: dict[int, int] = {}

    def note(self, timestamp: int, ntp: int) -> None:
        """Record the capture time in a packet.

        Args:
            timestamp: Its RTP timestamp.
            ntp: Capture time of its frame, in units of 2^-32 s; 0: the sender does not know it.
        """
        if ntp <= 0:
            return
        self._times[timestamp] = ntp
        if len(self._times) > _MAX_FRAMES:
            del self._times[next(iter(self._times))]

    def pop(self, timestamp: int) -> float | None:
        """Remove and return the capture time of a frame as Unix time, by the sender's clock; None: none of its packets has it.

        Args:
            timestamp: The RTP timestamp of its packets.
        """
        ntp = self._times.pop(timestamp, None)
        return None if ntp is None else unix_time(ntp)
