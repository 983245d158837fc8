"""`SentChunk`: a DATA chunk from its first transmission to its acknowledgement (RFC 9260 section 6.1)."""

from __future__ import annotations

from typing import Final

from .chunks import IMMEDIATE
from .message import Message

__all__ = ["ABANDONED", "ACKNOWLEDGED", "IN_FLIGHT", "LOST", "SentChunk"]

IN_FLIGHT: Final = 0
ACKNOWLEDGED: Final = 1
"""The chunk is acknowledged by a gap block, and not by the cumulative TSN."""
LOST: Final = 2
ABANDONED: Final = 3


class SentChunk:
    """A DATA chunk that was sent at least once.

    Attributes:
        tsn: Its TSN, which does not wrap.
        message: The message of which it is a fragment.
        is_last: Whether it is the last fragment of its message.
        wire: The padded chunk.
        state: `IN_FLIGHT`, `ACKNOWLEDGED`, `LOST` or `ABANDONED`.
        transmissions: Number of transmissions.
        sent_at: Time of its last transmission.
        packet: Number of the packet of its last transmission.
        missing: Number of acknowledgements since then of chunks that were sent later.
    """

    __slots__ = ("is_last", "message", "missing", "packet", "sent_at", "state", "transmissions", "tsn", "wire")

    def __init__(self, tsn: int, message: Message, is_last: bool, wire: bytes, now: float, packet: int) -> None:
        self.tsn = tsn
        self.message = message
        self.is_last = is_last
        self.wire = wire
        self.state = IN_FLIGHT
        self.transmissions = 1
        self.sent_at = now
        self.packet = packet
        self.missing = 0

    def with_flag_immediate(self) -> bytes:
        """The padded chunk with the flag I, which asks for an acknowledgement at once (RFC 9260 section 6.2)."""
        wire = self.wire
        return wire[:1] + bytes((wire[1] | IMMEDIATE,)) + wire[2:]
