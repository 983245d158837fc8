"""`MessageAges`: the age of messages that a peer of this library has dated (`message_dates`), without a common clock."""

from __future__ import annotations

from typing import Final

__all__ = ["MessageAges"]

_DRIFT: Final = 200e-6
"""Maximum drift of two clocks, in seconds per second. That of crystals is a quarter of it."""


class MessageAges:
    """Computes a message's age relative to the quickest messages of the same peer, whose age counts as 0.

    The delay of the quickest message is not part of the age, as it cannot be told from the offset of the clocks.
    """

    def __init__(self) -> None:
        self._offset: float | None = None
        self._at = 0.0

    def age(self, sent: float, now: float) -> float:
        """The age of a message that has just arrived.

        Args:
            sent: When it was sent, on the sender's clock, in seconds.
            now: The time on this end's clock, in seconds.

        Returns:
            The age in seconds, 0 or more.
        """
        offset = now - sent
        if self._offset is None:
            self._offset = offset
        else:
            # When the clocks drift apart, the quickest messages seem to become older.
            allowed = self._offset + _DRIFT * max(0.0, now - self._at)
            self._offset = min(allowed, offset)
        self._at = now
        return offset - self._offset
