"""L22: calls of receivers that take too long do not pile up, whatever peers and servers do."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from gst_signalling_sync import Consumer, Listener, Producer, Session, SessionClosed, SessionLimits, SignallingServer

from ..helpers.hostile import Conversation, signalling_server
from ..helpers.waiting import wait_until

SECONDS = 60.0
STATUSES = 5_500


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """The event that a slow receiver waits for; set when the test ends."""
    gate = threading.Event()
    yield gate
    gate.set()


def test_no_session_begins_whose_receivers_would_wait_behind_too_many(
    embedded_server: SignallingServer, gate: threading.Event
) -> None:
    robot = Producer(embedded_server.uri, name="robot", limits=SessionLimits(callbacks=3))
    robot.session_started.connect(lambda producer, session: gate.wait(SECONDS))
    with robot, Consumer(embedded_server.uri) as consumer:
        # The beginning and the end of each session wait for the receiver.
        begun = 0
        while can_start(consumer):
            begun += 1
        assert 0 < begun <= 3
        with pytest.raises(SessionClosed) as refused:
            consumer.start_session(name="robot", timeout=SECONDS)
        assert refused.value.reason == "busy"

        gate.set()
        wait_until(lambda: can_start(consumer), "there is room again")


def can_start(consumer: Consumer) -> bool:
    try:
        consumer.start_session(name="robot", timeout=SECONDS).close()
    except SessionClosed:
        return False
    return True


def test_peer_opens_no_channel_whose_receivers_would_wait_behind_too_many(
    embedded_server: SignallingServer, gate: threading.Event
) -> None:
    robot = Producer(embedded_server.uri, name="robot", limits=SessionLimits(callbacks=3))

    def hold(producer: Producer, session: Session) -> None:
        session.channel_opened.connect(lambda session, channel: gate.wait(SECONDS))

    robot.session_started.connect(hold)
    with robot, Consumer(embedded_server.uri) as consumer:
        session = consumer.start_session(name="robot", timeout=SECONDS)
        channels = [session.create_channel(f"channel {number}") for number in range(20)]
        wait_until(lambda: channels[-1].state == "closed", "the robot has closed it")
        wait_until(lambda: sum(each.state != "closed" for each in channels) < 10, "the robot has closed the others too")
        assert channels[0].state == "open"
        assert session.is_open
        gate.set()


@pytest.mark.parametrize("thread", [None, "slow"])
def test_listener_whose_receivers_take_too_long_tells_the_difference_afterwards(
    gate: threading.Event, caplog: pytest.LogCaptureFixture, thread: str | None
) -> None:
    told = threading.Event()

    def flood(server: Conversation) -> None:
        server.welcome()
        server.expect("list")
        server.send("list", producers=[{"id": "stays", "meta": None}, {"id": "goes", "meta": None}])
        for number in range(STATUSES):
            server.send("peerStatusChanged", peerId="restless", roles=["producer"] if number % 2 else [], meta=number)
        server.send("peerStatusChanged", peerId="goes", roles=[], meta=None)
        server.send("peerStatusChanged", peerId="comes", roles=["producer"], meta=None)
        told.set()
        server.hold()

    with signalling_server(flood) as uri:
        listener = Listener(uri)
        known: set[str] = set()
        statuses: list[object] = []
        listener.producer_added.connect(lambda listener, peer: gate.wait(SECONDS), thread=thread)
        listener.producer_added.connect(lambda listener, peer: known.add(peer.id), thread=thread)
        listener.producer_removed.connect(lambda listener, peer: known.remove(peer.id), thread=thread)
        listener.peer_status_changed.connect(lambda listener, peer, roles: statuses.append(peer.meta), thread=thread)
        with listener:
            assert told.wait(SECONDS)
            wait_until(lambda: "comes" in listener.producers, "all has been read", SECONDS)
            assert known == set()

            gate.set()
            wait_until(lambda: known == {"stays", "restless", "comes"}, "it has caught up", SECONDS)
            assert len(statuses) < STATUSES
            assert sum("some are merged" in line for line in caplog.messages) == 1
