"""`Registry`: the signalling server's decisions, without I/O: a peer's request in, the messages for peers out.

It answers as the reference server (``gst-plugin-webrtc-signalling``) does, error messages included. Where the reference server
lets a peer harm others, this one does not: only a member can end a session, no peer has a session with itself, and a request
beyond the `ServerLimits` is answered by an error. A status that other peers could not read is dropped, as the reference server
drops it.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from ..errors import SessionClosedReason
from .limits import ServerLimits
from .messages import (
    ConsumerList,
    EndSession,
    EndSessionV1_1,
    Error,
    IceMessage,
    ListConsumers,
    ListProducers,
    Outgoing,
    Peer,
    PeerAway,
    PeerBack,
    ProducerList,
    ProtocolVersion,
    Request,
    Role,
    SdpMessage,
    SetPeerStatus,
    SetProtocolVersion,
    StartSession,
    Welcome,
)
from .peer_table import PeerTable
from .permissions import Admission, Permissions
from .presence import Presence
from .refused import Refused
from .registered import RegisteredPeer, RegisteredSession
from .resumption import NEW, Resumption
from .sessions import Sessions
from .statuses import Statuses
from .tables import shrunk

__all__ = ["Outgoing", "RegisteredPeer", "RegisteredSession", "Registry"]

logger = logging.getLogger(__name__)

_DEFAULT_LIMITS: Final = ServerLimits()

OnRefusal = Callable[[str, str, str], None]
"""Called for each request that is refused: with the peer's id, the name of the rule, and the reason in words."""


def _log_refusal(peer_id: str, rule: str, details: str) -> None:
    logger.info("peer %s: %s: %.300s", peer_id, rule, details)


