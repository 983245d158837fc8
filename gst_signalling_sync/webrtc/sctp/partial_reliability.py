"""`PartialReliability`: abandoned messages, and the FORWARD TSN that reports them (RFC 3758 section 3.5, RFC 7496)."""

from __future__ import annotations

from typing import Final

from .chunks import ForwardTsn
from .message import Message
from .outstanding import Outstanding
from .sent_chunk import ABANDONED
from .serial import SSN_MASK, TSN_MASK

__all__ = ["PartialReliability", "has_expired"]

_MAX_STREAMS: Final = 256
"""Maximum number of streams in one FORWARD TSN, so that it fits into a packet with other chunks."""


def has_expired(message: Message, transmissions: int, now: float) -> bool:
    """Whether a message is abandoned instead of sent again.

    Args:
        message: The message.
        transmissions: Number of transmissions of its lost chunk.
        now: The time, in seconds.
    """
    if message.expires_at is not None and message.expires_at <= now:
        return True
    return message.max_retransmits is not None and transmissions > message.max_retransmits


class PartialReliability:
    """The abandoned messages that the peer has to be told of.

    Args:
        outstanding: The chunks that were sent.
    """

    def __init__(self, outstanding: Outstanding) -> None:
        self._outstanding = outstanding
        self._point = outstanding.cumulative
        self._streams: dict[int, tuple[int, int]] = {}
        self._sent_at: float | None = None
        self.is_due = False
        """Whether a FORWARD TSN is due."""

        self.is_active = False
        """Whether a message was abandoned since all were acknowledged. If not, acknowledgements have no effect here."""

    @property
    def is_unacknowledged(self) -> bool:
        """Whether the peer has not acknowledged the Advanced.Peer.Ack.Point."""
        return self._point > self._outstanding.cumulative

    def abandon(self, message: Message) -> None:
        """Abandon a message: the chunks that were sent, and the rest of it."""
        message.is_abandoned = self.is_active = True
        tsn = max(message.first_tsn, self._outstanding.cumulative + 1)
        while (chunk := self._outstanding.chunks.get(tsn)) is not None and chunk.message is message:
            self._outstanding.abandon(chunk)
            tsn += 1
        if message.offset < len(message.data):
            # The peer has the beginning of the message, and would wait for the end forever.
            self._outstanding.add_abandoned(message)
        self.advance()

    def advance(self) -> None:
        """Move the Advanced.Peer.Ack.Point over abandoned chunks (C2). If it moves, a FORWARD TSN is due (C3)."""
        outstanding = self._outstanding
        self._point = max(self._point, outstanding.cumulative)
        if self._point == outstanding.cumulative and self._streams:
            self._streams.clear()
        while len(self._streams) < _MAX_STREAMS:
            chunk = outstanding.chunks.get(self._point + 1)
            if chunk is None or chunk.state != ABANDONED:
                return
            self._point += 1
            self.is_due = True
            if chunk.message.ordered:
                self._streams[chunk.message.stream] = (chunk.message.ssn, chunk.tsn)

    def on_acknowledged(self, now: float, round_trip: float) -> None:
        """Handle an acknowledgement. If it does not cover the last FORWARD TSN, another one is due (C3).

        Args:
            now: The time, in seconds.
            round_trip: Seconds that the acknowledgement of a FORWARD TSN may take.
        """
        cumulative = self._outstanding.cumulative
        if self._streams:
            self._streams = {stream: told for stream, told in self._streams.items() if told[1] > cumulative}
        self.advance()
        if self.is_unacknowledged:
            if self._sent_at is None or now - self._sent_at >= round_trip:
                self.is_due = True
        elif not self._outstanding.chunks:
            self.is_active = False

    def on_timeout(self) -> None:
        """Handle a retransmission timeout, after which another FORWARD TSN is due (A5)."""
        self.advance()
        if self.is_unacknowledged:
            self.is_due = True

    def forward_tsn(self, now: float) -> bytes:
        """Take the FORWARD TSN chunk, which is then no longer due."""
        self.is_due = False
        self._sent_at = now
        streams = [(stream, ssn & SSN_MASK) for stream, (ssn, _) in self._streams.items()]
        return ForwardTsn(self._point & TSN_MASK, streams).serialize()
