"""How a session ends, at both ends."""

from __future__ import annotations

import gc
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from gst_signalling_sync import (
    ConnectionLost,
    Consumer,
    Producer,
    Session,
    SessionClosed,
    SignallingClient,
    SignallingServer,
)

from ..helpers.waiting import Heard, wait_until

SECONDS = 20.0


def test_closing_the_consumers_session_ends_the_producers(producer: Producer, consumer: Consumer) -> None:
    ended = Heard(producer.session_ended)
    consumer.start_session().close()
    assert ended.next()["error"] is None
    assert consumer.sessions == []
    assert producer.sessions == []


def test_closing_the_producers_session_ends_the_consumers(producer: Producer, consumer: Consumer) -> None:
    session = consumer.start_session()
    closed = Heard(session.closed)
    wait_until(lambda: producer.sessions, "the producer is connected")
    producer.sessions[0].close()
    assert closed.next()["error"] is None
    assert session.state == "closed"


def test_producer_that_leaves_ends_the_session(signalling_uri: str, consumer: Consumer) -> None:
    producer = Producer(signalling_uri, name="robot").start()
    session = consumer.start_session()
    closed = Heard(session.closed)
    producer.close()
    closed.next()
    with pytest.raises(SessionClosed):
        session.channel("data", timeout=1)


def test_consumer_that_is_closed_at_any_moment_of_its_start_leaves_no_error(embedded_server: SignallingServer) -> None:
    # The errors of tasks that nobody waits for fail every test (`tests/conftest.py`).
    with Producer(embedded_server.uri, name="robot") as producer, ThreadPoolExecutor() as pool:
        producer.add_video()
        producer.add_channel("data")
        for step in range(40):
            with Consumer(embedded_server.uri, timeout=SECONDS) as consumer:
                starting = pool.submit(consumer.start_session, name="robot")
                threading.Event().wait(0.01 + 0.004 * step)
            if starting.exception(SECONDS) is not None:
                assert isinstance(starting.exception(), ConnectionError)
        # A task tells of its error when it is collected.
        gc.collect()


def test_signals_of_a_session_come_in_order(producer: Producer, consumer: Consumer) -> None:
    told: list[str] = []
    producer.session_requested.connect(lambda _, session: told.append(f"requested {session.state}"))
    producer.session_started.connect(lambda _, session: told.append(f"started {session.state}"))
    producer.session_ended.connect(lambda _, session, error: told.append(f"ended {error}"))
    ended = Heard(producer.session_ended)
    session = consumer.start_session()
    wait_until(lambda: len(told) == 2, "requested and started")
    session.close()
    ended.next()
    assert told == ["requested connecting", "started connected", "ended None"]


def test_state_changes_are_told(producer: Producer, consumer: Consumer) -> None:
    states: list[str] = []
    closed = threading.Event()

    @producer.session_requested.connect
    def on_request(_: Producer, session: Session) -> None:
        session.state_changed.connect(lambda _, state: states.append(state))
        session.closed.connect(lambda _, error: closed.set())

    consumer.start_session().close()
    assert closed.wait(10)
    assert states == ["connected", "closed"]


def test_messages_come_before_the_end_of_their_session(embedded_server: SignallingServer) -> None:
    told: list[object] = []
    release = threading.Event()
    producer = Producer(embedded_server.uri, name="robot")
    channel = producer.add_channel("data")
    producer.session_started.connect(lambda _, session: release.wait(10))
    channel.message.connect(lambda channel, session, data: told.append(data))
    producer.session_ended.connect(lambda _, session, error: told.append("ended"))
    ended = Heard(producer.session_ended)
    with producer, Consumer(embedded_server.uri) as consumer:
        with consumer.start_session(name="robot") as session:
            for number in range(3):
                session.channel("data").send(str(number))
        wait_until(lambda: not producer.sessions, "the session is closed at the producer")
        release.set()
        ended.next()
    assert told == ["0", "1", "2", "ended"]


def test_close_in_the_middle_of_gathering_leaves_nothing_behind(embedded_server: SignallingServer) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mute:
        mute.bind(("127.0.0.1", 0))
        ice_servers = [f"stun://127.0.0.1:{mute.getsockname()[1]}"]
        robot = Producer(embedded_server.uri, name="robot", ice_servers=ice_servers)
        with robot, SignallingClient(embedded_server.uri) as client:
            assert robot.peer_id is not None
            client.start_session(robot.peer_id)
            mute.settimeout(10)
            mute.recv(1500)
            robot.close(timeout=0.1)


def test_connected_sessions_outlive_the_signalling_server() -> None:
    server = SignallingServer(port=0).start()
    try:
        with Producer(server.uri, name="robot") as producer, Consumer(server.uri) as consumer:
            producer.add_channel("data")
            session = consumer.start_session()
            channel = session.channel("data")
            wait_until(lambda: producer.sessions, "the producer is connected")
            server.close()
            channel.send("still here")
            assert producer.sessions[0].channel("data").recv() == "still here"
            with pytest.raises(ConnectionLost):
                consumer.start_session(timeout=2)
    finally:
        server.close()
