"""The signalling server's decisions, without I/O: a peer's request in, the messages for peers out.

It answers as the reference server (``gst-plugin-webrtc-signalling``) does, error texts included. Where that one lets
a peer harm others, this one does not: only a member can end a session, no peer has one with itself, and what `ServerLimits`
do not admit is answered by an error. A status that other peers could not read is dropped, as the reference server drops it.
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

from ..errors import SessionClosedReason
from .announcements import Announcements
from .grant import matches
from .lease import Leases
from .limits import ServerLimits
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
    PeerAway,
    PeerBack,
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
from .permissions import Admission, Permissions
from .resumption import NEW, Resumption, ResumptionKeys
from .usage import Excess, MetaUsage, SessionUsage

__all__ = ["Outgoing", "RegisteredPeer", "RegisteredSession", "Registry"]

logger = logging.getLogger(__name__)

Outgoing = list[tuple[str, Event]]
"""Messages to send, in this order, each with the id of the peer it is for."""

_DEFAULT_LIMITS: Final = ServerLimits()

OnRefusal = Callable[[str, str, str], None]
"""Is told of what the registry does not do: the peer's id, by what rule, and in words."""


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


def _log_refusal(peer_id: str, rule: str, details: str) -> None:
    logger.info("peer %s: %s: %.300s", peer_id, rule, details)


