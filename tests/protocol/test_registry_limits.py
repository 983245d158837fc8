"""What the registry refuses because of its limits, and what it answers."""

from __future__ import annotations

import pytest

from gst_signalling_sync.protocol.grant import Grant
from gst_signalling_sync.protocol.limits import ServerLimits
from gst_signalling_sync.protocol.messages import (
    EndSession,
    Error,
    IceMessage,
    ListProducers,
    ProducerList,
    Role,
    SdpMessage,
    SdpType,
    SessionStarted,
    SetPeerStatus,
    StartSession,
)
from gst_signalling_sync.protocol.permissions import Admission
from gst_signalling_sync.protocol.registry import Outgoing, Registry
from gst_signalling_sync.protocol.resumption import NEW, Resumption


class Hall:
    """A registry, and its refusals."""

    def __init__(self, limits: ServerLimits) -> None:
        self.refused: list[str] = []
        self.registry = Registry(limits, lambda peer_id, rule, details: self.refused.append(rule))

    def join(self, *roles: Role, meta: object = None, address: str | None = None) -> str:
        peer_id, _ = self.registry.add_peer(0, address)
        assert self.registry.handle(peer_id, SetPeerStatus(roles, meta)) == []
        return peer_id

    def start(self, consumer: str, producer: str) -> str:
        started = self.registry.handle(consumer, StartSession(producer))[0][1]
        assert isinstance(started, SessionStarted)
        return started.session_id

    def assert_refused(self, outgoing: Outgoing, peer_id: str, limit: str) -> None:
        [(addressee, error)] = outgoing
        assert addressee == peer_id
        assert isinstance(error, Error)
        assert self.refused[-1] == limit


@pytest.mark.parametrize(
    ("limit", "consumers", "producers"),
    [("sessions_per_pair", 1, 1), ("sessions_per_consumer", 1, 3), ("sessions_per_producer", 3, 1)],
)
def test_sessions_are_limited_and_one_that_ended_makes_room(limit: str, consumers: int, producers: int) -> None:
    hall = Hall(ServerLimits(**{limit: 2}))  # type: ignore[arg-type]
    consumer_ids = [hall.join() for _ in range(consumers)] * 3
    producer_ids = [hall.join(Role.PRODUCER) for _ in range(producers)] * 3
    first = hall.start(consumer_ids[0], producer_ids[0])
    hall.start(consumer_ids[1], producer_ids[1])

    refusal = hall.registry.handle(consumer_ids[2], StartSession(producer_ids[2]))

    hall.assert_refused(refusal, consumer_ids[2], limit)
    hall.registry.handle(consumer_ids[0], EndSession(first))
    hall.start(consumer_ids[2], producer_ids[2])


def test_peer_that_leaves_gives_its_sessions_back() -> None:
    hall = Hall(ServerLimits(sessions_per_producer=1))
    producer, consumer = hall.join(Role.PRODUCER), hall.join()
    hall.start(consumer, producer)

    hall.registry.remove_peer(consumer)

    hall.start(hall.join(), producer)


def test_session_with_oneself_is_refused() -> None:
    hall = Hall(ServerLimits())
    producer = hall.join(Role.PRODUCER)

    hall.assert_refused(hall.registry.handle(producer, StartSession(producer)), producer, "self")
    assert hall.registry.sessions == {}


def test_long_descriptions_and_candidates_are_not_relayed() -> None:
    hall = Hall(ServerLimits(sdp_bytes=100, candidate_bytes=10))
    producer, consumer = hall.join(Role.PRODUCER), hall.join()
    session_id = hall.start(consumer, producer)

    sdp = hall.registry.handle(producer, SdpMessage(session_id, SdpType.OFFER, "x" * 101))
    hall.assert_refused(sdp, producer, "sdp_bytes")
    hall.assert_refused(hall.registry.handle(producer, IceMessage(session_id, "ä" * 6, 0)), producer, "candidate_bytes")
    assert hall.registry.handle(producer, IceMessage(session_id, "ä" * 5, 0)) != []
    hall.assert_refused(hall.registry.handle(consumer, StartSession(producer, "x" * 101)), consumer, "sdp_bytes")


def test_long_meta_is_refused_and_the_status_stays() -> None:
    hall = Hall(ServerLimits(meta_bytes=20))
    peer = hall.join(Role.PRODUCER, meta="before")

    hall.assert_refused(hall.registry.handle(peer, SetPeerStatus((Role.PRODUCER,), "x" * 30)), peer, "meta_bytes")
    assert hall.registry.peers[peer].meta == "before"


def test_metas_of_all_are_bounded_and_who_leaves_makes_room() -> None:
    hall = Hall(ServerLimits(metas_bytes=100))
    first = hall.join(meta="x" * 50)
    second = hall.join()

    hall.assert_refused(hall.registry.handle(second, SetPeerStatus((), "y" * 50)), second, "metas_bytes")
    hall.registry.remove_peer(first)
    assert hall.registry.handle(second, SetPeerStatus((), "y" * 50)) == []


