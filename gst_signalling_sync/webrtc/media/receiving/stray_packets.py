"""`StrayPackets`: detects by packets out of range that a stream has moved to other sequence numbers (RFC 3550 appendix A.1)."""

from __future__ import annotations

from typing import Final

__all__ = ["MAX_AHEAD", "StrayPackets"]

MAX_AHEAD: Final = 3000
"""Maximum distance ahead at which a packet belongs to the stream as it was."""

_FAR_BEHIND: Final = -3000
_FAR_RUN: Final = 2
_NEAR_RUN: Final = 50
_NEAR_SECONDS: Final = 0.3
"""Minimum duration of a run nearby: late retransmissions may form a short one, until a packet of the stream comes."""


class StrayPackets:
    """Counts consecutive stray packets: one is a mistake, several are a stream that began again."""

    def __init__(self) -> None:
        self.run = 0
        self._next = 0
        self._since = 0.0
        self._is_far = False

    def have_moved(self, sequence_number: int, ahead: int, now: float) -> bool:
        """Record a packet that is behind, or further ahead than `MAX_AHEAD`.

        Args:
            sequence_number: Its sequence number, 16 bits.
            ahead: Its distance from the expected sequence number.
            now: Seconds on any clock that does not jump.

        Returns:
            Whether the stream has moved there.
        """
        if not self.run or sequence_number != self._next:
            self.run = 0
            self._since = now
            self._is_far = not _FAR_BEHIND <= ahead < 0
        self.run += 1
        self._next = (sequence_number + 1) & 0xFFFF
        is_long = self.run >= _NEAR_RUN and now - self._since >= _NEAR_SECONDS
        moved = is_long or (self._is_far and self.run >= _FAR_RUN)
        if moved:
            self.run = 0
        return moved
