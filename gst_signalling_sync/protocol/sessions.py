"""`Sessions`: the signalling server's decisions on ``startSession``, ``endSession`` and ``peer`` messages. No I/O."""

from __future__ import annotations

from collections.abc import Iterable

from ..errors import SessionClosedReason
from .limits import ServerLimits
from .messages import (
    EndSession,
    EndSessionV1_1,
    Event,
    IceMessage,
    Outgoing,
    PeerAway,
    PeerBack,
    ProtocolVersion,
    Role,
    SdpMessage,
    SdpType,
    SessionRequested,
    SessionStarted,
)
from .peer_table import PeerTable
from .permissions import Permissions
from .presence import Presence
from .refused import Refused
from .registered import RegisteredPeer, RegisteredSession
from .session_table import SessionTable
from .usage import Excess

__all__ = ["Sessions"]


class Sessions:
    """Starts and ends sessions, and relays what their two ends tell each other.

    Args:
        limits: The limits of the peers.
        peers: The peers.
        permissions: What each peer may do.
        presence: Which peers may come back: only these understand that a session's other end is away.

    Attributes:
        table: The sessions that there are.
    """

    def __init__(self, limits: ServerLimits, peers: PeerTable, permissions: Permissions, presence: Presence) -> None:
        self.table = SessionTable(limits)
        self._limits = limits
        self._peers = peers
        self._permissions = permissions
        self._presence = presence

    def start(self, peer: RegisteredPeer, other_id: str, offer: str | None) -> Outgoing:
        """Start a session, by the order of a peer.

        Args:
            peer: The peer.
            other_id: The id of the other end.
            offer: The offer that a consumer makes; None: the producer makes it.

        Raises:
            Refused: There is no such peer, one of the two lacks its role, or a limit would be exceeded.
        """
        other = self._peers.by_id.get(other_id)
        if other is None:
            raise Refused(f"Peer with ID '{other_id}' not found")
        if not self._permissions.sees(peer.id, other.id, other.name):
            # The same words as for an unknown peer, so that nobody finds out which peers there are.
            raise Refused(f"Peer with ID '{other_id}' not found", "grant")
        if Role.PRODUCER in other.roles:
            producer, consumer = other, peer
        elif Role.CONSUMER in other.roles:
            # The reference server does not require the peer that starts the session to be a registered producer.
            producer, consumer = peer, other
        else:
            raise Refused(
                f"Missing a producer or a consumer: id {peer.id} roles {_rust_roles(peer.roles)},"
                f" id {other.id} roles {_rust_roles(other.roles)}"
            )
        if producer is consumer:
            raise Refused(f"Peer {peer.id} cannot have a session with itself", "self")
        excess = self.table.excess(producer.id, consumer.id) or self._excess("sdp_bytes", offer or "")
        if excess:
            raise Refused(f"Cannot start a session with peer {other_id}: {excess}", excess.limit)
        session = self.table.add(producer.id, consumer.id)
        return [
            (consumer.id, SessionStarted(producer.id, session.id)),
            (producer.id, SessionRequested(consumer.id, session.id, offer)),
        ]

    def end(self, peer: RegisteredPeer, session_id: str, error: str | None) -> Outgoing:
        """End a session, by the order of a peer.

        Args:
            peer: The peer.
            session_id: Of the session.
            error: The peer's reason, if it gives one.

        Raises:
            Refused: There is no such session, the peer is not part of it, or it gives a reason without protocol 1.1.
        """
        if error is not None and peer.version is ProtocolVersion.V1_0:
            raise Refused(
                f"Invalid end session message with error from peer '{peer.id}', minimum protocol version is 1.1"
            )
        session = self.table.get(session_id)
        if session is None:
            # Both ends often end a session at the same time, so this rule is not logged as a warning.
            raise Refused(f"end of an unknown session dropped: {session_id[:100]!r}", "ended", is_answered=False)
        if session.other_end(peer.id) is None:
            raise Refused(f"Peer {peer.id} is not part of {session_id}")
        return self._end(peer.id, [session], error)

    def relay(self, peer: RegisteredPeer, message: SdpMessage | IceMessage) -> Outgoing:
        """Relay a message to the other end of its session.

        Args:
            peer: The sender.
            message: The message.

        Raises:
            Refused: There is no such session, the peer is not part of it or sends an offer as its consumer, or the message is
                longer than its limit.
        """
        session = self.table.get(message.session_id)
        if session is None:
            details = f"message for an unknown session dropped: {message.session_id[:100]!r}"
            raise Refused(details, "session", is_answered=False)
        is_offer = isinstance(message, SdpMessage) and message.type is SdpType.OFFER
        if is_offer and peer.id == session.consumer_id:
            raise Refused(
                f'cannot forward offer from "{peer.id}" to "{session.producer_id}" as "{peer.id}" is not the producer'
            )
        other_id = session.other_end(peer.id)
        if other_id is None:
            raise Refused(f"Peer {peer.id} is not part of {session.id}")
        if isinstance(message, SdpMessage):
            excess = self._excess("sdp_bytes", message.sdp)
        else:
            excess = self._excess("candidate_bytes", message.candidate)
        if excess:
            raise Refused(f"Cannot relay in session {session.id}: {excess}", excess.limit)
        return [(other_id, message)]

    def end_all_of(self, peer_id: str) -> Outgoing:
        """End all sessions of a peer that has left."""
        return self._end(peer_id, self.table.of(peer_id))

    def end_of_lost_role(self, peer: RegisteredPeer, roles: tuple[Role, ...]) -> Outgoing:
        """End the sessions that a peer has as a producer or a passive consumer, where it will be so no longer.

        Args:
            peer: The peer, as it was.
            roles: Its roles from now on.
        """
        sessions: Iterable[RegisteredSession] = ()
        if Role.PRODUCER in peer.roles and Role.PRODUCER not in roles:
            sessions = [session for session in self.table.of(peer.id) if session.producer_id == peer.id]
        elif Role.CONSUMER in peer.roles and Role.CONSUMER not in roles:
            sessions = [session for session in self.table.of(peer.id) if session.consumer_id == peer.id]
        return self._end(peer.id, sessions)

    def end_by_server(self, session_id: str, mark: SessionClosedReason) -> Outgoing:
        """End a session by the server's own decision.

        Args:
            session_id: Of the session.
            mark: The reason that both ends are told.

        Raises:
            KeyError: There is no such session.
        """
        session = self.table[session_id]
        self.table.remove(session)
        ends = [self._peers.by_id[session.producer_id], self._peers.by_id[session.consumer_id]]
        return [(end.id, _session_ended(end, session_id, None, mark)) for end in ends]

    def tell_other_ends(self, peer_id: str, event: type[PeerAway] | type[PeerBack]) -> Outgoing:
        """Tell the other ends of a peer's sessions of the peer, where they understand that."""
        others = ((session.other_end(peer_id), session.id) for session in self.table.of(peer_id))
        return [
            (other_id, event(session_id))
            for other_id, session_id in others
            if other_id and self._presence.may_return(other_id)
        ]

    def _end(self, peer_id: str, sessions: Iterable[RegisteredSession], error: str | None = None) -> Outgoing:
        outgoing: Outgoing = []
        for session in sessions:
            self.table.remove(session)
            other_id = session.other_end(peer_id)
            other = self._peers.by_id.get(other_id) if other_id is not None else None
            if other is not None:
                outgoing.append((other.id, _session_ended(other, session.id, error)))
        return outgoing

    def _excess(self, limit: str, string: str) -> Excess | None:
        maximum: int | None = getattr(self._limits, limit)
        # A character has up to four bytes in UTF-8.
        if maximum is None or 4 * len(string) <= maximum:
            return None
        size = len(string.encode())
        return Excess(limit, f"{size} bytes are too many, the limit {limit} is {maximum}") if size > maximum else None


def _session_ended(
    other: RegisteredPeer, session_id: str, error: str | None, mark: SessionClosedReason | None = None
) -> Event:
    if other.version is ProtocolVersion.V1_0:
        return EndSession(session_id, mark)
    return EndSessionV1_1(session_id, error, mark)


def _rust_roles(roles: tuple[Role, ...]) -> str:
    return f"[{', '.join(role.name.capitalize() for role in roles)}]"
