"""One end loses its signalling connection and reconnects within its lease: it is the same peer, with the same sessions."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

import pytest

from benchmarks.tcp_relay import TcpRelay
from gst_signalling_sync import Consumer, Listener, Producer, Retry, Session, SignallingServer
from gst_signalling_sync.role_sessions import RoleSessions
from gst_signalling_sync.webrtc.link import Link
from gst_signalling_sync.webrtc.live_session import LiveSession

from ..figures import Figures, Stopwatch
from ..helpers.waiting import Heard, wait_until
from ..negotiation.edited_peer import EditedPeer

LABEL = "state"
SECONDS = 20.0
BLINK_SECONDS = 5.0

QUICK = Retry(first=0.05, maximum=0.2)


@pytest.fixture
def server() -> Iterator[SignallingServer]:
    """A server whose leases are longer than a test."""
    with SignallingServer(port=0, lease=60) as server:
        yield server


@pytest.fixture
def way(server: SignallingServer) -> Iterator[TcpRelay]:
    """The relay between the server and the end that is cut off."""
    with TcpRelay(server.uri) as relay:
        yield relay


class Robot:
    """A producer that answers on a channel.

    Args:
        uri: The server's, for the robot.
    """

    def __init__(self, uri: str) -> None:
        self.producer = Producer(uri, name="robot", retry=QUICK)
        channel = self.producer.add_channel(LABEL)
        channel.message.connect(lambda channel, session, data: channel.send(data, session=session))
        self.producer.start()

    def __enter__(self) -> Producer:
        return self.producer

    def __exit__(self, *error: object) -> None:
        self.producer.close()


def assert_messages_flow(session: Session) -> None:
    channel = session.channel(LABEL)
    channel.send("hello")
    assert channel.recv(SECONDS) == "hello"


def be_gone(way: TcpRelay, caplog: pytest.LogCaptureFixture) -> None:
    """Cut an end off, and wait until the server has noticed, so that it keeps the end's state from now on."""
    with caplog.at_level(logging.INFO, "gst_signalling_sync.server"):
        way.block()
        wait_until(lambda: ": disconnected" in caplog.text, "the server has noticed")


def come_back(way: TcpRelay, role: Producer | Consumer | Listener) -> object:
    """Let an end reconnect.

    Returns:
        The role's peer id then.
    """
    reconnected = Heard(role.reconnected)
    way.unblock()
    return reconnected.next(SECONDS)["peer_id"]


@pytest.mark.parametrize("who", ["producer", "consumer"])
def test_blink_of_five_seconds_changes_nothing(server: SignallingServer, way: TcpRelay, who: str) -> None:
    producer_uri, consumer_uri = (way.uri, server.uri) if who == "producer" else (server.uri, way.uri)
    listener = Listener(server.uri)
    statuses = Heard(listener.peer_status_changed)
    with (
        Robot(producer_uri) as robot,
        Consumer(consumer_uri, meta={"name": "operator"}, retry=QUICK) as consumer,
        listener,
    ):
        role = robot if who == "producer" else consumer
        assert statuses.next()["peer"].id == listener.peer_id, "a listener hears of itself first"
        session = consumer.start_session(name="robot", timeout=SECONDS)
        ids = {robot.peer_id, consumer.peer_id, session.id}
        ended = Heard(robot.session_ended)

        way.block()
        blink = Stopwatch()
        while blink.seconds < BLINK_SECONDS:
            assert_messages_flow(session)
        assert come_back(way, role) in ids

        assert {robot.peer_id, consumer.peer_id, session.id} == ids
        assert list(server.sessions) == [session.id]
        assert_messages_flow(session)
        with Producer(server.uri, name="last"):
            heard = statuses.next()["peer"]
            assert heard.name == "last", "nothing was told before"
        # Whichever end closes, it closes through the server: only the server forgets the session at once.
        (robot.sessions[0] if who == "producer" else session).close()
        wait_until(lambda: not server.sessions, "the server was told")
        assert ended.next(SECONDS)["error"] is None


def test_session_with_a_foreign_peer_is_renegotiated_after_a_blink(server: SignallingServer, way: TcpRelay) -> None:
    with EditedPeer(server.uri) as foreign, Consumer(way.uri, retry=QUICK) as consumer:
        session = consumer.start_session(name="edited", timeout=SECONDS)
        foreign.next_answer()
        way.block()
        wait_until(lambda: consumer.state == "suspended", "it has noticed")

        come_back(way, consumer)
        foreign.offer()
        assert foreign.next_answer()
        assert session.state == "connected"


def test_offer_of_a_foreign_peer_waits_at_the_server_during_a_blink(
    server: SignallingServer, way: TcpRelay, caplog: pytest.LogCaptureFixture
) -> None:
    with EditedPeer(server.uri) as foreign, Consumer(way.uri, retry=QUICK) as consumer:
        consumer.start_session(name="edited", timeout=SECONDS)
        foreign.next_answer()
        be_gone(way, caplog)
        foreign.offer()
        come_back(way, consumer)
        assert foreign.next_answer()


