"""`StrayPackets`: packets far from where their stream is, and whether it has moved there (RFC 3550 appendix A.1)."""

from __future__ import annotations

from typing import Final

__all__ = ["MAX_AHEAD", "StrayPackets"]

MAX_AHEAD: Final = 3000
"""Packets further ahead than this do not belong to the stream as it was."""

_FAR_BEHIND: Final = -3000
_FAR_RUN: Final = 2
_NEAR_RUN: Final = 50
_NEAR_SECONDS: Final = 0.3
"""Retransmissions that come too late may be some in a row, but packets of the stream come in between."""


class StrayPackets:
    """Counts how many strays came one after another: one is a mistake, several are a stream that began anew."""

    def __init__(self) -> None:
        self.run = 0
        self._next = 0
        self._since = 0.0
        self._is_far = False

    def have_moved(self, sequence_number: int, ahead: int, now: float) -> bool:
        """Take note of a packet that is behind, or further ahead than `MAX_AHEAD`.

        Args:
            sequence_number: 16 bits.
            ahead: How far it is from the one expected.
            now: Seconds.

        Returns:
            Whether the stream goes on with it.
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
