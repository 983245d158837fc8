"""Messages of data channels on their way to the peer: messages of SCTP that know their channel, and when they were sent."""

from __future__ import annotations

from typing import NamedTuple

from aiortc import RTCDataChannel

from ...threads import clock
from ..message import Message
from ..message_dates import DatedPayload, Dating, dated
from ..sctp import Message as SctpMessage
from ..sctp.dcep import BINARY, BINARY_EMPTY, STRING, STRING_EMPTY
from ..sender_clock import told_time_of_date
from .data import SentMessage

__all__ = [
    "Dated",
    "as_sent",
    "channel_of",
    "count_buffered",
    "has_expired",
    "outgoing",
    "put_date",
    "uncount_buffered",
]


class Dated(NamedTuple):
    """The context of a message whose time counts; that of any other one is its channel."""

    channel: RTCDataChannel
    kind: int
    data: bytes
    """As the program sent it; the peer gets it with its date, if it reads dates."""
    date: float
    """When the program sent it, on `threads.clock`."""
    dating: Dating
    """What the peer is told of that."""

    @property
    def expires_at(self) -> float | None:
        """When it is given up, on `threads.clock`; None: never."""
        life_time = self.channel.maxPacketLifeTime
        return None if life_time is None else self.date + life_time / 1000


def outgoing(channel: RTCDataChannel, message: str | bytes, date: float | None, dating: Dating) -> SctpMessage:
    """A message as a program sent it, without a stream.

    Args:
        channel: Its channel.
        message: The message.
        date: When the program sent it, on `threads.clock`; None: now.
        dating: What to tell the peer of that, if it reads dates.
    """
    if isinstance(message, str):
        data = message.encode()
        kind = STRING if data else STRING_EMPTY
    else:
        data = message
        kind = BINARY if data else BINARY_EMPTY
    # SCTP has no empty messages (RFC 8831 section 6.6).
    data = data or b"\0"
    context: RTCDataChannel | Dated = channel
    if channel.maxPacketLifeTime is not None or dating is Dating.TIME:
        context = Dated(channel, kind, data, clock.now() if date is None else date, dating)
    return SctpMessage(-1, kind, data, channel.ordered, None, channel.maxRetransmits, context, tells_when_sent=False)


def put_date(message: SctpMessage, context: Dated, is_told: bool) -> None:
    """Have a message expire by its date, and bring it to the peer.

    Args:
        message: The message, which is not with SCTP yet.
        context: Its context.
        is_told: Whether the peer reads dates.
    """
    message.expires_at = context.expires_at
    if is_told and context.dating is not Dating.NONE:
        data = b"" if context.kind in (STRING_EMPTY, BINARY_EMPTY) else context.data
        sent_at = told_time_of_date(context.date) if context.dating is Dating.TIME else None
        is_text = context.kind in (STRING, STRING_EMPTY)
        message.identifier, message.data = dated(DatedPayload(data, is_text, context.date, sent_at))


def channel_of(message: SctpMessage) -> RTCDataChannel:
    """The channel of a message."""
    context = message.context
    if isinstance(context, Dated):
        return context.channel
    assert isinstance(context, RTCDataChannel)
    return context


def has_expired(message: SctpMessage, now: float) -> bool:
    """Whether the lifetime of a message is over."""
    expires_at = message.context.expires_at if isinstance(message.context, Dated) else None
    return expires_at is not None and expires_at < now


def as_sent(message: SctpMessage) -> SentMessage:
    """A message as the program sent it."""
    context = message.context
    if isinstance(context, Dated):
        return SentMessage(_decoded(context.kind, context.data), context.date)
    return SentMessage(_decoded(message.identifier, message.data), None)


def _decoded(kind: int, data: bytes) -> Message:
    if kind in (STRING, STRING_EMPTY):
        return data.decode() if kind == STRING else ""
    return data if kind == BINARY else b""


def count_buffered(message: SctpMessage) -> None:
    """Add a message that waits to the buffered amount of its channel, until `uncount_buffered`."""
    message.tells_when_sent = True
    channel_of(message)._addBufferedAmount(_size(message))


def uncount_buffered(message: SctpMessage) -> None:
    """Take a message from the buffered amount of its channel, if it was added."""
    if message.tells_when_sent:
        message.tells_when_sent = False
        channel_of(message)._addBufferedAmount(-_size(message))


def _size(message: SctpMessage) -> int:
    # As the program sent it.
    return len(message.context.data if isinstance(message.context, Dated) else message.data)
