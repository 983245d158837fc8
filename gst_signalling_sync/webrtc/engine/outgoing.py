"""Outgoing messages of data channels: messages of SCTP whose context is their channel, and the time at which they were sent."""

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
    "decoded",
    "has_expired",
    "outgoing",
    "set_date",
    "uncount_buffered",
]


class Dated(NamedTuple):
    """The context of a message that has a lifetime or a date. The context of other messages is their channel."""

    channel: RTCDataChannel
    kind: int
    data: bytes
    """The message of the program, without the date that a peer gets that reads dates."""
    date: float
    """Time at which the program sent it, on `threads.clock`."""
    dating: Dating
    """The date that the peer gets."""

    @property
    def expires_at(self) -> float | None:
        """When the message expires, on `threads.clock`; None: never."""
        life_time = self.channel.maxPacketLifeTime
        return None if life_time is None else self.date + life_time / 1000


def outgoing(channel: RTCDataChannel, message: str | bytes, date: float | None, dating: Dating) -> SctpMessage:
    """Make the SCTP message of a program's message. It has no stream yet.

    Args:
        channel: The channel.
        message: The message.
        date: Time at which the program sent it, on `threads.clock`; None: now.
        dating: The date that the message gets if the peer reads dates.
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


def set_date(message: SctpMessage, context: Dated, is_told: bool) -> None:
    """Set when a message expires, and put its date into the payload if the peer reads dates.

    Args:
        message: The message, which was not given to the association yet.
        context: The message's context.
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
    """Whether a message has expired."""
    expires_at = message.context.expires_at if isinstance(message.context, Dated) else None
    return expires_at is not None and expires_at < now


def as_sent(message: SctpMessage) -> SentMessage:
    """The program's message, with its date."""
    context = message.context
    if isinstance(context, Dated):
        return SentMessage(decoded(context.kind, context.data), context.date)
    return SentMessage(decoded(message.identifier, message.data), None)


def decoded(kind: int, data: bytes) -> Message:
    """The program's message, from its payload protocol identifier and its payload without a date."""
    if kind in (STRING, STRING_EMPTY):
        return data.decode() if kind == STRING else ""
    return data if kind == BINARY else b""


def count_buffered(message: SctpMessage) -> None:
    """Add a queued message to the buffered amount of its channel, until `uncount_buffered`."""
    message.tells_when_sent = True
    channel_of(message)._addBufferedAmount(_size(message))


def uncount_buffered(message: SctpMessage) -> None:
    """Subtract a message from the buffered amount of its channel, if it was added."""
    if message.tells_when_sent:
        message.tells_when_sent = False
        channel_of(message)._addBufferedAmount(-_size(message))


def _size(message: SctpMessage) -> int:
    # The size of the program's message, without a date.
    return len(message.context.data if isinstance(message.context, Dated) else message.data)
