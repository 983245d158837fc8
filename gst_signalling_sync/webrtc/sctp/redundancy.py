"""`Redundancy`: redundant data bundling for thin streams, which repeats chunks under way in packets that are sent anyway.

In a stream of a few small messages per round trip, a lost message takes one and a half round trips until its retransmission
arrives, and later messages wait for it. So while a link loses packets, and all chunks under way fit into one packet, each
packet of such a stream repeats the messages before it. A lost message then arrives with the next one.
"""

from __future__ import annotations

from typing import Final

from .outstanding import Outstanding

__all__ = ["Redundancy"]

_SECONDS_AFTER_LOSS: Final = 10.0
"""Seconds after a loss in which chunks are repeated."""

_MAX_COPIED_BYTES: Final = 512
"""Maximum of bytes under way, with headers. A stream with more is not thin."""


class Redundancy:
    """Decides which chunks are repeated in packets with new chunks.

    Args:
        outstanding: The chunks under way.
    """

    def __init__(self, outstanding: Outstanding) -> None:
        self._outstanding = outstanding
        self.until: float | None = None
        """The time until which chunks are repeated; None: nothing was lost."""

    def on_loss(self, now: float) -> None:
        """Handle a loss."""
        self.until = now + _SECONDS_AFTER_LOSS

    def fill(self, chunks: list[bytes], room: int, now: float, packet: int) -> None:
        """Add copies to a packet with new chunks.

        Copies do not count as transmissions. So messages with a maximum of retransmissions are not copied, and a round trip
        that is measured by a copy is too long rather than too short.

        Args:
            chunks: The chunks of the packet, to which copies are added.
            room: Bytes that are left in the packet.
            now: The time, in seconds.
            packet: The number of the packet.
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
