"""Every message of GStreamer's WebRTC signalling protocol, 1.0 and 1.1, as a dataclass.

Peers send a `Request`, the server sends an `Event`; some classes are both. How they are written is in `wire`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

__all__ = [
    "ConsumerList",
    "EndSession",
    "EndSessionV1_1",
    "Error",
    "Event",
    "IceMessage",
    "ListConsumers",
    "ListProducers",
    "Outgoing",
    "Peer",
    "PeerAway",
    "PeerBack",
    "PeerStatusChanged",
    "ProducerList",
    "ProtocolVersion",
    "Relayed",
    "Request",
    "Role",
    "SdpMessage",
    "SdpType",
    "SessionRequested",
    "SessionStarted",
    "SetPeerStatus",
    "SetProtocolVersion",
    "StartSession",
    "Welcome",
]


class Role(StrEnum):
    """What a peer registers as; an ordinary consumer registers no role."""

    PRODUCER = "producer"
    LISTENER = "listener"
    CONSUMER = "consumer"


class ProtocolVersion(StrEnum):
    """The protocol versions that a peer can announce."""

    V1_0 = "v1_0"
    V1_1 = "v1_1"


class SdpType(StrEnum):
    """The session descriptions that are relayed."""

    OFFER = "offer"
    ANSWER = "answer"


@dataclass(frozen=True, slots=True)
class Peer:
    """A peer as the signalling server lists it.

    Example:
        for peer in list_producers():
            print(peer.id, peer.name, peer.meta)

    Attributes:
        id: The id that the server gave it (a UUID4).
        meta: Whatever JSON value the peer registered, by convention an object with a ``name``.
    """

    id: str
    meta: Any = None

    @property
    def name(self) -> str | None:
        """The ``name`` in `meta`; None where `meta` has no such string."""
        if not isinstance(self.meta, Mapping):
            return None
        name = self.meta.get("name")
        return name if isinstance(name, str) else None

    def __hash__(self) -> int:
        return hash(self.id)


@dataclass(frozen=True, slots=True)
class SetProtocolVersion:
    """Announces the peer's protocol version; only valid as its first message."""

    version: ProtocolVersion


@dataclass(frozen=True, slots=True)
class SetPeerStatus:
    """Registers roles and meta, replacing the earlier ones."""

    roles: tuple[Role, ...]
    meta: Any = None


@dataclass(frozen=True, slots=True)
class StartSession:
    """Asks for a session with a producer, or as a producer with a passive consumer."""

    peer_id: str
    offer: str | None = None


@dataclass(frozen=True, slots=True)
class EndSession:
    """Ends a session (request), or tells that the other end did (event).

    Attributes:
        session_id: Of the session.
        mark: The reason of `SessionClosed` where this library's server ended the session by itself: an expiry, a revocation, an
            operator's order. None where one of the two peers ended the session or left.
    """

    session_id: str
    mark: str | None = None


@dataclass(frozen=True, slots=True)
class EndSessionV1_1:
    """`EndSession` with a reason, between a peer and a server that speak 1.1."""

    session_id: str
    error: str | None = None
    mark: str | None = None


@dataclass(frozen=True, slots=True)
class SdpMessage:
    """A session description, relayed to the session's other end."""

    session_id: str
    type: SdpType
    sdp: str


@dataclass(frozen=True, slots=True)
class IceMessage:
    """An ICE candidate, relayed to the session's other end; an empty string ends the candidates."""

    session_id: str
    candidate: str
    sdp_m_line_index: int


@dataclass(frozen=True, slots=True)
class ListProducers:
    """Asks for the producers."""


@dataclass(frozen=True, slots=True)
class ListConsumers:
    """Asks for the passive consumers."""


@dataclass(frozen=True, slots=True)
class Welcome:
    """The server's first message: the peer's id.

    Attributes:
        peer_id: The peer's id.
        sessions: The ids of the sessions that the peer still has, where it resumed by its key; None: it is a new peer.
    """

    peer_id: str
    sessions: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class PeerStatusChanged:
    """Tells listeners of a peer's new status; no roles means that it left."""

    peer_id: str
    roles: tuple[Role, ...]
    meta: Any = None


@dataclass(frozen=True, slots=True)
class SessionStarted:
    """Tells a consumer the id of its new session with a producer."""

    peer_id: str
    session_id: str


@dataclass(frozen=True, slots=True)
class SessionRequested:
    """Tells a producer of a new session with a consumer (``startSession`` on the wire)."""

    peer_id: str
    session_id: str
    offer: str | None = None


@dataclass(frozen=True, slots=True)
class PeerAway:
    """Tells a peer with a resumption key that the connection of a session's other end broke, and that this end may resume."""

    session_id: str


@dataclass(frozen=True, slots=True)
class PeerBack:
    """Tells a peer with a resumption key that a session's other end has resumed, perhaps from another address."""

    session_id: str


@dataclass(frozen=True, slots=True)
class ProducerList:
    """Answers `ListProducers` (``list`` on the wire)."""

    producers: tuple[Peer, ...]


@dataclass(frozen=True, slots=True)
class ConsumerList:
    """Answers `ListConsumers` (``listConsumers`` on the wire)."""

    consumers: tuple[Peer, ...]


@dataclass(frozen=True, slots=True)
class Error:
    """The server refused a request; correlated with it by order alone."""

    details: str


Relayed = SdpMessage | IceMessage
Request = (
    SetProtocolVersion
    | SetPeerStatus
    | StartSession
    | EndSession
    | EndSessionV1_1
    | SdpMessage
    | IceMessage
    | ListProducers
    | ListConsumers
)
Event = (
    Welcome
    | PeerStatusChanged
    | SessionStarted
    | SessionRequested
    | PeerAway
    | PeerBack
    | EndSession
    | EndSessionV1_1
    | SdpMessage
    | IceMessage
    | ProducerList
    | ConsumerList
    | Error
)

Outgoing = list[tuple[str, Event]]
"""Messages of the server to send, in this order, each with the id of the peer it is for."""
