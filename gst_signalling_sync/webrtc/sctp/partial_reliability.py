"""`PartialReliability`: messages that are given up, and how the peer is told (RFC 3758 section 3.5, RFC 7496)."""

from __future__ import annotations

from typing import Final

from .chunks import ForwardTsn
from .message import Message
from .outstanding import ABANDONED, Outstanding
from .serial import SSN_MASK, TSN_MASK

__all__ = ["PartialReliability", "has_expired"]

_MAX_STREAMS: Final = 256
"""Streams that one FORWARD TSN tells of, so that it fits into a packet with others; more need another one."""


def has_expired(message: Message, transmissions: int, now: float) -> bool:
    """Whether a message is given up rather than sent again.

    Args:
        message: The message.
        transmissions: How often the chunk of it that is lost was sent.
        now: The time.
    """
    if message.expires_at is not None and message.expires_at <= now:
        return True
    return message.max_retransmits is not None and transmissions > message.max_retransmits


class PartialReliability:
    """What the peer must be told of messages that were given up.

    Args:
        outstanding: What was sent.
    """

    def __init__(self, outstanding: Outstanding) -> None:
        self._outstanding = outstanding
        self._point = outstanding.cumulative
        self._streams: dict[int, tuple[int, int]] = {}
        self._sent_at: float | None = None
        self.is_due = False
        """Whether a FORWARD TSN must be sent now."""

        self.is_active = False
        """Whether anything was given up since all was acknowledged; without it, acknowledgements change nothing here."""

    @property
    def is_unacknowledged(self) -> bool:
        """Whether the peer has not come to where it was told to."""
        return self._point > self._outstanding.cumulative

    def abandon(self, message: Message) -> None:
        """Give up what was sent of a message, and the rest of it."""
        message.is_abandoned = self.is_active = True
        tsn = max(message.first_tsn, self._outstanding.cumulative + 1)
        while (chunk := self._outstanding.chunks.get(tsn)) is not None and chunk.message is message:
            self._outstanding.abandon(chunk)
            tsn += 1
        if message.offset < len(message.data):
            # The peer has what is before it, and would wait for the end forever.
            self._outstanding.add_abandoned(message)
        self.advance()

    def advance(self) -> None:
        """Move the Advanced.Peer.Ack.Point over what was given up (C2); what it has come to is to be told (C3)."""
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
        """Take note of an acknowledgement: what it does not show to have come to the peer is told again (C3).

        Args:
            now: The time.
            round_trip: Seconds within which an answer may come.
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
        """Have the peer told again, as nothing was acknowledged for a retransmission timeout (A5)."""
        self.advance()
        if self.is_unacknowledged:
            self.is_due = True

    def forward_tsn(self, now: float) -> bytes:
        """The chunk, which then is no longer due."""
        self.is_due = False
        self._sent_at = now
        streams = [(stream, ssn & SSN_MASK) for stream, (ssn, _) in self._streams.items()]
        return ForwardTsn(self._point & TSN_MASK, streams).serialize()
