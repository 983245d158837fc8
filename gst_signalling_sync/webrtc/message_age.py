"""How old a message is that a peer of this library has dated (`message_dates`), without a common clock."""

from __future__ import annotations

from typing import Final

__all__ = ["MessageAges"]

_DRIFT: Final = 200e-6
"""Seconds by which two clocks may drift apart in a second; crystals do by a quarter of that."""


class MessageAges:
    """Tells a message's age from the quickest messages of the same peer, whose age counts as 0.

    What the quickest way takes is not part of the age, as it cannot be told from the difference of the clocks.
    """

    def __init__(self) -> None:
        self._offset: float | None = None
        self._at = 0.0

    def age(self, sent: float, now: float) -> float:
        """The age of a message that has just arrived.

        Args:
            sent: Seconds, on the sender's clock.
            now: Seconds, on this end's clock.

        Returns:
            Seconds, 0 or more.
        """
        offset = now - sent
        if self._offset is None:
            self._offset = offset
        else:
            # Where the clocks drift apart, the quickest message seems older each time.
            allowed = self._offset + _DRIFT * max(0.0, now - self._at)
            self._offset = min(allowed, offset)
        self._at = now
        return offset - self._offset
