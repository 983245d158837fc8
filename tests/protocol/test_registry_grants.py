"""The registry with peers whose grants allow only some actions."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gst_signalling_sync import Grant
from gst_signalling_sync.protocol.announcements import Announcements
from gst_signalling_sync.protocol.messages import (
    EndSession,
    Error,
    ListConsumers,
    ListProducers,
    Peer,
    PeerStatusChanged,
    ProducerList,
    Role,
    SessionStarted,
    SetPeerStatus,
    StartSession,
)
from gst_signalling_sync.protocol.permissions import Admission
from gst_signalling_sync.protocol.registry import Registry
from gst_signalling_sync.protocol.resumption import NEW, Resumption


def join(registry: Registry, *roles: Role, name: str | None = None, **grant: Any) -> str:
    admission = Admission("peer", Grant(**grant)) if grant else None
    peer_id, _ = registry.add_peer(now=0, admission=admission)
    registry.handle(peer_id, SetPeerStatus(roles, None if name is None else {"name": name}))
    return peer_id


def names_listed(registry: Registry, peer_id: str) -> list[str | None]:
    [(_, listed)] = registry.handle(peer_id, ListProducers())
    assert isinstance(listed, ProducerList)
    return [peer.name for peer in listed.producers]


def told(registry: Registry, listener_id: str) -> list[tuple[str | None, bool]]:
    """The names that a listener is told of, and whether each peer is there."""
    taken = registry.announcements.take(listener_id, maximum=1000)
    return [(Peer(a.event.peer_id, a.event.meta).name, bool(a.event.roles)) for a in taken]


def test_role_and_name_that_the_grant_does_not_have_are_refused() -> None:
    refusals: list[str] = []
    registry = Registry(on_refusal=lambda peer_id, rule, details: refusals.append(rule))
    peer_id = join(registry, Role.PRODUCER, name="arm", roles=["producer"], names=["arm"])

    [(_, wrong_role)] = registry.handle(peer_id, SetPeerStatus((Role.LISTENER,), {"name": "arm"}))
    [(_, wrong_name)] = registry.handle(peer_id, SetPeerStatus((Role.PRODUCER,), {"name": "leg"}))

    assert wrong_role == Error(f"Cannot register peer {peer_id}: its token does not allow the role listener")
    assert wrong_name == Error(f"Cannot register peer {peer_id}: its token does not allow the name 'leg'")
    assert refusals == ["grant", "grant"]
    assert registry.peers[peer_id].name == "arm"


def test_list_holds_those_that_the_grant_lets_see() -> None:
    registry = Registry()
    for name in ("arm-1", "arm-2", "leg", None):
        join(registry, Role.PRODUCER, name=name)
    some, everybody, nobody = join(registry, peers=["arm-*"]), join(registry), join(registry, peers=[])

    assert names_listed(registry, some) == ["arm-1", "arm-2"]
    assert names_listed(registry, everybody) == ["arm-1", "arm-2", "leg", None]
    assert names_listed(registry, nobody) == []
    join(registry, Role.PRODUCER, name="arm-3")
    assert names_listed(registry, some) == ["arm-1", "arm-2", "arm-3"]
    join(registry, Role.CONSUMER, name="arm-4")
    [(_, consumers)] = registry.handle(some, ListConsumers())
    assert len(consumers.consumers) == 1  # type: ignore[union-attr]


def test_foreign_peer_is_not_found_as_one_that_is_not_there() -> None:
    registry = Registry()
    leg = join(registry, Role.PRODUCER, name="leg")
    peer_id = join(registry, peers=["arm"])

    assert registry.handle(peer_id, StartSession(leg)) == [(peer_id, Error(f"Peer with ID '{leg}' not found"))]
    assert registry.handle(peer_id, StartSession("x")) == [(peer_id, Error("Peer with ID 'x' not found"))]


def test_listener_is_told_of_those_that_the_grant_lets_see_and_of_itself() -> None:
    registry = Registry()
    listener = join(registry, Role.LISTENER, name="watcher", peers=["arm"])
    arm, leg = join(registry, Role.PRODUCER, name="arm"), join(registry, Role.PRODUCER, name="leg")
    for peer_id in (arm, leg):
        registry.remove_peer(peer_id)

    assert told(registry, listener) == [("watcher", True), ("arm", False)]


def test_peer_that_takes_a_foreign_name_is_gone_for_those_who_may_not_see_it() -> None:
    registry = Registry()
    some, everybody = join(registry, Role.LISTENER, peers=["arm"]), join(registry, Role.LISTENER)
    peer_id = join(registry, Role.PRODUCER, name="arm")
    told(registry, some)
    told(registry, everybody)

    for name in ("leg", "foot"):
        registry.handle(peer_id, SetPeerStatus((Role.PRODUCER,), {"name": name}))

    assert told(registry, some) == [("arm", False)]
    assert told(registry, everybody) == [("foot", True)]
    registry.handle(peer_id, SetPeerStatus((Role.PRODUCER,), {"name": "arm"}))
    assert told(registry, some) == [("arm", True)]


@given(st.lists(st.sampled_from(["arm-1", "arm-2", "leg", "foot", None]), max_size=8), st.data())
def test_listener_knows_the_peer_by_the_newest_name_that_it_may_see(
    names: list[str | None], data: st.DataObject
) -> None:
    registry = Registry()
    listener = join(registry, Role.LISTENER, peers=["arm-*"])
    told(registry, listener)
    peer_id, _ = registry.add_peer(now=0)
    seen: str | None = None
    for name in names:
        registry.handle(peer_id, SetPeerStatus((Role.PRODUCER,), {"name": name}))
        if data.draw(st.booleans()):
            for told_name, is_there in told(registry, listener):
                seen = told_name if is_there else None
                assert told_name is not None
                assert told_name.startswith("arm-")
    for told_name, is_there in told(registry, listener):
        seen = told_name if is_there else None

    assert seen == (names[-1] if names and (names[-1] or "").startswith("arm-") else None)


def test_listener_that_may_be_told_of_nothing_gets_through_what_there_is() -> None:
    announcements = Announcements(sees=lambda listener_id, event: event.peer_id == "last")
    announcements.join("listener")
    for number in range(1000):
        announcements.announce(PeerStatusChanged(str(number), ()))
    announcements.announce(PeerStatusChanged("last", ()))

    turns = 0
    taken: list[str] = []
    while announcements.is_behind("listener"):
        taken += [announcement.event.peer_id for announcement in announcements.take("listener", maximum=10)]
        turns += 1

    assert taken == ["last"]
    assert turns > 10, "a turn is short, whoever it is for"


def test_expelled_peer_and_the_other_ends_of_its_sessions_are_told_why() -> None:
    registry = Registry()
    producer, consumer = join(registry, Role.PRODUCER), join(registry)
    started = registry.handle(consumer, StartSession(producer))[0][1]
    assert isinstance(started, SessionStarted)

    outgoing = registry.expel(consumer, "expired")

    assert sorted(outgoing, key=str) == sorted(
        [(peer_id, EndSession(started.session_id, "expired")) for peer_id in (producer, consumer)], key=str
    )
    assert list(registry.peers) == [producer]
    assert registry.expel(consumer, "expired") == []


def test_key_of_another_subject_opens_nothing() -> None:
    registry = Registry()
    robot, stranger = Admission("robot", Grant()), Admission("stranger", Grant())
    robot_id, _ = registry.add_peer(0, resumption=Resumption(NEW, "key"), admission=robot)

    assert registry.presence.objection_to_return("key", robot) is None
    assert registry.presence.objection_to_return("key", stranger) == (
        "resumption",
        "its resumption key belongs to another identity, so it is a new peer",
    )
    stranger_id, _ = registry.add_peer(1, resumption=Resumption("key", "next"), admission=stranger)

    assert stranger_id != robot_id
    assert registry.add_peer(2, resumption=Resumption("key", "next"), admission=robot)[0] == robot_id


def test_key_that_is_spent_is_told_from_one_that_is_unknown() -> None:
    registry = Registry()
    robot, _ = registry.add_peer(0, resumption=Resumption(NEW, "first"))
    registry.add_peer(1, resumption=Resumption("first", "second"))
    registry.presence.heard(robot, 2)

    assert registry.presence.objection_to_return(NEW, None) is None
    assert [
        (registry.presence.objection_to_return(key, None) or [None])[0] for key in ("first", "second", "third")
    ] == [
        "resumption",
        None,
        "late",
    ]


def test_subject_with_as_many_peers_as_it_may_have_can_still_come_back() -> None:
    registry = Registry()
    only_one = Admission("robot", Grant(connections=1))
    assert registry.presence.has_room(None, only_one)
    registry.add_peer(0, resumption=Resumption(NEW, "key"), admission=only_one)

    assert not registry.presence.has_room(None, only_one)
    assert not registry.presence.has_room("other", only_one)
    assert registry.presence.has_room("key", only_one)
