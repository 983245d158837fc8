"""`Registry`: the signalling server's decisions, without I/O: a peer's request in, the messages for peers out.

It answers as the reference server (``gst-plugin-webrtc-signalling``) does, error messages included. Where the reference server
lets a peer harm others, this one does not: only a member can end a session, no peer has a session with itself, and a request
beyond the `ServerLimits` is answered by an error. A status that other peers could not read is dropped, as the reference server
drops it.
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Final

from ..errors import SessionClosedReason
from .announcements import Announcements
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
from .registered import RegisteredPeer, RegisteredSession
from .resumption import NEW, Resumption, ResumptionKeys
from .roster import Roster
from .session_table import SessionTable
from .tables import shrunk
from .unique_names import UniqueNames
from .usage import Excess, MetaUsage

__all__ = ["Outgoing", "RegisteredPeer", "RegisteredSession", "Registry"]

logger = logging.getLogger(__name__)

Outgoing = list[tuple[str, Event]]
"""Messages to send, in this order, each with the id of the peer it is for."""

_DEFAULT_LIMITS: Final = ServerLimits()

OnRefusal = Callable[[str, str, str], None]
"""Called for each request that is refused: with the peer's id, the name of the rule, and the reason in words."""


def _log_refusal(peer_id: str, rule: str, details: str) -> None:
    logger.info("peer %s: %s: %.300s", peer_id, rule, details)


