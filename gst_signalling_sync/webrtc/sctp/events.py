"""What an association tells whoever drives it."""

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
    """The association is established; messages travel from now on."""

    streams: int
    """How many each end may send on: the fewer of what both ends take."""


class Received(NamedTuple):
    """A message arrived."""

    stream: int
    identifier: int
    data: bytes


class Sent(NamedTuple):
    """Messages have left the queue, each with all of its fragments; of those that tell, see `Message`."""

    messages: Sequence[Message]


class Expired(NamedTuple):
    """Messages were given up (RFC 3758)."""

    messages: Sequence[Message]


class Acknowledged(NamedTuple):
    """The peer's cumulative TSN has passed messages of these streams."""

    streams: Collection[int]


class IncomingReset(NamedTuple):
    """The peer has reset its outgoing streams (RFC 6525 section 5.2.2); all that preceded it was received."""

    streams: Sequence[int]


class OutgoingReset(NamedTuple):
    """The peer has answered a reset of outgoing streams (RFC 6525 section 5.2.7)."""

    streams: Sequence[int]
    is_performed: bool


class HeartbeatAnswered(NamedTuple):
    """A heartbeat was answered (RFC 9260 section 8.3)."""

    number: int
    round_trip: float
    """In seconds."""


class PeerLeft(NamedTuple):
    """The peer ends the association (RFC 9260 section 9); `Closed` follows, after a SHUTDOWN once both ends are done."""

    by: Literal["abort", "shutdown"]


class Closed(NamedTuple):
    """The association has ended; nothing follows."""

    error: str | None
    """Why, where neither end wanted it."""


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