class Registry:
    """All peers and sessions of one signalling server: their arrival and end, and the decision on each request.

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
        presence: Which peers are there, and which may come back.
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
        self._on_refusal = on_refusal
        self.presence = Presence(self.permissions, lease, now)
        # Used for each message, without a call in between.
        self._keys = self.presence.keys
        self._peers = PeerTable()
        self._sessions = Sessions(limits, self._peers, self.permissions, self.presence)
        self._statuses = Statuses(limits, self._peers, self.permissions, self._sessions, unique_names=unique_names)
        self.announcements = self._statuses.announcements
        # Peers that have not sent a message yet, among them all idle ones.
        self._silent: dict[str, None] = {}

    @property
    def has_unique_names(self) -> bool:
        """Whether a producer is refused whose name another one has."""
        return self._statuses.has_unique_names

    @property
    def sessions_started(self) -> int:
        """Number of sessions that have been started so far."""
        return self._sessions.table.started

    @property
    def peers(self) -> dict[str, RegisteredPeer]:
        """A snapshot of the peers, by id."""
        return self._peers.snapshot()

    @property
    def sessions(self) -> dict[str, RegisteredSession]:
        """A snapshot of the sessions, by id."""
        return self._sessions.table.snapshot()

    def count_peers(self) -> dict[str, int]:
        """The number of peers of each role, by the role's name; ``"none"`` counts those without a role."""
        return self._statuses.counts()

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
        if resumption is not None and (kept_id := self.presence.kept(resumption.presented, admission)) is not None:
            return kept_id, self._resume(kept_id, now, resumption, admission)
        peer_id = str(uuid.uuid4())
        self._peers.by_id[peer_id] = RegisteredPeer(peer_id)
        self._silent[peer_id] = None
        self._statuses.add_peer(peer_id, address)
        first = None if resumption is None else Resumption(NEW, resumption.issued)
        self.presence.connected(peer_id, now, first, admission)
        return peer_id, [(peer_id, Welcome(peer_id))]

    def leave(self, peer_id: str) -> Outgoing:
        """Keep a peer whose connection broke: it may resume until its lease is over.

        Args:
            peer_id: Of the peer.

        Returns:
            The messages to send: the other ends of its sessions are told, where they understand that.
        """
        self.presence.disconnected(peer_id)
        return self._sessions.tell_other_ends(peer_id, PeerAway)

    def ghost(self, peer_id: str, request: Request) -> str | None:
        """The peer without a connection whose unique name another peer registers, and may take.

        Args:
            peer_id: Of the other peer.
            request: Its message, to be handled once the ghost is removed.

        Returns:
            The ghost's id; None: there is no ghost.
        """
        if not isinstance(request, SetPeerStatus) or Role.PRODUCER not in request.roles:
            return None
        holder = self._statuses.holder_of(Peer(peer_id, request.meta).name)
        if holder is None or holder == peer_id or not self.presence.is_away(holder):
            return None
        return holder if self.permissions.may_replace(holder, self.permissions.of(peer_id)) else None

    def remove_peer(self, peer_id: str) -> Outgoing:
        """Remove a peer that has disconnected, and end its sessions.

        Args:
            peer_id: Of the peer; an unknown one changes nothing.

        Returns:
            The messages to send.
        """
        peer = self._peers.by_id.pop(peer_id, None)
        if peer is None:
            return []
        self._silent.pop(peer_id, None)
        self.presence.remove(peer_id)
        outgoing = self._sessions.end_all_of(peer_id)
        self._statuses.remove_peer(peer)
        return outgoing

    def shrink(self) -> None:
        """Give back the memory of peers that were removed."""
        self._peers.shrink()
        self._silent = shrunk(self._silent)
        self.presence.shrink()

    def expel(self, peer_id: str, mark: SessionClosedReason) -> Outgoing:
        """Remove a peer by the server's own decision, and end its sessions.

        Args:
            peer_id: Of the peer; an unknown one changes nothing.
            mark: The reason that both ends of each session are told.

        Returns:
            The messages to send, those for the peer itself included.
        """
        outgoing: Outgoing = []
        for session in self._sessions.table.of(peer_id):
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
        return self._sessions.end_by_server(session_id, mark)

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
        peer = self._peers.by_id[peer_id]
        try:
            outgoing = self._decide(peer, request)
        except Refused as refused:
            self._on_refusal(peer_id, refused.rule, refused.details)
            outgoing = [(peer_id, Error(refused.details))] if refused.is_answered else []
        self._silent.pop(peer_id, None)
        self._keys.confirm(peer_id)
        return outgoing

    def _resume(self, peer_id: str, now: float, resumption: Resumption, admission: Admission | None) -> Outgoing:
        self.presence.connected(peer_id, now, resumption, admission)
        welcome = Welcome(peer_id, tuple(session.id for session in self._sessions.table.of(peer_id)))
        return [(peer_id, welcome), *self._sessions.tell_other_ends(peer_id, PeerBack)]

    def _decide(self, peer: RegisteredPeer, request: Request) -> Outgoing:
        match request:
            case SdpMessage() | IceMessage():
                return self._sessions.relay(peer, request)
            case SetProtocolVersion(version):
                return self._set_version(peer, version)
            case SetPeerStatus(roles, meta):
                return self._statuses.set(peer, roles, meta)
            case StartSession(other_id, offer):
                return self._sessions.start(peer, other_id, offer)
            case EndSession(session_id):
                return self._sessions.end(peer, session_id, None)
            case EndSessionV1_1(session_id, error):
                return self._sessions.end(peer, session_id, error)
            case ListProducers():
                return [(peer.id, ProducerList(self._statuses.listed(Role.PRODUCER, peer)))]
            case ListConsumers():
                return [(peer.id, ConsumerList(self._statuses.listed(Role.CONSUMER, peer)))]

    def _set_version(self, peer: RegisteredPeer, version: ProtocolVersion) -> Outgoing:
        if peer.id not in self._silent:
            raise Refused(f"Protocol version selection for peer '{peer.id}' must be first message")
        self._peers.by_id[peer.id] = replace(peer, version=version)
        return []