def test_one_address_has_a_share_of_the_metas_and_a_trusted_one_all() -> None:
    hall = Hall(ServerLimits(metas_bytes_per_address=60))
    hall.join(meta="x" * 50, address="203.0.113.9")
    neighbour, _ = hall.registry.add_peer(0, "203.0.113.9")

    refusal = hall.registry.handle(neighbour, SetPeerStatus((), "x" * 50))

    hall.assert_refused(refusal, neighbour, "metas_bytes_per_address")
    hall.join(meta="x" * 50, address="198.51.100.1")
    hall.join(meta="x" * 50)
    hall.join(meta="x" * 50)


def test_role_that_is_named_twice_is_one_role() -> None:
    hall = Hall(ServerLimits())
    peer = hall.join(Role.PRODUCER, Role.PRODUCER)

    assert hall.registry.peers[peer].roles == (Role.PRODUCER,)


def test_list_is_the_same_object_until_somebody_changes() -> None:
    hall = Hall(ServerLimits())
    asker = hall.join()
    hall.join(Role.PRODUCER, meta=1)

    def listed() -> object:
        [(_, event)] = hall.registry.handle(asker, ListProducers())
        assert isinstance(event, ProducerList)
        return event.producers

    before = listed()
    assert listed() is before
    hall.join(Role.CONSUMER)
    assert listed() is before
    hall.join(Role.PRODUCER, meta=2)
    assert listed() is not before


def test_name_of_a_producer_that_is_there_is_refused_where_names_are_unique() -> None:
    registry = Registry(unique_names=True)

    def register(peer_id: str, name: str, *roles: Role) -> Outgoing:
        return registry.handle(peer_id, SetPeerStatus(roles, {"name": name}))

    robot, impostor = (registry.add_peer(now=0)[0] for _ in range(2))
    assert register(robot, "robot", Role.PRODUCER) == []

    assert register(impostor, "robot", Role.PRODUCER) == [
        (impostor, Error(f"Cannot register peer {impostor}: there is a producer named 'robot'"))
    ]
    assert register(robot, "robot", Role.PRODUCER, Role.LISTENER) == []
    assert register(impostor, "robot", Role.LISTENER) == []
    assert register(impostor, "other", Role.PRODUCER) == []
    registry.remove_peer(robot)
    assert register(impostor, "robot", Role.PRODUCER) == []


def test_unique_name_of_a_robot_that_broke_off_is_free_for_one_that_may_be_the_same() -> None:
    registry = Registry(unique_names=True)
    robot, again, operator = (registry.add_peer(0, resumption=Resumption(NEW, key))[0] for key in ("1", "2", "3"))
    registration = SetPeerStatus((Role.PRODUCER,), {"name": "robot"})
    registry.handle(robot, registration)
    assert registry.ghost(again, registration) is None

    registry.leave(robot)
    assert registry.ghost(operator, SetPeerStatus((Role.LISTENER,), {"name": "robot"})) is None
    assert registry.ghost(operator, SetPeerStatus((Role.PRODUCER,), {"name": "other"})) is None
    assert registry.ghost(again, registration) == robot
    registry.remove_peer(robot)
    assert registry.handle(again, registration) == []


def test_unique_name_of_a_robot_that_broke_off_is_not_free_for_another_subject() -> None:
    registry = Registry(unique_names=True)
    grant = Grant(roles=[Role.PRODUCER])
    robot, _ = registry.add_peer(0, resumption=Resumption(NEW, "1"), admission=Admission("one", grant))
    other, _ = registry.add_peer(0, admission=Admission("other", grant))
    registration = SetPeerStatus((Role.PRODUCER,), {"name": "robot"})
    registry.handle(robot, registration)
    registry.leave(robot)

    assert registry.ghost(other, registration) is None


def test_name_of_who_came_back_is_its_own_again() -> None:
    registry = Registry(unique_names=True)
    robot, _ = registry.add_peer(0, resumption=Resumption(NEW, "1"))
    other, _ = registry.add_peer(0)
    registration = SetPeerStatus((Role.PRODUCER,), {"name": "robot"})
    registry.handle(robot, registration)
    registry.leave(robot)
    assert registry.add_peer(1, resumption=Resumption("1", "2"))[0] == robot

    assert registry.ghost(other, registration) is None


def test_name_that_was_given_up_may_be_taken() -> None:
    registry = Registry(unique_names=True)
    first, second = (registry.add_peer(now=0)[0] for _ in range(2))
    registry.handle(first, SetPeerStatus((Role.PRODUCER,), {"name": "a"}))
    registry.handle(first, SetPeerStatus((Role.PRODUCER,), {"name": "b"}))

    assert registry.handle(second, SetPeerStatus((Role.PRODUCER,), {"name": "a"})) == []
    registry.handle(first, SetPeerStatus((), {"name": "b"}))
    assert registry.handle(second, SetPeerStatus((Role.PRODUCER,), {"name": "b"})) == []