class Registry:
    """All peers and sessions of one signalling server.

    One thread owns it and calls its methods; `peers` and `sessions` may be read from any.

    Args:
        limits: What it admits.
        on_refusal: Is told of each message that is refused or dropped.
        lease: How long a peer may leave pings unanswered, in seconds.
        now: The time, in seconds.
        unique_names: Whether two producers may not have one name.

    Attributes:
        announcements: What listeners are to be told of the peers' statuses, and have not been yet.
        permissions: What each peer may do.
        sessions_started: How many sessions there have been.
    """

    def __init__(
        self,
        limits: ServerLimits = _DEFAULT_LIMITS,
        on_refusal: OnRefusal = _log_refusal,
        *,
        lease: float = 20.0,
        now: float = 0.0,
        unique_names: bool = False,
    ) -> None:
        self.permissions = Permissions(limits.connections_per_token)
        self.announcements = Announcements(self._tells)
        self._leases = Leases(lease, now)
        self._keys = ResumptionKeys()
        self._names: dict[str, str] | None = {} if unique_names else None
        self.sessions_started = 0
        self._limits = limits
        self._on_refusal = on_refusal
        self._peers: dict[str, RegisteredPeer] = {}
        self._sessions: dict[str, RegisteredSession] = {}
        # Dicts without values are sets in order of insertion, so that lists and broadcasts have a stable order.
        self._members: dict[Role, dict[str, None]] = {role: {} for role in Role}
        # Of each role, by the patterns of those who may see only some; None: of all others.
        self._lists: dict[Role, dict[tuple[str, ...] | None, tuple[Peer, ...]]] = {}
        self._sessions_of: dict[str, dict[str, None]] = {}
        # Those who have sent no message yet. All idle peers are here, and the table of a set grows to four times its size.
        self._silent: dict[str, None] = {}
        # Those without a connection.
        self._away: set[str] = set()
        self._session_usage = SessionUsage(limits)
        self._meta_usage = MetaUsage(limits)

    @property
    def has_unique_names(self) -> bool:
        """Whether two producers may not have one name."""
        return self._names is not None

    @property
    def peers(self) -> dict[str, RegisteredPeer]:
        """A snapshot of the peers, by id."""
        # One atomic copy of a dict whose values never change: safe from any thread without a lock.
        return self._peers.copy()

    @property
    def sessions(self) -> dict[str, RegisteredSession]:
        """A snapshot of the sessions, by id."""
        return self._sessions.copy()

    def count_peers(self) -> dict[str, int]:
        """How many peers there are of each role, by its name; those of ``"none"`` have no role."""
        counts = {str(role): len(members) for role, members in self._members.items()}
        return {**counts, "none": sum(not peer.roles for peer in self._peers.values())}

    def add_peer(
        self,
        now: float,
        address: str | None = None,
        resumption: Resumption | None = None,
        admission: Admission | None = None,
    ) -> tuple[str, Outgoing]:
        """Take in a peer that has just connected, or one that comes back.

        Args:
            now: The time, in seconds.
            address: What limits per address count it as; None: they do not count it.
            resumption: Its key, and the one for the next time; None: it does not come back.
            admission: Who it is, and what it may do; None: everything.

        Returns:
            The id that it got, and what to send: its welcome first.
        """
        if resumption is not None and (kept_id := self._kept(resumption.presented, admission)) is not None:
            return kept_id, self._resume(kept_id, now, resumption, admission)
        peer_id = str(uuid.uuid4())
        self._peers[peer_id] = RegisteredPeer(peer_id)
        self._silent[peer_id] = None
        self._meta_usage.add_peer(peer_id, address)
        self._leases.begin(peer_id, now)
        if admission is not None:
            self.permissions.admit(peer_id, admission)
        if resumption is not None:
            self._keys.issue(peer_id, Resumption(NEW, resumption.issued))
        return peer_id, [(peer_id, Welcome(peer_id))]

    def has_room(self, key: str | None, admission: Admission) -> bool:
        """Whether there may be one more peer of an identity.

        Args:
            key: The key that it showed, by which it may be one that is here already; None: none.
            admission: Who it is.
        """
        return not self.permissions.is_full(admission) or (key is not None and self._kept(key, admission) is not None)

    def objection_to_return(self, key: str, admission: Admission | None) -> tuple[str, str] | None:
        """Why a peer is a new one although it shows a key.

        Args:
            key: What it showed.
            admission: Who it is.

        Returns:
            The rule, and in words; None: it has none yet, or it comes back by it.
        """
        if key == NEW or self._kept(key, admission) is not None:
            return None
        if self._keys.peer_of(key) is not None:
            return "resumption", "its resumption key is another one's, so it is a new peer"
        if self._keys.is_spent(key):
            return "resumption", "its resumption key was used before, so it is a new peer"
        return "late", "its resumption key is unknown here, or too late, so it is a new peer"

    def heard(self, peer_id: str, now: float) -> float | None:
        """Renew the lease of a peer that has answered a ping.

        Args:
            peer_id: Of the peer; an unknown one changes nothing.
            now: The time, in seconds.

        Returns:
            How long ago it was pinged, in seconds; None: there is no such peer.
        """
        self._keys.confirm(peer_id)
        return self._leases.renew(peer_id, now)

    def begin_lease(self, peer_id: str, now: float) -> None:
        """Give a peer another lease, because it was this end that did not listen.

        Args:
            peer_id: Of the peer.
            now: The time, in seconds.
        """
        self._leases.begin(peer_id, now)

    def may_return(self, peer_id: str) -> bool:
        """Whether a peer whose connection broke without a goodbye is kept until its lease is over.

        Args:
            peer_id: Of the peer.

        Returns:
            Whether it has a key to come back by; else it is to be removed.
        """
        return self._keys.has(peer_id)

    def leave(self, peer_id: str) -> Outgoing:
        """Keep a peer whose connection broke: it may come back until its lease is over.

        Args:
            peer_id: Of the peer.

        Returns:
            What to send: the other ends of its sessions look after it, where they are of the kind that understands that.
        """
        self._away.add(peer_id)
        return self._tell_other_ends(peer_id, PeerAway)

    def ghost(self, peer_id: str, request: Request) -> str | None:
        """The peer without a connection whose unique name another one registers, and may take.

        Args:
            peer_id: Of the other one.
            request: What it sent, which is to be handled once the ghost is removed.

        Returns:
            The ghost's id; None: there is none.
        """
        if self._names is None or not isinstance(request, SetPeerStatus) or Role.PRODUCER not in request.roles:
            return None
        name = Peer(peer_id, request.meta).name
        holder = None if name is None else self._names.get(name)
        if holder is None or holder == peer_id or holder not in self._away:
            return None
        return holder if self.permissions.may_replace(holder, self.permissions.of(peer_id)) else None

    def to_ping(self, now: float, most: int) -> list[str]:
        """The peers to ping now.

        Args:
            now: The time, in seconds.
            most: How many at once; the others are due when it is asked again.
        """
        return self._leases.to_ping(now, most)

    def over(self, now: float) -> list[str]:
        """The peers that have not answered for as long as a lease lasts, and are to be removed.

        Args:
            now: The time, in seconds.
        """
        return self._leases.over(now)

    def remove_peer(self, peer_id: str) -> Outgoing:
        """Forget a peer that has disconnected, and end its sessions.

        Args:
            peer_id: Of the peer; an unknown one changes nothing.

        Returns:
            What to send.
        """
        peer = self._peers.pop(peer_id, None)
        if peer is None:
            return []
        self._silent.pop(peer_id, None)
        self._away.discard(peer_id)
        self._leases.end(peer_id)
        self._keys.forget(peer_id)
        self.permissions.remove(peer_id)
        self._meta_usage.remove_peer(peer_id)
        self._set_name(peer, None)
        self._set_members(peer_id, ())
        outgoing = self._end_sessions(peer_id, list(self._sessions_of.get(peer_id, ())))
        self.announcements.announce(PeerStatusChanged(peer_id, (), peer.meta))
        return outgoing

    def expel(self, peer_id: str, mark: SessionClosedReason) -> Outgoing:
        """Forget a peer by this server's own decision, and end its sessions.

        Args:
            peer_id: Of the peer; an unknown one changes nothing.
            mark: Why, which both ends of each session are told.

        Returns:
            What to send, to the peer itself too.
        """
        outgoing: Outgoing = []
        for session_id in list(self._sessions_of.get(peer_id, ())):
            outgoing += self.end_session(session_id, mark)
        return outgoing + self.remove_peer(peer_id)

    def end_session(self, session_id: str, mark: SessionClosedReason) -> Outgoing:
        """End a session by this server's own decision.

        Args:
            session_id: Of the session.
            mark: Why, which both ends are told.

        Returns:
            What to send.

        Raises:
            KeyError: There is no such session.
        """
        session = self._sessions[session_id]
        self._forget_session(session)
        ends = [self._peers[session.producer_id], self._peers[session.consumer_id]]
        return [(end.id, _session_ended(end, session_id, None, mark)) for end in ends]

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
        self._silent.pop(peer_id, None)
        self._keys.confirm(peer_id)
        return outgoing

    def _kept(self, key: str, admission: Admission | None) -> str | None:
        """The peer that comes back by a key, where it is its own."""
        peer_id = self._keys.peer_of(key)
        return peer_id if peer_id is not None and self.permissions.may_replace(peer_id, admission) else None

    def _resume(self, peer_id: str, now: float, resumption: Resumption, admission: Admission | None) -> Outgoing:
        self._away.discard(peer_id)
        self._leases.begin(peer_id, now)
        if admission is not None:
            self.permissions.admit(peer_id, admission)
        self._keys.issue(peer_id, resumption)
        welcome = Welcome(peer_id, tuple(self._sessions_of.get(peer_id, ())))
        return [(peer_id, welcome), *self._tell_other_ends(peer_id, PeerBack)]

    def _tell_other_ends(self, peer_id: str, event: type[PeerAway] | type[PeerBack]) -> Outgoing:
        sessions = (self._sessions[session_id] for session_id in self._sessions_of.get(peer_id, ()))
        others = ((session.other_end(peer_id), session.id) for session in sessions)
        return [
            (other_id, event(session_id)) for other_id, session_id in others if other_id and self._keys.has(other_id)
        ]

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
                return [(peer.id, ProducerList(self._listed(Role.PRODUCER, peer)))]
            case ListConsumers():
                return [(peer.id, ConsumerList(self._listed(Role.CONSUMER, peer)))]

    def _set_version(self, peer: RegisteredPeer, version: ProtocolVersion) -> Outgoing:
        if peer.id not in self._silent:
            return self._refuse(peer, f"Protocol version selection for peer '{peer.id}' must be first message")
        self._peers[peer.id] = replace(peer, version=version)
        return []

    def _set_status(self, peer: RegisteredPeer, roles: tuple[Role, ...], meta: Any) -> Outgoing:
        try:
            size = 0 if meta is None else check_meta(meta)
        except ValueError as error:
            self._on_refusal(peer.id, "status", f"status dropped, which other peers could not read: {error}")
            return []
        roles = tuple(dict.fromkeys(roles))
        if roles == peer.roles and _is_same_json(meta, peer.meta):
            return []
        if Role.PRODUCER in roles and Role.CONSUMER in roles:
            return self._refuse(peer, f"Cannot register peer {peer.id} as both producer and passive consumer")
        if objection := self.permissions.objection(peer.id, roles, Peer(peer.id, meta).name):
            return self._refuse(peer, f"Cannot register peer {peer.id}: {objection}", "grant")
        name = Peer(peer.id, meta).name if Role.PRODUCER in roles else None
        if self._names is not None and name is not None and self._names.get(name, peer.id) != peer.id:
            return self._refuse(
                peer, f"Cannot register peer {peer.id}: there is a producer named {name!r}", "unique_names"
            )
        if excess := self._meta_usage.use(peer.id, size):
            return self._refuse(peer, f"Cannot register peer {peer.id}: {excess}", excess.limit)
        outgoing = self._end_sessions(peer.id, self._sessions_of_lost_role(peer, roles))
        self._peers[peer.id] = replace(peer, roles=roles, meta=meta)
        self._set_name(peer, name)
        self._set_members(peer.id, roles)
        self._announce(PeerStatusChanged(peer.id, roles, meta), before=peer)
        return outgoing

    def _announce(self, status: PeerStatusChanged, before: RegisteredPeer) -> None:
        if self.permissions.is_anybody_restricted and before.name != Peer(status.peer_id, status.meta).name:
            # For those who may not see the new name, the peer is gone.
            self.announcements.announce(PeerStatusChanged(before.id, (), before.meta), renamed=status)
        self.announcements.announce(status)

    def _tells(self, listener_id: str, status: PeerStatusChanged) -> bool:
        return self.permissions.sees(listener_id, status.peer_id, Peer(status.peer_id, status.meta).name)

    def _set_name(self, before: RegisteredPeer, name: str | None) -> None:
        if self._names is None:
            return
        if Role.PRODUCER in before.roles and before.name is not None:
            del self._names[before.name]
        if name is not None:
            self._names[name] = before.id

    def _set_members(self, peer_id: str, roles: tuple[Role, ...]) -> None:
        for role, members in self._members.items():
            if role in roles:
                members[peer_id] = None
                self._lists.pop(role, None)
            elif peer_id in members:
                del members[peer_id]
                self._lists.pop(role, None)
        if Role.LISTENER in roles:
            self.announcements.join(peer_id)
        else:
            self.announcements.leave(peer_id)

    def _start_session(self, peer: RegisteredPeer, other_id: str, offer: str | None) -> Outgoing:
        other = self._peers.get(other_id)
        if other is None:
            return self._refuse(peer, f"Peer with ID '{other_id}' not found")
        if not self.permissions.sees(peer.id, other.id, other.name):
            # The same words, so that nobody finds out who else is here.
            return self._refuse(peer, f"Peer with ID '{other_id}' not found", "grant")
        if Role.PRODUCER in other.roles:
            producer, consumer = other, peer
        elif Role.CONSUMER in other.roles:
            # The reference server does not ask the one that starts to have registered as a producer.
            producer, consumer = peer, other
        else:
            return self._refuse(
                peer,
                f"Missing a producer or a consumer: id {peer.id} roles {_rust_roles(peer.roles)},"
                f" id {other.id} roles {_rust_roles(other.roles)}",
            )
        if producer is consumer:
            return self._refuse(peer, f"Peer {peer.id} cannot have a session with itself", "self")
        excess = self._session_usage.excess(producer.id, consumer.id) or self._excess("sdp_bytes", offer or "")
        if excess:
            return self._refuse(peer, f"Cannot start a session with peer {other_id}: {excess}", excess.limit)
        session = RegisteredSession(str(uuid.uuid4()), producer.id, consumer.id)
        self._sessions[session.id] = session
        self.sessions_started += 1
        self._session_usage.add(producer.id, consumer.id)
        for end in (producer, consumer):
            self._sessions_of.setdefault(end.id, {})[session.id] = None
        return [
            (consumer.id, SessionStarted(producer.id, session.id)),
            (producer.id, SessionRequested(consumer.id, session.id, offer)),
        ]

    def _end_session(self, peer: RegisteredPeer, session_id: str, error: str | None) -> Outgoing:
        if error is not None and peer.version is ProtocolVersion.V1_0:
            return self._refuse(
                peer,
                f"Invalid end session message with error from peer '{peer.id}', minimum protocol version is 1.1",
            )
        session = self._sessions.get(session_id)
        if session is None:
            # Both ends ending at once is ordinary, so this is no warning.
            self._on_refusal(peer.id, "ended", f"end of an unknown session dropped: {session_id[:100]!r}")
            return []
        if session.other_end(peer.id) is None:
            return self._refuse(peer, f"Peer {peer.id} is not part of {session_id}")
        return self._end_sessions(peer.id, [session_id], error)

    def _relay(self, peer: RegisteredPeer, message: SdpMessage | IceMessage) -> Outgoing:
        session = self._sessions.get(message.session_id)
        if session is None:
            details = f"message for an unknown session dropped: {message.session_id[:100]!r}"
            self._on_refusal(peer.id, "session", details)
            return []
        is_offer = isinstance(message, SdpMessage) and message.type is SdpType.OFFER
        if is_offer and peer.id == session.consumer_id:
            return self._refuse(
                peer,
                f'cannot forward offer from "{peer.id}" to "{session.producer_id}" as "{peer.id}" is not the producer',
            )
        other_id = session.other_end(peer.id)
        if other_id is None:
            return self._refuse(peer, f"Peer {peer.id} is not part of {session.id}")
        if isinstance(message, SdpMessage):
            excess = self._excess("sdp_bytes", message.sdp)
        else:
            excess = self._excess("candidate_bytes", message.candidate)
        if excess:
            return self._refuse(peer, f"Cannot relay in session {session.id}: {excess}", excess.limit)
        return [(other_id, message)]

    def _excess(self, limit: str, text: str) -> Excess | None:
        most: int | None = getattr(self._limits, limit)
        # A character is up to four bytes in UTF-8.
        if most is None or 4 * len(text) <= most:
            return None
        size = len(text.encode())
        return Excess(limit, f"{size} bytes are too many, the limit {limit} is {most}") if size > most else None

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
            session = self._sessions[session_id]
            self._forget_session(session)
            other_id = session.other_end(peer_id)
            other = self._peers.get(other_id) if other_id is not None else None
            if other is not None:
                outgoing.append((other.id, _session_ended(other, session_id, error)))
        return outgoing

    def _forget_session(self, session: RegisteredSession) -> None:
        del self._sessions[session.id]
        self._session_usage.remove(session.producer_id, session.consumer_id)
        for end_id in (session.producer_id, session.consumer_id):
            self._forget_session_of(end_id, session.id)

    def _forget_session_of(self, peer_id: str, session_id: str) -> None:
        own = self._sessions_of[peer_id]
        del own[session_id]
        if not own:
            del self._sessions_of[peer_id]

    def _listed(self, role: Role, asking: RegisteredPeer) -> tuple[Peer, ...]:
        # The same object until somebody changes, so that it is serialised once.
        lists = self._lists.setdefault(role, {})
        sight = self.permissions.sight_of(asking.id)
        if sight not in lists:
            listed = map(self._peers.__getitem__, self._members[role])
            lists[sight] = tuple(peer for peer in listed if sight is None or matches(peer.name, sight))
        return lists[sight]

    def _refuse(self, peer: RegisteredPeer, details: str, rule: str = "request") -> Outgoing:
        self._on_refusal(peer.id, rule, details)
        return [(peer.id, Error(details))]


def _session_ended(
    other: RegisteredPeer, session_id: str, error: str | None, mark: SessionClosedReason | None = None
) -> Event:
    if other.version is ProtocolVersion.V1_0:
        return EndSession(session_id, mark)
    return EndSessionV1_1(session_id, error, mark)


def _rust_roles(roles: tuple[Role, ...]) -> str:
    return f"[{', '.join(role.name.capitalize() for role in roles)}]"


def _is_same_json(one: Any, other: Any) -> bool:
    # Python alone would take 1, 1.0 and true for the same value.
    return bool(one == other) and json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
