"""The signalling server's decisions, without I/O: a peer's request in, the messages for peers out.

It answers as the reference server (``gst-plugin-webrtc-signalling``) does, error texts included. Where that one lets
a peer harm others, this one does not: only a member can end a session. A status that other peers could not read is
dropped, as the reference server drops it.
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from .messages import (
    ConsumerList,
    EndSession,
    EndSessionV1_1,
    Error,
    Event,
    IceMessage,
    ListConsumers,
    ListProducers,
    Peer,
    PeerStatusChanged,
    ProducerList,
    ProtocolVersion,
    Request,
    Role,
    SdpMessage,
    SdpType,
    SessionRequested,
    SessionStarted,
    SetPeerStatus,
    SetProtocolVersion,
    StartSession,
    Welcome,
)
from .meta import check_meta

__all__ = ["Outgoing", "RegisteredPeer", "RegisteredSession", "Registry"]

logger = logging.getLogger(__name__)

Outgoing = list[tuple[str, Event]]
"""Messages to send, in this order, each with the id of the peer it is for."""


@dataclass(frozen=True, slots=True)
class RegisteredPeer(Peer):
    """A peer as the server knows it.

    Attributes:
        roles: What it registered as; empty until it does, and for an ordinary consumer.
        version: The protocol version that it announced.
    """

    roles: tuple[Role, ...] = ()
    version: ProtocolVersion = ProtocolVersion.V1_0

    def __hash__(self) -> int:
        return hash(self.id)


@dataclass(frozen=True, slots=True)
class RegisteredSession:
    """A session between two peers.

    Attributes:
        id: The id that the server gave it (a UUID4).
        producer_id: The peer that makes the offer, or answers the one in `StartSession`.
        consumer_id: The other peer.
    """

    id: str
    producer_id: str
    consumer_id: str

    def other_end(self, peer_id: str) -> str | None:
        """The id of the peer at the other end.

        Args:
            peer_id: One end.

        Returns:
            The other one's id, or None when the peer is not part of the session.
        """
        if peer_id == self.producer_id:
            return self.consumer_id
        if peer_id == self.consumer_id:
            return self.producer_id
        return None


class Registry:
    """All peers and sessions of one signalling server.

    One thread owns it and calls its methods; `peers` and `sessions` may be read from any.
    """

    def __init__(self) -> None:
        self._peers: dict[str, RegisteredPeer] = {}
        self._warned: set[str] = set()
        self._sessions: dict[str, RegisteredSession] = {}
        # Dicts without values are sets in order of insertion, so that lists and broadcasts have a stable order.
        self._members: dict[Role, dict[str, None]] = {role: {} for role in Role}
        self._sessions_of: dict[str, dict[str, None]] = {}
        self._silent: set[str] = set()

    @property
    def peers(self) -> dict[str, RegisteredPeer]:
        """A snapshot of the peers, by id."""
        # One atomic copy of a dict whose values never change: safe from any thread without a lock.
        return self._peers.copy()

    @property
    def sessions(self) -> dict[str, RegisteredSession]:
        """A snapshot of the sessions, by id."""
        return self._sessions.copy()

    def add_peer(self) -> tuple[str, Outgoing]:
        """Take in a peer that has just connected.

        Returns:
            The id that it got, and what to send.
        """
        peer_id = str(uuid.uuid4())
        self._peers[peer_id] = RegisteredPeer(peer_id)
        self._silent.add(peer_id)
        return peer_id, [(peer_id, Welcome(peer_id))]

    def remove_peer(self, peer_id: str) -> Outgoing:
        """Forget a peer that has disconnected, and end its sessions.

        Args:
            peer_id: Of the peer; an unknown one changes nothing.

        Returns:
            What to send.
        """
        peer = self._peers.pop(peer_id, None)
        self._warned.discard(peer_id)
        if peer is None:
            return []
        self._silent.discard(peer_id)
        for members in self._members.values():
            members.pop(peer_id, None)
        outgoing = self._end_sessions(peer_id, list(self._sessions_of.get(peer_id, ())))
        return outgoing + self._to_listeners(PeerStatusChanged(peer_id, (), peer.meta))

    def handle(self, peer_id: str, request: Request) -> Outgoing:
        """Decide on what a peer sent.

        Args:
            peer_id: Of the peer.
            request: Its message.

        Returns:
            What to send.

        Raises:
            KeyError: No such peer was added, or it was removed.
        """
        outgoing = self._decide(self._peers[peer_id], request)
        self._silent.discard(peer_id)
        return outgoing

    def _decide(self, peer: RegisteredPeer, request: Request) -> Outgoing:
        match request:
            case SdpMessage() | IceMessage():
                return self._relay(peer, request)
            case SetProtocolVersion(version):
                return self._set_version(peer, version)
            case SetPeerStatus(roles, meta):
                return self._set_status(peer, roles, meta)
            case StartSession(other_id, offer):
                return self._start_session(peer, other_id, offer)
            case EndSession(session_id):
                return self._end_session(peer, session_id, None)
            case EndSessionV1_1(session_id, error):
                return self._end_session(peer, session_id, error)
            case ListProducers():
                return [(peer.id, ProducerList(self._listed(Role.PRODUCER)))]
            case ListConsumers():
                return [(peer.id, ConsumerList(self._listed(Role.CONSUMER)))]

    def _set_version(self, peer: RegisteredPeer, version: ProtocolVersion) -> Outgoing:
        if peer.id not in self._silent:
            return _refusal(peer, f"Protocol version selection for peer '{peer.id}' must be first message")
        self._peers[peer.id] = replace(peer, version=version)
        return []

    def _set_status(self, peer: RegisteredPeer, roles: tuple[Role, ...], meta: Any) -> Outgoing:
        try:
            check_meta(meta)
        except ValueError as error:
            logger.warning("peer %s: status dropped, which other peers could not read: %s", peer.id, error)
            return []
        if roles == peer.roles and _is_same_json(meta, peer.meta):
            return []
        if Role.PRODUCER in roles and Role.CONSUMER in roles:
            return _refusal(peer, f"Cannot register peer {peer.id} as both producer and passive consumer")
        outgoing = self._end_sessions(peer.id, self._sessions_of_lost_role(peer, roles))
        self._peers[peer.id] = replace(peer, roles=roles, meta=meta)
        for role, members in self._members.items():
            if role in roles:
                members[peer.id] = None
            else:
                members.pop(peer.id, None)
        return outgoing + self._to_listeners(PeerStatusChanged(peer.id, roles, meta))

    def _start_session(self, peer: RegisteredPeer, other_id: str, offer: str | None) -> Outgoing:
        other = self._peers.get(other_id)
        if other is None:
            return _refusal(peer, f"Peer with ID '{other_id}' not found")
        if Role.PRODUCER in other.roles:
            producer, consumer = other, peer
        elif Role.CONSUMER in other.roles:
            # The reference server does not ask the one that starts to have registered as a producer.
            producer, consumer = peer, other
        else:
            return _refusal(
                peer,
                f"Missing a producer or a consumer: id {peer.id} roles {_rust_roles(peer.roles)},"
                f" id {other.id} roles {_rust_roles(other.roles)}",
            )
        session = RegisteredSession(str(uuid.uuid4()), producer.id, consumer.id)
        self._sessions[session.id] = session
        for end in (producer, consumer):
            self._sessions_of.setdefault(end.id, {})[session.id] = None
        return [
            (consumer.id, SessionStarted(producer.id, session.id)),
            (producer.id, SessionRequested(consumer.id, session.id, offer)),
        ]

    def _end_session(self, peer: RegisteredPeer, session_id: str, error: str | None) -> Outgoing:
        if error is not None and peer.version is ProtocolVersion.V1_0:
            return _refusal(
                peer,
                f"Invalid end session message with error from peer '{peer.id}', minimum protocol version is 1.1",
            )
        session = self._sessions.get(session_id)
        if session is None:
            # Both ends ending at once is ordinary, so this is no warning.
            logger.info("peer %s: end of an unknown session dropped: %.100r", peer.id, session_id)
            return []
        if session.other_end(peer.id) is None:
            return _refusal(peer, f"Peer {peer.id} is not part of {session_id}")
        return self._end_sessions(peer.id, [session_id], error)

    def _relay(self, peer: RegisteredPeer, message: SdpMessage | IceMessage) -> Outgoing:
        session = self._sessions.get(message.session_id)
        if session is None:
            # Once per peer: nobody shall fill the log of the machine that the server runs on.
            level = logging.DEBUG if peer.id in self._warned else logging.WARNING
            self._warned.add(peer.id)
            logger.log(level, "peer %s: message for an unknown session dropped: %.100r", peer.id, message.session_id)
            return []
        is_offer = isinstance(message, SdpMessage) and message.type is SdpType.OFFER
        if is_offer and peer.id == session.consumer_id:
            return _refusal(
                peer,
                f'cannot forward offer from "{peer.id}" to "{session.producer_id}" as "{peer.id}" is not the producer',
            )
        other_id = session.other_end(peer.id)
        if other_id is None:
            return _refusal(peer, f"Peer {peer.id} is not part of {session.id}")
        return [(other_id, message)]

    def _sessions_of_lost_role(self, peer: RegisteredPeer, roles: tuple[Role, ...]) -> list[str]:
        own = [self._sessions[session_id] for session_id in self._sessions_of.get(peer.id, ())]
        if Role.PRODUCER in peer.roles and Role.PRODUCER not in roles:
            return [session.id for session in own if session.producer_id == peer.id]
        if Role.CONSUMER in peer.roles and Role.CONSUMER not in roles:
            return [session.id for session in own if session.consumer_id == peer.id]
        return []

    def _end_sessions(self, peer_id: str, session_ids: Iterable[str], error: str | None = None) -> Outgoing:
        outgoing: Outgoing = []
        for session_id in session_ids:
            session = self._sessions.pop(session_id)
            for end_id in {session.producer_id, session.consumer_id}:
                self._forget_session_of(end_id, session_id)
            other_id = session.other_end(peer_id)
            other = self._peers.get(other_id) if other_id is not None else None
            if other is not None:
                outgoing.append((other.id, _session_ended(other, session_id, error)))
        return outgoing

    def _forget_session_of(self, peer_id: str, session_id: str) -> None:
        own = self._sessions_of[peer_id]
        del own[session_id]
        if not own:
            del self._sessions_of[peer_id]

    def _listed(self, role: Role) -> tuple[Peer, ...]:
        return tuple(self._peers[peer_id] for peer_id in self._members[role])

    def _to_listeners(self, event: Event) -> Outgoing:
        return [(listener_id, event) for listener_id in self._members[Role.LISTENER]]


def _refusal(peer: RegisteredPeer, details: str) -> Outgoing:
    logger.info("peer %s: refused: %.300s", peer.id, details)
    return [(peer.id, Error(details))]


def _session_ended(other: RegisteredPeer, session_id: str, error: str | None) -> Event:
    if other.version is ProtocolVersion.V1_0:
        return EndSession(session_id)
    return EndSessionV1_1(session_id, error)


def _rust_roles(roles: tuple[Role, ...]) -> str:
    return f"[{', '.join(role.name.capitalize() for role in roles)}]"


def _is_same_json(one: Any, other: Any) -> bool:
    # Python alone would take 1, 1.0 and true for the same value.
    return bool(one == other) and json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
