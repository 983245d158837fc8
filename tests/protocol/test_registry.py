from __future__ import annotations

import json
import logging
import math
import time
from typing import Any

import pytest

from gst_signalling_sync.protocol.messages import (
    ConsumerList,
    EndSession,
    EndSessionV1_1,
    Error,
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
from gst_signalling_sync.protocol.registry import Outgoing, RegisteredPeer, Registry
from gst_signalling_sync.protocol.resumption import NEW, Resumption
from gst_signalling_sync.protocol.wire import serialise_event


class TellingRegistry(Registry):
    """A registry that tells its listeners immediately."""

    def handle(self, peer_id: str, request: Request) -> Outgoing:
        return super().handle(peer_id, request) + self._told()

    def remove_peer(self, peer_id: str) -> Outgoing:
        return super().remove_peer(peer_id) + self._told()

    def _told(self) -> Outgoing:
        announcements = self.announcements
        return [(id_, told.event) for id_ in announcements.listeners for told in announcements.take(id_, maximum=1000)]


@pytest.fixture
def registry() -> Registry:
    return TellingRegistry()


def join(registry: Registry, *roles: Role, meta: Any = None, version: ProtocolVersion = ProtocolVersion.V1_0) -> str:
    peer_id, _ = registry.add_peer(now=0)
    if version is not ProtocolVersion.V1_0:
        assert registry.handle(peer_id, SetProtocolVersion(version)) == []
    registry.handle(peer_id, SetPeerStatus(roles, meta))
    return peer_id


def begin_session(registry: Registry, starter: str, target: str) -> str:
    outgoing = registry.handle(starter, StartSession(target))
    started = outgoing[0][1]
    assert isinstance(started, SessionStarted)
    return started.session_id


def test_new_peer_is_welcomed_by_its_id(registry: Registry) -> None:
    peer_id, outgoing = registry.add_peer(now=0)

    assert outgoing == [(peer_id, Welcome(peer_id))]
    assert registry.peers == {peer_id: RegisteredPeer(peer_id)}


def test_every_peer_gets_another_id(registry: Registry) -> None:
    assert len({registry.add_peer(now=0)[0] for _ in range(100)}) == 100


def test_status_is_told_to_every_listener_itself_included(registry: Registry) -> None:
    first = join(registry, Role.LISTENER)
    join(registry)
    second, _ = registry.add_peer(now=0)

    outgoing = registry.handle(second, SetPeerStatus((Role.PRODUCER, Role.LISTENER), {"name": "n"}))

    event = PeerStatusChanged(second, (Role.PRODUCER, Role.LISTENER), {"name": "n"})
    assert outgoing == [(first, event), (second, event)]
    assert registry.peers[second].roles == (Role.PRODUCER, Role.LISTENER)
    assert registry.peers[second].name == "n"


def test_unchanged_status_is_not_told(registry: Registry) -> None:
    join(registry, Role.LISTENER)
    producer = join(registry, Role.PRODUCER, meta={"name": "n"})

    assert registry.handle(producer, SetPeerStatus((Role.PRODUCER,), {"name": "n"})) == []


def test_first_status_without_roles_and_meta_changes_nothing(registry: Registry) -> None:
    join(registry, Role.LISTENER)
    peer_id, _ = registry.add_peer(now=0)

    assert registry.handle(peer_id, SetPeerStatus(())) == []


@pytest.mark.parametrize(("before", "after"), [(1, True), (0, False), (1, 1.0), ({"on": 1}, {"on": True})])
def test_meta_of_another_json_type_is_a_change(registry: Registry, before: object, after: object) -> None:
    listener = join(registry, Role.LISTENER)
    producer = join(registry, Role.PRODUCER, meta=before)

    outgoing = registry.handle(producer, SetPeerStatus((Role.PRODUCER,), after))

    assert [peer_id for peer_id, _ in outgoing] == [listener]
    assert json.dumps(registry.peers[producer].meta) == json.dumps(after)


def test_who_stops_listening_hears_nothing_more(registry: Registry) -> None:
    listener = join(registry, Role.LISTENER)

    assert registry.handle(listener, SetPeerStatus(())) == []
    assert registry.handle(join(registry), SetPeerStatus((Role.PRODUCER,))) == []


def test_producer_and_passive_consumer_in_one_is_refused(registry: Registry) -> None:
    peer_id = join(registry, Role.LISTENER, meta=1)

    outgoing = registry.handle(peer_id, SetPeerStatus((Role.PRODUCER, Role.CONSUMER), 2))

    assert outgoing == [(peer_id, Error(f"Cannot register peer {peer_id} as both producer and passive consumer"))]
    assert registry.peers[peer_id] == RegisteredPeer(peer_id, 1, (Role.LISTENER,))


@pytest.mark.parametrize(
    "meta",
    [
        math.nan,
        [math.inf],
        {"name": "\ud800"},
        {"\udfff": 1},
        json.loads("[" * 500 + "]" * 500),
        [10**400],
        "x" * 70_000,
    ],
)
def test_meta_that_others_could_not_read_is_dropped(
    registry: Registry, meta: object, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    peer_id = join(registry, Role.LISTENER, meta="before")

    assert registry.handle(peer_id, SetPeerStatus((Role.PRODUCER,), meta)) == []
    assert registry.peers[peer_id].meta == "before"
    assert peer_id in caplog.text


def test_lists_hold_those_who_registered_as_such(registry: Registry) -> None:
    peer_id = join(registry)
    first = join(registry, Role.PRODUCER, meta={"name": "n"})
    second = join(registry, Role.PRODUCER, Role.LISTENER, meta=7)
    consumer = join(registry, Role.CONSUMER)

    producers = registry.handle(peer_id, ListProducers())
    consumers = registry.handle(peer_id, ListConsumers())

    assert [serialise_event(event) for _, event in producers] == [
        serialise_event(ProducerList((Peer(first, {"name": "n"}), Peer(second, 7))))
    ]
    assert [serialise_event(event) for _, event in consumers] == [serialise_event(ConsumerList((Peer(consumer),)))]


def test_consumer_starts_session_with_producer(registry: Registry) -> None:
    producer, consumer = join(registry, Role.PRODUCER), join(registry)

    outgoing = registry.handle(consumer, StartSession(producer))

    [session] = registry.sessions.values()
    assert (session.producer_id, session.consumer_id) == (producer, consumer)
    assert outgoing == [
        (consumer, SessionStarted(producer, session.id)),
        (producer, SessionRequested(consumer, session.id, None)),
    ]


def test_producer_starts_session_with_passive_consumer(registry: Registry) -> None:
    producer, consumer = join(registry, Role.PRODUCER), join(registry, Role.CONSUMER)

    outgoing = registry.handle(producer, StartSession(consumer))

    [session] = registry.sessions.values()
    assert outgoing == [
        (consumer, SessionStarted(producer, session.id)),
        (producer, SessionRequested(consumer, session.id, None)),
    ]


def test_offer_inside_start_session_reaches_the_producer(registry: Registry) -> None:
    producer, consumer = join(registry, Role.PRODUCER), join(registry)

    outgoing = registry.handle(consumer, StartSession(producer, "v=0"))

    assert outgoing[1] == (producer, SessionRequested(consumer, next(iter(registry.sessions)), "v=0"))


def test_two_peers_may_have_several_sessions(registry: Registry) -> None:
    producer, consumer = join(registry, Role.PRODUCER), join(registry)

    assert begin_session(registry, consumer, producer) != begin_session(registry, consumer, producer)
    assert len(registry.sessions) == 2


def test_session_with_unknown_peer_is_refused(registry: Registry) -> None:
    peer_id = join(registry)

    assert registry.handle(peer_id, StartSession("X")) == [(peer_id, Error("Peer with ID 'X' not found"))]


def test_session_without_producer_is_refused_naming_the_roles(registry: Registry) -> None:
    one, other = join(registry), join(registry, Role.LISTENER)

    assert registry.handle(one, StartSession(other)) == [
        (one, Error(f"Missing a producer or a consumer: id {one} roles [], id {other} roles [Listener]"))
    ]
    assert registry.sessions == {}


def test_roles_in_an_error_text_are_separated_by_commas(registry: Registry) -> None:
    one, other = join(registry, Role.PRODUCER, Role.LISTENER), join(registry)

    [(_, event)] = registry.handle(one, StartSession(other))

    assert event == Error(f"Missing a producer or a consumer: id {one} roles [Producer, Listener], id {other} roles []")


@pytest.mark.parametrize("from_producer", [True, False])
@pytest.mark.parametrize(
    "message", [IceMessage("", "candidate:1", 0), IceMessage("", "", 1), SdpMessage("", SdpType.ANSWER, "v=0")]
)
def test_relays_to_the_other_end(registry: Registry, message: SdpMessage | IceMessage, from_producer: bool) -> None:
    producer, consumer = join(registry, Role.PRODUCER), join(registry)
    session_id = begin_session(registry, consumer, producer)
    sender, receiver = (producer, consumer) if from_producer else (consumer, producer)
    sent: Request
    match message:
        case SdpMessage(_, type_, sdp):
            sent = SdpMessage(session_id, type_, sdp)
        case IceMessage(_, candidate, index):
            sent = IceMessage(session_id, candidate, index)

    assert registry.handle(sender, sent) == [(receiver, sent)]


def test_producer_may_send_an_offer(registry: Registry) -> None:
    producer, consumer = join(registry, Role.PRODUCER), join(registry)
    offer = SdpMessage(begin_session(registry, consumer, producer), SdpType.OFFER, "v=0")

    assert registry.handle(producer, offer) == [(consumer, offer)]


def test_consumer_may_not_send_an_offer(registry: Registry) -> None:
    producer, consumer = join(registry, Role.PRODUCER), join(registry)
    offer = SdpMessage(begin_session(registry, consumer, producer), SdpType.OFFER, "v=0")

    details = f'cannot forward offer from "{consumer}" to "{producer}" as "{consumer}" is not the producer'
    assert registry.handle(consumer, offer) == [(consumer, Error(details))]


def test_stranger_may_not_relay(registry: Registry) -> None:
    producer, consumer, stranger = join(registry, Role.PRODUCER), join(registry), join(registry)
    session_id = begin_session(registry, consumer, producer)

    assert registry.handle(stranger, IceMessage(session_id, "", 0)) == [
        (stranger, Error(f"Peer {stranger} is not part of {session_id}"))
    ]


def test_message_for_unknown_session_is_dropped_and_logged(
    registry: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    peer_id = join(registry)

    assert registry.handle(peer_id, IceMessage("X", "", 0)) == []
    assert peer_id in caplog.text


@pytest.mark.parametrize("by_producer", [True, False])
def test_either_end_ends_a_session(registry: Registry, by_producer: bool) -> None:
    producer, consumer = join(registry, Role.PRODUCER), join(registry)
    session_id = begin_session(registry, consumer, producer)
    one, other = (producer, consumer) if by_producer else (consumer, producer)

    # Only the server itself can give a session's end this error.
    assert registry.handle(one, EndSession(session_id, "expired")) == [(other, EndSession(session_id))]
    assert registry.sessions == {}
    assert registry.handle(other, EndSession(session_id)) == []


def test_stranger_may_not_end_a_session_which_goes_on(registry: Registry) -> None:
    producer, consumer, stranger = join(registry, Role.PRODUCER), join(registry), join(registry)
    session_id = begin_session(registry, consumer, producer)

    assert registry.handle(stranger, EndSession(session_id)) == [
        (stranger, Error(f"Peer {stranger} is not part of {session_id}"))
    ]
    assert session_id in registry.sessions


def test_who_stops_producing_ends_what_it_produced(registry: Registry) -> None:
    one, other, consumer = join(registry, Role.PRODUCER), join(registry, Role.PRODUCER), join(registry)
    produced = begin_session(registry, consumer, one)
    consumed = begin_session(registry, one, other)

    assert registry.handle(one, SetPeerStatus(())) == [(consumer, EndSession(produced))]
    assert list(registry.sessions) == [consumed]


def test_who_goes_on_producing_keeps_its_sessions(registry: Registry) -> None:
    producer, consumer = join(registry, Role.PRODUCER), join(registry)
    session_id = begin_session(registry, consumer, producer)

    assert registry.handle(producer, SetPeerStatus((Role.PRODUCER,), "new meta")) == []
    assert list(registry.sessions) == [session_id]


def test_who_stops_consuming_ends_what_it_consumed(registry: Registry) -> None:
    producer, consumer = join(registry, Role.PRODUCER), join(registry, Role.CONSUMER)
    session_id = begin_session(registry, producer, consumer)

    assert registry.handle(consumer, SetPeerStatus(())) == [(producer, EndSession(session_id))]


def test_disconnect_ends_sessions_then_tells_listeners_with_the_last_meta(registry: Registry) -> None:
    listener, producer, consumer = join(registry, Role.LISTENER), join(registry, Role.PRODUCER, meta=5), join(registry)
    session_id = begin_session(registry, consumer, producer)

    assert registry.remove_peer(producer) == [
        (consumer, EndSession(session_id)),
        (listener, PeerStatusChanged(producer, (), 5)),
    ]
    assert registry.sessions == {}
    assert producer not in registry.peers


def test_disconnected_listener_is_told_nothing(registry: Registry) -> None:
    listener = join(registry, Role.LISTENER)

    assert registry.remove_peer(listener) == []
    assert registry.handle(join(registry), SetPeerStatus((Role.PRODUCER,))) == []


def test_removing_twice_changes_nothing(registry: Registry) -> None:
    join(registry, Role.LISTENER)
    peer_id = join(registry)
    registry.remove_peer(peer_id)

    assert registry.remove_peer(peer_id) == []


def test_other_ends_that_may_come_back_too_are_told_that_a_connection_broke_and_is_back(registry: Registry) -> None:
    robot, _ = registry.add_peer(0, resumption=Resumption(NEW, "1"))
    registry.handle(robot, SetPeerStatus((Role.PRODUCER,)))
    ours, _ = registry.add_peer(0, resumption=Resumption(NEW, "2"))
    foreign, _ = registry.add_peer(0)
    session_id = begin_session(registry, ours, robot)
    begin_session(registry, foreign, robot)

    assert registry.leave(robot) == [(ours, PeerAway(session_id))]
    assert len(registry.sessions) == 2
    _, outgoing = registry.add_peer(1, resumption=Resumption("1", "3"))
    assert outgoing == [(robot, Welcome(robot, tuple(registry.sessions))), (ours, PeerBack(session_id))]


def test_request_of_a_peer_that_was_never_added(registry: Registry) -> None:
    with pytest.raises(KeyError):
        registry.handle("X", ListProducers())


def test_version_may_be_chosen_by_the_first_message(registry: Registry) -> None:
    peer_id = join(registry, version=ProtocolVersion.V1_1)

    assert registry.peers[peer_id].version is ProtocolVersion.V1_1


@pytest.mark.parametrize("first", [ListProducers(), SetProtocolVersion(ProtocolVersion.V1_0), EndSession("X")])
def test_version_may_not_be_chosen_later(registry: Registry, first: Request) -> None:
    peer_id, _ = registry.add_peer(now=0)
    registry.handle(peer_id, first)

    assert registry.handle(peer_id, SetProtocolVersion(ProtocolVersion.V1_1)) == [
        (peer_id, Error(f"Protocol version selection for peer '{peer_id}' must be first message"))
    ]
    assert registry.peers[peer_id].version is ProtocolVersion.V1_0


def test_error_reaches_an_end_that_chose_1_1(registry: Registry) -> None:
    producer = join(registry, Role.PRODUCER, version=ProtocolVersion.V1_1)
    consumer = join(registry, version=ProtocolVersion.V1_1)
    session_id = begin_session(registry, consumer, producer)

    assert registry.handle(consumer, EndSessionV1_1(session_id, "boom")) == [
        (producer, EndSessionV1_1(session_id, "boom"))
    ]


def test_end_that_did_not_choose_1_1_gets_no_error(registry: Registry) -> None:
    producer, consumer = join(registry, Role.PRODUCER), join(registry, version=ProtocolVersion.V1_1)
    session_id = begin_session(registry, consumer, producer)

    assert registry.handle(consumer, EndSessionV1_1(session_id, "boom")) == [(producer, EndSession(session_id))]


@pytest.mark.parametrize("request_type", [EndSession, EndSessionV1_1])
def test_1_1_end_gets_the_1_1_message_from_a_1_0_peer(
    registry: Registry, request_type: type[EndSession] | type[EndSessionV1_1]
) -> None:
    producer, consumer = join(registry, Role.PRODUCER, version=ProtocolVersion.V1_1), join(registry)
    session_id = begin_session(registry, consumer, producer)

    assert registry.handle(consumer, request_type(session_id)) == [(producer, EndSessionV1_1(session_id, None))]


def test_error_from_a_1_0_peer_is_refused_and_the_session_goes_on(registry: Registry) -> None:
    producer, consumer = join(registry, Role.PRODUCER), join(registry)
    session_id = begin_session(registry, consumer, producer)

    assert registry.handle(consumer, EndSessionV1_1(session_id, "boom")) == [
        (
            consumer,
            Error(f"Invalid end session message with error from peer '{consumer}', minimum protocol version is 1.1"),
        )
    ]
    assert session_id in registry.sessions


def test_disconnect_tells_a_1_1_end_in_1_1(registry: Registry) -> None:
    producer, consumer = join(registry, Role.PRODUCER), join(registry, version=ProtocolVersion.V1_1)
    session_id = begin_session(registry, consumer, producer)

    assert registry.remove_peer(producer) == [(consumer, EndSessionV1_1(session_id, None))]


def test_snapshots_do_not_change_later(registry: Registry) -> None:
    before = registry.peers
    join(registry)

    assert before == {}


def test_idle_peers_cost_a_request_nothing(registry: Registry) -> None:
    def seconds_for_requests() -> float:
        begin = time.perf_counter()
        for _ in range(300):
            producer = join(registry, Role.PRODUCER)
            consumer = join(registry)
            begin_session(registry, consumer, producer)
            registry.handle(consumer, ListProducers())
            registry.remove_peer(producer)
            registry.remove_peer(consumer)
        return time.perf_counter() - begin

    alone = min(seconds_for_requests() for _ in range(3))
    for _ in range(20_000):
        registry.add_peer(now=0)
    among_many = min(seconds_for_requests() for _ in range(3))

    # A loop over all peers would take about 100 times as long.
    assert among_many < 10 * alone
