"""`Redundancy`: copies of what is under way, in packets that are sent anyway (redundant data bundling for thin streams).

Of a stream of small messages, a few per round trip, a lost one costs a round trip until its loss is known and half of one until
it arrives, and those behind it in order wait too. While a link loses packets and all that is under way fits into one, each
packet of such a stream brings the messages before it once more: a lost one arrives with the next one.
"""

from __future__ import annotations

from typing import Final

from .outstanding import Outstanding

__all__ = ["Redundancy"]

_SECONDS_AFTER_LOSS: Final = 10.0
"""How long a link counts as one that loses packets."""

_MAX_COPIED_BYTES: Final = 512
"""Maximum of what is under way, with headers; more is no thin stream."""


class Redundancy:
    """Decides what is sent once more beside new chunks.

    Args:
        outstanding: What is under way.
    """

    def __init__(self, outstanding: Outstanding) -> None:
        self._outstanding = outstanding
        self.until: float | None = None
        """Until when something is sent twice; None: nothing was lost."""

    def on_loss(self, now: float) -> None:
        """Take note that something was lost."""
        self.until = now + _SECONDS_AFTER_LOSS

    def fill(self, chunks: list[bytes], room: int, now: float, packet: int) -> None:
        """Add copies to a packet that has new chunks.

        They do not count as transmissions: a message that is given up after some is not copied, and a round trip that is
        measured of a message whose copy arrived is too long rather than too short.

        Args:
            chunks: Those of the packet.
            room: Bytes that are left in it.
            now: The time.
            packet: Its number.
        """
        if self.until is None or now >= self.until:
            self.until = None
            return
        if self._outstanding.in_flight_bytes > _MAX_COPIED_BYTES:
            return
        for chunk in self._outstanding.under_way.values():
            if chunk.packet == packet or len(chunk.wire) > room:
                return
            if chunk.message.max_retransmits is None:
                chunks.append(chunk.wire)
                room -= len(chunk.wire)