class Registry:
    """All peers and sessions of one signalling server.

    One thread owns it and calls its methods; `peers` and `sessions` may be read from any.

    Args:
        limits: The limits of its peers. Defaults to those of `ServerLimits()`.
        on_refusal: Called for each message that is refused or dropped. Defaults to a log line.
        lease: Seconds that a peer may leave pings unanswered. Defaults to 20.
        now: The time, in seconds.
        unique_names: Whether a producer is refused whose name another one has. Defaults to False.

    Attributes:
        announcements: The statuses of peers that listeners have not been told of yet.
        permissions: What each peer may do.
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
        self.announcements = Announcements(self._sees_status)
        self._limits = limits
        self._on_refusal = on_refusal
        self._leases = Leases(lease, now)
        self._keys = ResumptionKeys()
        self._names = UniqueNames() if unique_names else None
        self._peers: dict[str, RegisteredPeer] = {}
        self._roster = Roster()
        self._sessions = SessionTable(limits)
        self._meta_usage = MetaUsage(limits)
        # Peers that have not sent a message yet, among them all idle ones.
        self._silent: dict[str, None] = {}
        # Peers without a connection.
        self._away: set[str] = set()

    @property
    def has_unique_names(self) -> bool:
        """Whether a producer is refused whose name another one has."""
        return self._names is not None

    @property
    def sessions_started(self) -> int:
        """Number of sessions that have been started so far."""
        return self._sessions.started

    @property
    def peers(self) -> dict[str, RegisteredPeer]:
        """A snapshot of the peers, by id."""
        # One atomic copy of a dict whose values never change: safe from any thread without a lock.
        return self._peers.copy()

    @property
    def sessions(self) -> dict[str, RegisteredSession]:
        """A snapshot of the sessions, by id."""
        return self._sessions.snapshot()

    def count_peers(self) -> dict[str, int]:
        """The number of peers of each role, by the role's name; ``"none"`` counts those without a role."""
        return {**self._roster.counts(), "none": sum(not peer.roles for peer in self._peers.values())}

    def add_peer(
        self,
        now: float,
        address: str | None = None,
        resumption: Resumption | None = None,
        admission: Admission | None = None,
    ) -> tuple[str, Outgoing]:
        """Add a peer that has just connected, or resume one that reconnects.

        Args:
            now: The time, in seconds.
            address: The address by which limits per address count it; None: they do not count it.
            resumption: The key that it presented, and the one for the next time; None: it cannot resume.
            admission: Its identity and what it may do; None: it may do everything.

        Returns:
            The id of the peer, and the messages to send: its welcome first.
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
        """Whether there may be another peer of an identity.

        Args:
            key: The resumption key that the client presented, by which it may be a peer that is here already; None: no key.
            admission: Its identity.
        """
        return not self.permissions.is_full(admission) or (key is not None and self._kept(key, admission) is not None)

    def objection_to_return(self, key: str, admission: Admission | None) -> tuple[str, str] | None:
        """Why a client becomes a new peer although it presents a resumption key.

        Args:
            key: The key that it presented.
            admission: Its identity and what it may do; None: it may do everything.

        Returns:
            The name of the rule, and the reason in words; None: it has no key yet, or it resumes.
        """
        if key == NEW or self._kept(key, admission) is not None:
            return None
        if self._keys.peer_of(key) is not None:
            return "resumption", "its resumption key belongs to another identity, so it is a new peer"
        if self._keys.is_spent(key):
            return "resumption", "its resumption key was used before, so it is a new peer"
        return "late", "its resumption key is unknown, or its lease is over, so it is a new peer"

    def heard(self, peer_id: str, now: float) -> float | None:
        """Renew the lease of a peer that has answered a ping.

        Args:
            peer_id: Of the peer; an unknown one changes nothing.
            now: The time, in seconds.

        Returns:
            Seconds since the ping; None: there is no such peer.
        """
        self._keys.confirm(peer_id)
        return self._leases.renew(peer_id, now)

    def begin_lease(self, peer_id: str, now: float) -> None:
        """Give a peer another lease, because this end did not read what it sent.

        Args:
            peer_id: Of the peer.
            now: The time, in seconds.
        """
        self._leases.begin(peer_id, now)

    def may_return(self, peer_id: str) -> bool:
        """Whether a peer whose connection broke is kept until its lease is over, because it has a resumption key.

        Args:
            peer_id: Of the peer.
        """
        return self._keys.has(peer_id)

    def leave(self, peer_id: str) -> Outgoing:
        """Keep a peer whose connection broke: it may resume until its lease is over.

        Args:
            peer_id: Of the peer.

        Returns:
            The messages to send: the other ends of its sessions are told, where they understand that.
        """
        self._away.add(peer_id)
        return self._tell_other_ends(peer_id, PeerAway)

    def ghost(self, peer_id: str, request: Request) -> str | None:
        """The peer without a connection whose unique name another peer registers, and may take.

        Args:
            peer_id: Of the other peer.
            request: Its message, to be handled once the ghost is removed.

        Returns:
            The ghost's id; None: there is no ghost.
        """
        if self._names is None or not isinstance(request, SetPeerStatus) or Role.PRODUCER not in request.roles:
            return None
        holder = self._names.holder_of(Peer(peer_id, request.meta).name)
        if holder is None or holder == peer_id or holder not in self._away:
            return None
        return holder if self.permissions.may_replace(holder, self.permissions.of(peer_id)) else None

    def to_ping(self, now: float, maximum: int) -> list[str]:
        """The peers to ping now, which counts as done.

        Args:
            now: The time, in seconds.
            maximum: Maximum number to return; the others remain due.
        """
        return self._leases.to_ping(now, maximum)

    def over(self, now: float) -> list[str]:
        """The peers whose leases are over, to be removed with `remove_peer`.

        Args:
            now: The time, in seconds.
        """
        return self._leases.over(now)

    def remove_peer(self, peer_id: str) -> Outgoing:
        """Remove a peer that has disconnected, and end its sessions.

        Args:
            peer_id: Of the peer; an unknown one changes nothing.

        Returns:
            The messages to send.
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
        self._register(peer_id, (), None)
        outgoing = self._end_sessions(peer_id, self._sessions.of(peer_id))
        self.announcements.announce(PeerStatusChanged(peer_id, (), peer.meta))
        return outgoing

    def shrink(self) -> None:
        """Give back the memory of peers that were removed."""
        self._peers, self._silent = shrunk(self._peers), shrunk(self._silent)
        self._leases.shrink()

    def expel(self, peer_id: str, mark: SessionClosedReason) -> Outgoing:
        """Remove a peer by the server's own decision, and end its sessions.

        Args:
            peer_id: Of the peer; an unknown one changes nothing.
            mark: The reason that both ends of each session are told.

        Returns:
            The messages to send, those for the peer itself included.
        """
        outgoing: Outgoing = []
        for session in self._sessions.of(peer_id):
            outgoing += self.end_session(session.id, mark)
        return outgoing + self.remove_peer(peer_id)

    def end_session(self, session_id: str, mark: SessionClosedReason) -> Outgoing:
        """End a session by the server's own decision.

        Args:
            session_id: Of the session.
            mark: The reason that both ends are told.

        Returns:
            The messages to send.

        Raises:
            KeyError: There is no such session.
        """
        session = self._sessions[session_id]
        self._sessions.remove(session)
        ends = [self._peers[session.producer_id], self._peers[session.consumer_id]]
        return [(end.id, _session_ended(end, session_id, None, mark)) for end in ends]

    def handle(self, peer_id: str, request: Request) -> Outgoing:
        """Decide on a message of a peer.

        Args:
            peer_id: Of the peer.
            request: Its message.

        Returns:
            The messages to send.

        Raises:
            KeyError: No such peer was added, or it was removed.
        """
        outgoing = self._decide(self._peers[peer_id], request)
        self._silent.pop(peer_id, None)
        self._keys.confirm(peer_id)
        return outgoing

    def _kept(self, key: str, admission: Admission | None) -> str | None:
        """The peer that a client resumes by a key, if it may."""
        peer_id = self._keys.peer_of(key)
        return peer_id if peer_id is not None and self.permissions.may_replace(peer_id, admission) else None

    def _resume(self, peer_id: str, now: float, resumption: Resumption, admission: Admission | None) -> Outgoing:
        self._away.discard(peer_id)
        self._leases.begin(peer_id, now)
        if admission is not None:
            self.permissions.admit(peer_id, admission)
        self._keys.issue(peer_id, resumption)
        welcome = Welcome(peer_id, tuple(session.id for session in self._sessions.of(peer_id)))
        return [(peer_id, welcome), *self._tell_other_ends(peer_id, PeerBack)]

    def _tell_other_ends(self, peer_id: str, event: type[PeerAway] | type[PeerBack]) -> Outgoing:
        others = ((session.other_end(peer_id), session.id) for session in self._sessions.of(peer_id))
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
            self._on_refusal(peer.id, "status", f"status dropped that other peers could not read: {error}")
            return []
        roles = tuple(dict.fromkeys(roles))
        if roles == peer.roles and _is_same_json(meta, peer.meta):
            return []
        if Role.PRODUCER in roles and Role.CONSUMER in roles:
            return self._refuse(peer, f"Cannot register peer {peer.id} as both producer and passive consumer")
        if objection := self.permissions.objection(peer.id, roles, Peer(peer.id, meta).name):
            return self._refuse(peer, f"Cannot register peer {peer.id}: {objection}", "grant")
        name = Peer(peer.id, meta).name if Role.PRODUCER in roles else None
        if self._names is not None and self._names.holder_of(name) not in (None, peer.id):
            return self._refuse(
                peer, f"Cannot register peer {peer.id}: there is a producer named {name!r}", "unique_names"
            )
        if excess := self._meta_usage.use(peer.id, size):
            return self._refuse(peer, f"Cannot register peer {peer.id}: {excess}", excess.limit)
        outgoing = self._end_sessions(peer.id, self._sessions_of_lost_role(peer, roles))
        self._peers[peer.id] = replace(peer, roles=roles, meta=meta)
        self._register(peer.id, roles, name)
        self._announce(PeerStatusChanged(peer.id, roles, meta), before=peer)
        return outgoing

    def _announce(self, status: PeerStatusChanged, before: RegisteredPeer) -> None:
        if self.permissions.is_anybody_restricted and before.name != Peer(status.peer_id, status.meta).name:
            # For listeners that may not see the new name, the peer has left.
            self.announcements.announce(PeerStatusChanged(before.id, (), before.meta), renamed=status)
        self.announcements.announce(status)

    def _sees_status(self, listener_id: str, status: PeerStatusChanged) -> bool:
        return self.permissions.sees(listener_id, status.peer_id, Peer(status.peer_id, status.meta).name)

    def _register(self, peer_id: str, roles: tuple[Role, ...], name: str | None) -> None:
        """Replace the roles of a peer, and the name that it holds as a producer."""
        if self._names is not None:
            self._names.set_name(peer_id, name)
        self._roster.set_roles(peer_id, roles)
        if Role.LISTENER in roles:
            self.announcements.join(peer_id)
        else:
            self.announcements.leave(peer_id)

    def _start_session(self, peer: RegisteredPeer, other_id: str, offer: str | None) -> Outgoing:
        other = self._peers.get(other_id)
        if other is None:
            return self._refuse(peer, f"Peer with ID '{other_id}' not found")
        if not self.permissions.sees(peer.id, other.id, other.name):
            # The same words as for an unknown peer, so that nobody finds out which peers there are.
            return self._refuse(peer, f"Peer with ID '{other_id}' not found", "grant")
        if Role.PRODUCER in other.roles:
            producer, consumer = other, peer
        elif Role.CONSUMER in other.roles:
            # The reference server does not require the peer that starts the session to be a registered producer.
            producer, consumer = peer, other
        else:
            return self._refuse(
                peer,
                f"Missing a producer or a consumer: id {peer.id} roles {_rust_roles(peer.roles)},"
                f" id {other.id} roles {_rust_roles(other.roles)}",
            )
        if producer is consumer:
            return self._refuse(peer, f"Peer {peer.id} cannot have a session with itself", "self")
        excess = self._sessions.excess(producer.id, consumer.id) or self._excess("sdp_bytes", offer or "")
        if excess:
            return self._refuse(peer, f"Cannot start a session with peer {other_id}: {excess}", excess.limit)
        session = self._sessions.add(producer.id, consumer.id)
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
            # Both ends often end a session at the same time, so this rule is not logged as a warning.
            self._on_refusal(peer.id, "ended", f"end of an unknown session dropped: {session_id[:100]!r}")
            return []
        if session.other_end(peer.id) is None:
            return self._refuse(peer, f"Peer {peer.id} is not part of {session_id}")
        return self._end_sessions(peer.id, [session], error)

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

    def _excess(self, limit: str, string: str) -> Excess | None:
        maximum: int | None = getattr(self._limits, limit)
        # A character has up to four bytes in UTF-8.
        if maximum is None or 4 * len(string) <= maximum:
            return None
        size = len(string.encode())
        return Excess(limit, f"{size} bytes are too many, the limit {limit} is {maximum}") if size > maximum else None

    def _sessions_of_lost_role(self, peer: RegisteredPeer, roles: tuple[Role, ...]) -> list[RegisteredSession]:
        if Role.PRODUCER in peer.roles and Role.PRODUCER not in roles:
            return [session for session in self._sessions.of(peer.id) if session.producer_id == peer.id]
        if Role.CONSUMER in peer.roles and Role.CONSUMER not in roles:
            return [session for session in self._sessions.of(peer.id) if session.consumer_id == peer.id]
        return []

    def _end_sessions(self, peer_id: str, sessions: Iterable[RegisteredSession], error: str | None = None) -> Outgoing:
        outgoing: Outgoing = []
        for session in sessions:
            self._sessions.remove(session)
            other_id = session.other_end(peer_id)
            other = self._peers.get(other_id) if other_id is not None else None
            if other is not None:
                outgoing.append((other.id, _session_ended(other, session.id, error)))
        return outgoing

    def _listed(self, role: Role, asking: RegisteredPeer) -> tuple[Peer, ...]:
        return self._roster.listed(role, self.permissions.sight_of(asking.id), self._peers)

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
