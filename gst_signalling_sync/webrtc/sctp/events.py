"""The events of an association, for its driver."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal, NamedTuple

from .message import Message

__all__ = [
    "Acknowledged",
    "Closed",
    "Established",
    "Event",
    "Expired",
    "HeartbeatAnswered",
    "IncomingReset",
    "OutgoingReset",
    "PeerLeft",
    "Received",
    "Sent",
]


class Established(NamedTuple):
    """The association is established, so that messages are sent from now on."""

    streams: int
    """The number of streams that each end may send on: the minimum of what both ends accept."""


class Received(NamedTuple):
    """A message arrived."""

    stream: int
    identifier: int
    data: bytes


class Sent(NamedTuple):
    """All fragments of these messages were sent. Only messages with `Message.tells_when_sent` are listed."""

    messages: Sequence[Message]


class Expired(NamedTuple):
    """Messages were abandoned (RFC 3758)."""

    messages: Sequence[Message]


class Acknowledged(NamedTuple):
    """The peer's cumulative TSN has passed messages of these streams."""

    streams: Collection[int]


class IncomingReset(NamedTuple):
    """The peer has reset its outgoing streams (RFC 6525 section 5.2.2). All messages before the reset were received."""

    streams: Sequence[int]


class OutgoingReset(NamedTuple):
    """The peer has answered a reset of outgoing streams (RFC 6525 section 5.2.7)."""

    streams: Sequence[int]
    is_performed: bool


class HeartbeatAnswered(NamedTuple):
    """A heartbeat was answered (RFC 9260 section 8.3)."""

    number: int
    round_trip: float
    """The round trip, in seconds."""


class PeerLeft(NamedTuple):
    """The peer ends the association (RFC 9260 section 9). `Closed` follows; after a SHUTDOWN, once both ends are done."""

    by: Literal["abort", "shutdown"]


class Closed(NamedTuple):
    """The association has ended. This is the last event."""

    error: str | None
    """Why it failed; None: one of the ends ended it."""


Event = (
    Established
    | Received
    | Sent
    | Expired
    | Acknowledged
    | IncomingReset
    | OutgoingReset
    | HeartbeatAnswered
    | PeerLeft
    | Closed
)
