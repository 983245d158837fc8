"""`Conversation`: bytes as the steps of some peers at a registry, and the rules that hold after each step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from gst_signalling_sync.protocol.grant import Grant
from gst_signalling_sync.protocol.limits import ServerLimits
from gst_signalling_sync.protocol.messages import (
    ConsumerList,
    EndSession,
    EndSessionV1_1,
    IceMessage,
    ListConsumers,
    ListProducers,
    Peer,
    ProducerList,
    ProtocolVersion,
    Request,
    Role,
    SdpMessage,
    SdpType,
    SetPeerStatus,
    SetProtocolVersion,
    StartSession,
    Welcome,
)
from gst_signalling_sync.protocol.permissions import Admission
from gst_signalling_sync.protocol.registry import Outgoing, Registry
from gst_signalling_sync.protocol.resumption import NEW, Resumption
from gst_signalling_sync.protocol.wire import parse_event, parse_request, serialise_event, serialise_request

__all__ = ["Conversation"]

_LEASE: Final = 20.0
_MAX_PEERS: Final = 6
_STATUSES_AT_ONCE: Final = 3

_ROLES: Final[tuple[tuple[Role, ...], ...]] = (
    (),
    (Role.PRODUCER,),
    (Role.CONSUMER,),
    (Role.LISTENER,),
    (Role.PRODUCER, Role.LISTENER),
    (Role.CONSUMER, Role.LISTENER),
    (Role.PRODUCER, Role.CONSUMER),
    (Role.PRODUCER, Role.PRODUCER),
)
_METAS: Final[tuple[Any, ...]] = (
    None,
    {"name": "a"},
    {"name": "b"},
    {"name": ""},
    {"name": 1},
    1,
    1.0,
    True,
    [],
    "x" * 400,
)
_GRANTS: Final = (
    None,
    Admission("a", Grant(subject="a")),
    Admission("b", Grant(subject="b", roles=["producer"], names=["a"])),
    Admission("c", Grant(subject="c", peers=["a", ""])),
)
_LIMITS: Final = ServerLimits(
    sessions_per_pair=2,
    sessions_per_consumer=3,
    sessions_per_producer=4,
    meta_bytes=300,
    metas_bytes=700,
    sdp_bytes=64,
    candidate_bytes=32,
)


class Conversation:
    """The steps of some peers at one registry.

    Args:
        data: Decides each step.
    """

    def __init__(self, data: bytes) -> None:
        self._numbers: Iterator[int] = iter(data)
        self._now = 0.0
        self._keys: list[str] = [NEW, "unknown"]
        self._registry = Registry(
            _LIMITS, lambda peer_id, rule, details: None, lease=_LEASE, unique_names=self._number(2) == 1
        )

    def carry_on(self) -> None:
        """Do all steps, then have all peers leave.

        Raises:
            AssertionError: A rule is broken.
        """
        try:
            while True:
                self._step(self._next())
                self._check()
        except StopIteration:
            pass
        for peer_id in list(self._registry.peers):
            self._take(self._registry.remove_peer(peer_id))
        self._check()
        assert self._registry.peers == {}
        assert self._registry.sessions == {}
        assert not any(self._registry.count_peers().values())
        assert self._registry.presence.over(self._now + 10 * _LEASE) == []
        assert len(self._registry.permissions) == 0

    def _next(self) -> int:
        return next(self._numbers)

    def _number(self, end: int) -> int:
        return next(self._numbers, 0) % end

    def _peer(self) -> str:
        peers = list(self._registry.peers)
        return peers[self._number(len(peers))] if peers else "nobody"

    def _session(self) -> str:
        sessions = [*self._registry.sessions, "none"]
        return sessions[self._number(len(sessions))]

    def _step(self, kind: int) -> None:
        registry = self._registry
        match kind % 16:
            case 0 | 1 if len(registry.peers) < _MAX_PEERS:
                self._join()
            case 2:
                registry.leave(self._peer()) if registry.peers else None
            case 3:
                self._take(registry.remove_peer(self._peer()))
            case 4:
                self._take(registry.expel(self._peer(), "expired"))
            case 5:
                registry.presence.heard(self._peer(), self._now)
            case 6:
                self._pass_time()
            case 7:
                if registry.sessions:
                    self._take(registry.end_session(next(iter(registry.sessions)), "limit"))
            case _ if registry.peers:
                self._send(self._peer(), self._request())

    def _join(self) -> None:
        key, grant = self._keys[self._number(len(self._keys))], _GRANTS[self._number(len(_GRANTS))]
        resumption = None
        if self._number(2):
            issued = f"key {len(self._keys)}"
            resumption = Resumption(key, issued)
            self._keys.append(issued)
        before = self._registry.peers
        expected = None if resumption is None else self._registry.presence.objection_to_return(key, grant)
        peer_id, outgoing = self._registry.add_peer(self._now, f"address {self._number(2)}", resumption, grant)
        (addressee, welcome), *others = outgoing
        assert addressee == peer_id
        assert isinstance(welcome, Welcome)
        assert welcome.peer_id == peer_id
        assert (welcome.sessions is not None) is (peer_id in before)
        if expected is not None:
            assert peer_id not in before, "nobody returns who may not"
        self._take(others)

    def _pass_time(self) -> None:
        self._now += self._number(8)
        for peer_id in self._registry.presence.to_ping(self._now, 2):
            assert peer_id in self._registry.peers
        for peer_id in self._registry.presence.over(self._now):
            assert peer_id in self._registry.peers
            self._take(self._registry.remove_peer(peer_id))

    def _request(self) -> Request:
        match self._number(9):
            case 0:
                return SetPeerStatus(_ROLES[self._number(len(_ROLES))], _METAS[self._number(len(_METAS))])
            case 1:
                return StartSession(self._peer(), None if self._number(2) else "v=0" * self._number(32))
            case 2:
                return EndSession(self._session())
            case 3:
                return EndSessionV1_1(self._session(), None if self._number(2) else "why")
            case 4:
                return SdpMessage(self._session(), list(SdpType)[self._number(2)], "v=0" * self._number(32))
            case 5:
                return IceMessage(self._session(), "c" * self._number(48), self._number(4))
            case 6:
                return ListProducers()
            case 7:
                return ListConsumers()
            case _:
                return SetProtocolVersion(list(ProtocolVersion)[self._number(2)])

    def _send(self, peer_id: str, request: Request) -> None:
        assert parse_request(serialise_request(request)) == request
        ghost = self._registry.ghost(peer_id, request)
        if ghost is not None:
            assert ghost != peer_id
            self._take(self._registry.remove_peer(ghost))
        self._take(self._registry.handle(peer_id, request))

    def _take(self, outgoing: Outgoing) -> None:
        """Take the messages to send, and what listeners are told."""
        announcements = self._registry.announcements
        for listener_id in list(announcements.listeners):
            assert listener_id in self._registry.peers
            for told in announcements.take(listener_id, _STATUSES_AT_ONCE):
                outgoing = [*outgoing, (listener_id, told.event)]
        for _, event in outgoing:
            text = serialise_event(event)
            assert serialise_event(parse_event(text)) == text
            if isinstance(event, ProducerList | ConsumerList):
                listed = event.producers if isinstance(event, ProducerList) else event.consumers
                role = Role.PRODUCER if isinstance(event, ProducerList) else Role.CONSUMER
                assert all(role in self._registry.peers[peer.id].roles for peer in listed)

    def _check(self) -> None:
        peers, sessions = self._registry.peers, self._registry.sessions
        for session_id, session in sessions.items():
            assert session.id == session_id
            assert session.producer_id in peers
            assert session.consumer_id in peers
            assert session.producer_id != session.consumer_id
        for peer_id, peer in peers.items():
            assert peer.id == peer_id
            assert not {Role.PRODUCER, Role.CONSUMER} <= set(peer.roles)
            assert len(set(peer.roles)) == len(peer.roles)
        pairs = [(session.producer_id, session.consumer_id) for session in sessions.values()]
        assert all(pairs.count(pair) <= 2 for pair in pairs)
        counts = self._registry.count_peers()
        assert counts["none"] == sum(not peer.roles for peer in peers.values())
        names = [Peer(peer.id, peer.meta).name for peer in peers.values() if Role.PRODUCER in peer.roles]
        named = [name for name in names if name is not None]
        if self._registry.has_unique_names:
            assert len(set(named)) == len(named)