def test_session_that_is_asked_for_during_a_blink_begins_after_it(
    server: SignallingServer, way: TcpRelay, caplog: pytest.LogCaptureFixture
) -> None:
    with Robot(way.uri) as robot, Consumer(server.uri, retry=QUICK) as consumer, ThreadPoolExecutor() as pool:
        be_gone(way, caplog)
        starting = pool.submit(consumer.start_session, name="robot", timeout=SECONDS)
        wait_until(lambda: server.sessions, "it was asked for")

        peer_id = come_back(way, robot)
        session = starting.result(SECONDS)
        assert session.peer_id == peer_id
        assert_messages_flow(session)


def test_server_is_told_of_sessions_that_ended_during_a_blink(server: SignallingServer, way: TcpRelay) -> None:
    with Robot(way.uri) as robot, Consumer(server.uri, retry=QUICK) as consumer:
        session = consumer.start_session(name="robot", timeout=SECONDS)
        wait_until(lambda: robot.sessions, "connected at both ends")
        way.block()
        wait_until(lambda: robot.state == "suspended", "it has noticed")
        robot.sessions[0].close()
        wait_until(lambda: session.state == "closed", "the other end was told in-band")

        come_back(way, robot)
        wait_until(lambda: not server.sessions, "the server was told")


def test_session_that_is_not_connected_yet_ends_at_both_ends(server: SignallingServer, way: TcpRelay) -> None:
    with Robot(way.uri) as robot, Consumer(server.uri, retry=QUICK) as consumer, ThreadPoolExecutor() as pool:
        held, asked = threading.Event(), threading.Event()

        def hold(producer: Producer, session: Session) -> None:
            if not asked.is_set():
                asked.set()
                held.wait(SECONDS)

        robot.session_requested.connect(hold)
        starting = pool.submit(consumer.start_session, robot.peer_id, timeout=SECONDS)
        assert asked.wait(SECONDS)
        way.block()
        with pytest.raises(Exception, match="the peer's signalling connection broke before it was connected"):
            starting.result(SECONDS)
        held.set()

        come_back(way, robot)
        assert_messages_flow(consumer.start_session(name="robot", timeout=SECONDS))


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> SimpleQueue[LiveSession]:
    """The sessions of all roles, from the moment at which the server has begun them."""
    sessions = SimpleQueue[LiveSession]()
    add = RoleSessions.add

    def add_and_tell(role_sessions: RoleSessions, session: LiveSession, ours: bool) -> bool:
        sessions.put(session)
        return add(role_sessions, session, ours)

    monkeypatch.setattr(RoleSessions, "add", add_and_tell)
    return sessions


def test_session_whose_peers_have_found_each_other_needs_no_server(
    server: SignallingServer, way: TcpRelay, begun: SimpleQueue[LiveSession]
) -> None:
    handshake = threading.Event()
    with (
        EditedPeer(server.uri, handshake=handshake),
        Consumer(way.uri, retry=QUICK) as consumer,
        ThreadPoolExecutor() as pool,
    ):
        starting = pool.submit(consumer.start_session, name="edited", timeout=SECONDS)
        link = begun.get(timeout=SECONDS).link
        wait_until(lambda: has_path(link), "the peers have found each other")
        assert not starting.done()

        way.block()
        wait_until(lambda: consumer.state == "suspended", "it has noticed")
        handshake.set()
        session = starting.result(SECONDS)
        wait_until(lambda: session.channels, "the producer's channel came")
        session.channels[0].send("hello")
        assert session.channels[0].recv(SECONDS) == "hello"


def has_path(link: Link) -> bool:
    return link.connection is not None and link.connection.ice_state == "completed"


def test_passive_role_that_blinks_twice_is_the_same_peer(server: SignallingServer, way: TcpRelay) -> None:
    with Consumer(way.uri, passive=True, retry=QUICK) as consumer:
        first = consumer.peer_id
        for _ in range(2):
            way.block()
            wait_until(lambda: consumer.state == "suspended", "it has noticed")
            assert come_back(way, consumer) == first
        assert list(server.peers) == [first]


def test_role_that_is_closed_and_started_is_another_peer(server: SignallingServer) -> None:
    listener = Listener(server.uri)
    with listener:
        first = listener.peer_id
    with listener:
        assert listener.peer_id != first
        assert list(server.peers) == [listener.peer_id]
    assert "late" not in server.refusals


def test_role_that_does_not_connect_again_is_gone_at_once(server: SignallingServer, way: TcpRelay) -> None:
    with Producer(way.uri, name="robot", retry=None):
        way.block()
        wait_until(lambda: not server.peers, "nobody waits for it")


def test_robot_that_is_cut_off_is_listed_until_its_lease_is_over(figures: Figures) -> None:
    lease = 1.5
    with (
        SignallingServer(port=0, lease=lease) as server,
        TcpRelay(server.uri) as way,
        Producer(way.uri, name="robot", retry=QUICK),
        Listener(server.uri) as listener,
    ):
        removed = Heard(listener.producer_removed)
        wait_until(lambda: listener.producers, "it is there")
        way.block()
        cut_off = Stopwatch()
        assert removed.next(SECONDS)["peer"].name == "robot"
        figures.add("removed after a lease of 1.5 s", cut_off.seconds, lease + 2.0)
