"""Sessions between producers and consumers of this library, on both signalling servers."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any

import pytest

from gst_signalling_sync import (
    ConnectionLost,
    Consumer,
    DataChannel,
    PeerNotFound,
    PeerWaitTimeout,
    Producer,
    ServerError,
    Session,
    SessionClosed,
    SignallingClient,
    SignallingServer,
    WaitTimeout,
    connect,
)

from ..helpers.hostile import Conversation, signalling_server
from ..helpers.ports import reserved_port
from ..helpers.waiting import Heard, wait_until


@pytest.fixture
def producer(signalling_uri: str) -> Iterator[Producer]:
    producer = Producer(signalling_uri, name="robot")
    producer.add_channel("data")
    with producer:
        yield producer


@pytest.fixture
def consumer(signalling_uri: str) -> Iterator[Consumer]:
    with Consumer(signalling_uri) as consumer:
        yield consumer


@contextmanager
def unacknowledged(channel: DataChannel) -> Iterator[None]:
    """Have a message under way that is not acknowledged, as with a peer that has vanished."""
    connection = channel.session.peer_connection
    assert connection is not None
    transport: Any = connection.sctp

    async def drop(data: bytes) -> None:
        pass

    def fall_silent() -> None:
        transport._handle_data = drop

    def come_back() -> None:
        del transport._handle_data

    channel.session.link.call(fall_silent)
    channel.send("is anybody there?")
    try:
        yield
    finally:
        channel.session.link.call(come_back)


def test_session_by_peer_id(producer: Producer, consumer: Consumer) -> None:
    session = consumer.start_session(peer_id=producer.peer_id)
    assert session.state == "connected"
    assert session.peer_id == producer.peer_id


def test_session_by_name(producer: Producer, consumer: Consumer) -> None:
    assert consumer.start_session(name="robot").peer_id == producer.peer_id


def test_session_with_the_first_producer_there_is(producer: Producer, consumer: Consumer) -> None:
    assert consumer.start_session().peer_id == producer.peer_id


def test_session_with_a_producer_that_is_still_to_come(signalling_uri: str, consumer: Consumer) -> None:
    late = Producer(signalling_uri, name="late")
    timer = threading.Timer(0.3, late.start)
    timer.start()
    try:
        assert consumer.start_session(name="late").state == "connected"
    finally:
        timer.join()
        late.close()


def test_unknown_peer_id(consumer: Consumer) -> None:
    with pytest.raises(PeerNotFound, match="nobody"):
        consumer.start_session(peer_id="nobody")


def test_unknown_name_names_those_that_there_are(producer: Producer, consumer: Consumer) -> None:
    with pytest.raises(PeerWaitTimeout, match=r"'other'.*within 1 s.*'robot'"):
        consumer.start_session(name="other", timeout=1)


def test_peer_that_is_no_producer(consumer: Consumer, signalling_uri: str) -> None:
    with SignallingClient(signalling_uri) as idle, pytest.raises(ServerError, match="Missing a producer"):
        consumer.start_session(peer_id=idle.peer_id)


def test_both_ends_know_the_session_by_the_same_id(producer: Producer, consumer: Consumer) -> None:
    started = Heard(producer.session_started)
    session = consumer.start_session()
    assert started.next()["session"].id == session.id


def test_several_sessions_of_one_consumer(signalling_uri: str, producer: Producer, consumer: Consumer) -> None:
    with Producer(signalling_uri, name="second") as second:
        second.add_channel("data")
        sessions = [consumer.start_session(name="robot"), consumer.start_session(name="second")]
        assert consumer.sessions == sessions
        assert [session.peer_id for session in sessions] == [producer.peer_id, second.peer_id]


def test_sessions_started_from_several_threads_at_once(producer: Producer, consumer: Consumer) -> None:
    sessions: list[Session] = []
    threads = [threading.Thread(target=lambda: sessions.append(consumer.start_session())) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({session.id for session in sessions}) == 6
    wait_until(lambda: len(producer.sessions) == 6, "the producer has all six")


def test_consumer_that_makes_the_offer(producer: Producer, consumer: Consumer) -> None:
    session = consumer.start_session(name="robot", offer=True)
    channel = session.channel("data")
    channel.send("hello")
    wait_until(lambda: producer.sessions, "the producer is connected")
    assert producer.sessions[0].channel("data").recv() == "hello"


def test_passive_consumer(signalling_uri: str) -> None:
    with Producer(signalling_uri, name="robot") as producer, Consumer(signalling_uri, passive=True) as passive:
        producer.add_channel("data")
        assert passive.peer_id is not None
        ours = producer.start_session(passive.peer_id)
        theirs = passive.wait_for_session()
        assert theirs.id == ours.id
        ours.channel("data").send("hello")
        assert theirs.channel("data").recv() == "hello"


def test_waiting_for_a_session_that_nobody_starts(signalling_uri: str) -> None:
    with Consumer(signalling_uri, passive=True) as passive, pytest.raises(WaitTimeout, match=r"0\.2 s"):
        passive.wait_for_session(timeout=0.2)


def test_only_a_passive_consumer_can_wait_for_sessions(consumer: Consumer) -> None:
    with pytest.raises(RuntimeError, match="passive=True"):
        consumer.wait_for_session(timeout=0.1)


def test_producer_cannot_start_a_session_with_an_ordinary_consumer(producer: Producer, consumer: Consumer) -> None:
    assert consumer.peer_id is not None
    with pytest.raises(ServerError, match="Missing a producer or a consumer"):
        producer.start_session(consumer.peer_id)


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


def test_the_offer_waits_for_channels_added_on_request(producer: Producer, consumer: Consumer) -> None:
    @producer.session_requested.connect
    def on_request(_: Producer, session: Session) -> None:
        session.create_channel("only for you").send("welcome")

    assert consumer.start_session().channel("only for you").recv() == "welcome"


def test_rejected_session_raises_at_once(embedded_server: SignallingServer) -> None:
    with Producer(embedded_server.uri) as producer, Consumer(embedded_server.uri) as consumer:
        producer.session_requested.connect(lambda _, session: session.reject("the robot is charging"))
        started = time.monotonic()
        with pytest.raises(SessionClosed, match="the robot is charging"):
            consumer.start_session(timeout=10)
        assert time.monotonic() - started < 5


def test_rejected_session_raises_on_a_server_that_tells_no_reason(producer: Producer, consumer: Consumer) -> None:
    producer.session_requested.connect(lambda _, session: session.reject("the robot is charging"))
    with pytest.raises(SessionClosed):
        consumer.start_session()
    assert producer.sessions == []


def test_rejected_with_a_reason_that_no_peer_could_read(embedded_server: SignallingServer) -> None:
    with Producer(embedded_server.uri, name="robot") as producer, Consumer(embedded_server.uri) as consumer:
        producer.session_requested.connect(lambda _, session: session.reject("cannot open caf\udce9.mp4"))
        with pytest.raises(SessionClosed, match=r"cannot open caf\?\.mp4"):
            consumer.start_session(name="robot", timeout=5)
        assert producer.sessions == []


def test_consumer_gives_up_while_the_producer_still_thinks(producer: Producer, consumer: Consumer) -> None:
    release = threading.Event()
    ended = Heard(producer.session_ended)
    producer.session_requested.connect(lambda _, session: release.wait(10))
    try:
        with pytest.raises(WaitTimeout, match=r"not connected within 3 s"):
            consumer.start_session(producer.peer_id, timeout=3)
    finally:
        release.set()
    assert isinstance(ended.next()["error"], SessionClosed)
    assert producer.sessions == []


def test_producer_starts_a_session_in_a_callback(signalling_uri: str) -> None:
    with Producer(signalling_uri, name="robot") as producer, Consumer(signalling_uri, passive=True) as passive:
        requested, ended = Heard(producer.session_requested), Heard(producer.session_ended)

        def call_the_other(producer: Producer, session: Session) -> None:
            if session.peer_id != passive.peer_id:
                producer.start_session(passive.peer_id or "", timeout=5).close()

        producer.session_started.connect(call_the_other)
        with Consumer(signalling_uri) as consumer, consumer.start_session(name="robot"):
            assert ended.next()["session"].peer_id == passive.peer_id
            assert [requested.next()["session"].peer_id for _ in range(2)] == [consumer.peer_id, passive.peer_id]


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


def test_candidates_that_come_while_the_request_is_considered_are_used(embedded_server: SignallingServer) -> None:
    offers: SimpleQueue[str] = SimpleQueue()
    release = threading.Event()
    producer = Producer(embedded_server.uri, name="robot")
    requested = Heard(producer.session_requested)
    producer.session_requested.connect(lambda _, session: release.wait(10))
    with producer, SignallingClient(embedded_server.uri) as client, Consumer(embedded_server.uri) as consumer:
        client.session_requested.connect(lambda _, peer_id, session_id, offer: offers.put(offer))
        client.set_status(["producer"])
        with pytest.raises(WaitTimeout):
            consumer.start_session(client.peer_id, offer=True, timeout=3)
        offer = offers.get(timeout=10).replace("a=end-of-candidates\r\n", "")
        session_id = client.start_session(producer.peer_id or "", offer)
        client.send_ice(session_id, "candidate:1 1 udp 1 192.0.2.77 9 typ host", 0)
        session = requested.next()["session"]
        wait_until(lambda: session.link._early_candidates, "the candidate is kept")
        release.set()
        wait_until(lambda: getattr(session.peer_connection, "sctp", None), "the offer is applied")

        def remote_hosts() -> list[str]:
            # Looked up each time, because bundling replaces the transport while the offer is applied.
            ice = session.peer_connection.sctp.transport.transport
            return [candidate.host for candidate in ice._connection.remote_candidates]

        wait_until(lambda: "192.0.2.77" in remote_hosts(), "the candidate is given to ICE")


def test_slow_callback_delays_no_other_session(producer: Producer, signalling_uri: str) -> None:
    release = threading.Event()
    producer.session_started.connect(lambda _, session: release.wait(20))
    try:
        with Consumer(signalling_uri) as first, Consumer(signalling_uri) as second:
            for consumer in (first, second):
                assert consumer.start_session().channel("data").state == "open"
    finally:
        release.set()


def test_connect_is_a_session_in_one_call(producer: Producer, signalling_uri: str) -> None:
    with connect(signalling_uri, name="robot") as session:
        assert session.channel("data").label == "data"
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("gss-consumer")]


def test_connect_by_the_uri_that_gstreamer_writes(producer: Producer, signalling_uri: str) -> None:
    address = signalling_uri.removeprefix("ws://")
    with connect(f"gstwebrtc://{address}?peer-id={producer.peer_id}") as session:
        assert session.peer_id == producer.peer_id


def test_connect_closes_all_when_the_producer_leaves(signalling_uri: str) -> None:
    producer = Producer(signalling_uri, name="robot").start()
    connect(signalling_uri, name="robot")
    producer.close()

    def threads() -> list[str]:
        return [thread.name for thread in threading.enumerate() if thread.name.startswith("gss-consumer")]

    wait_until(lambda: not threads(), "the consumer that connect() made is closed")


def test_connect_to_a_producer_that_leaves_at_once_closes_all(
    embedded_server: SignallingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    robot = Producer(embedded_server.uri, name="robot")
    start_session = Consumer._start_session

    def start_and_lose(consumer: Consumer, *arguments: Any, **options: bool) -> Session:
        session = start_session(consumer, *arguments)
        closed = Heard(session.closed)
        robot.close()
        closed.next()
        return session

    monkeypatch.setattr(Consumer, "_start_session", start_and_lose)
    with robot:
        session = connect(embedded_server.uri, name="robot")
    assert session.state == "closed"
    wait_until(lambda: not embedded_server.peers, "the consumer that connect() made has left")


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


def test_session_that_comes_while_the_producer_is_being_closed_is_refused(embedded_server: SignallingServer) -> None:
    robot = Producer(embedded_server.uri, name="robot").start()
    with Consumer(embedded_server.uri) as consumer, SignallingClient(embedded_server.uri) as late:
        consumer.start_session(name="robot").create_channel("data")
        ended = Heard(late.session_ended)
        robot_id = robot.peer_id or ""
        channel = robot.wait_for_session().channel("data")
        with ThreadPoolExecutor() as pool:
            with unacknowledged(channel):
                closing = pool.submit(robot.close, 20)
                wait_until(lambda: robot._is_closing, "it is being closed")
                late.start_session(robot_id)
                assert "being closed" in ended.next()["error"]
                assert not closing.done()
            closing.result(20)
    assert robot._sessions == {}


def test_close_ends_a_start_that_waits_for_the_server() -> None:
    def welcome_and_be_silent(conversation: Conversation) -> None:
        conversation.welcome()
        conversation.hold()

    with signalling_server(welcome_and_be_silent) as uri, ThreadPoolExecutor() as pool:
        robot = Producer(uri, name="robot")
        starting = pool.submit(robot.start, 20)
        wait_until(lambda: robot.peer_id is not None, "it waits to be registered")
        robot.close(timeout=5)
        with pytest.raises(ConnectionLost):
            starting.result(5)
        assert robot.peer_id is None


def test_start_after_a_lost_connection_connects_again() -> None:
    connections = []

    def welcome_and_leave(conversation: Conversation) -> None:
        connections.append(conversation)
        conversation.welcome()
        if len(connections) == 1:
            conversation.expect("startSession")
        else:
            conversation.hold()

    class SlowLog(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            time.sleep(0.3)

    logger = logging.getLogger("gst_signalling_sync.signalling.exchange")
    slow_log = SlowLog()
    logger.addHandler(slow_log)
    try:
        with signalling_server(welcome_and_leave) as uri, Consumer(uri) as consumer:
            with pytest.raises(ConnectionLost):
                consumer.start_session("robot")
            consumer.start()
            assert len(connections) == 2
    finally:
        logger.removeHandler(slow_log)


def test_serve_forever_ends_with_the_signalling_connection_where_it_is_not_made_again() -> None:
    server = SignallingServer(port=0).start()
    with Producer(server.uri, retry=None) as producer:
        threading.Timer(0.2, server.close).start()
        with pytest.raises(ConnectionLost, match="lost"):
            producer.serve_forever()


def test_serve_forever_ends_with_close(signalling_uri: str) -> None:
    with Producer(signalling_uri) as producer:
        threading.Timer(0.2, producer.close).start()
        producer.serve_forever()
    assert producer.peer_id is None


def test_interrupted_start_session_ends_the_session(embedded_server: SignallingServer) -> None:
    script = (
        "import sys\n"
        "from gst_signalling_sync import Consumer\n"
        "with Consumer(sys.argv[1]) as consumer:\n"
        "    print('waiting', flush=True)\n"
        "    consumer.start_session(timeout=60)\n"
    )
    hold = threading.Event()
    with Producer(embedded_server.uri) as producer:
        ended = Heard(producer.session_ended)
        requested = Heard(producer.session_requested)
        producer.session_requested.connect(lambda _, session: hold.wait(20))
        with subprocess.Popen(
            [sys.executable, "-c", script, embedded_server.uri], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            requested.next()
            os.kill(process.pid, signal.SIGINT)
            assert process.wait(10) != 0
            assert process.stderr.read().strip().endswith(b"KeyboardInterrupt")
        hold.set()
        ended.next()
        assert not embedded_server.sessions


def test_stats_name_what_the_w3c_names(producer: Producer, consumer: Consumer) -> None:
    session = consumer.start_session()
    session.channel("data").send("four")
    stats = [entry for entry in session.stats().values() if entry["type"] == "data-channel"]
    assert [(entry["label"], entry["messagesSent"], entry["bytesSent"]) for entry in stats] == [("data", 1, 4)]


def test_renegotiation_offer_is_answered(embedded_server: SignallingServer) -> None:
    with Producer(embedded_server.uri) as producer, Consumer(embedded_server.uri) as consumer:
        producer.add_channel("data")
        session = consumer.start_session()
        channel = session.channel("data")
        wait_until(lambda: producer.sessions, "the producer is connected")
        ours = producer.sessions[0]
        connection = ours.peer_connection
        assert connection is not None
        states: list[str] = []
        connection.on("signalingstatechange", lambda: states.append(connection.signalingState))
        ours.link.start_as_offerer(())
        wait_until(lambda: states == ["have-local-offer", "stable"], "the second offer is answered")
        assert "a=setup:passive" in connection.remoteDescription.sdp
        channel.send("after")
        assert ours.channel("data").recv() == "after"


def test_dtls_client_stays_the_client_in_a_renegotiation(embedded_server: SignallingServer) -> None:
    with Producer(embedded_server.uri, name="robot") as producer, Consumer(embedded_server.uri) as consumer:
        session = consumer.start_session(offer=True)
        ours = producer.wait_for_session()
        connection = ours.peer_connection
        assert connection is not None
        ours.link.start_as_offerer(())
        wait_until(
            lambda: connection.signalingState == "stable" and connection.remoteDescription.type == "answer",
            "the second offer is answered",
        )
        assert "a=setup:active" in connection.remoteDescription.sdp
        session.create_channel("data").send("after")
        assert ours.channel("data").recv() == "after"


def test_requests_before_start_say_what_to_do() -> None:
    with pytest.raises(ConnectionLost, match="not started"):
        Consumer("ws://127.0.0.1:1").start_session()


def test_producer_keeps_its_meta_and_name(signalling_uri: str) -> None:
    with Producer(signalling_uri, name="robot", meta={"model": 7}), SignallingClient(signalling_uri) as client:
        assert [peer.meta for peer in client.list_producers()] == [{"model": 7, "name": "robot"}]


def test_name_needs_an_object_to_go_into() -> None:
    with pytest.raises(ValueError, match="must be an object"):
        Producer(name="robot", meta=[1])


def test_default_address_comes_from_the_environment(
    embedded_server: SignallingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GST_SIGNALLING_URI", embedded_server.uri)
    with Producer(name="robot") as producer, connect(name="robot") as session:
        assert session.peer_id == producer.peer_id


def test_producer_waits_for_a_session(producer: Producer, consumer: Consumer) -> None:
    theirs = consumer.start_session()
    assert producer.wait_for_session().id == theirs.id
    with pytest.raises(WaitTimeout, match=r"a consumer .* none within 0\.1 s"):
        producer.wait_for_session(timeout=0.1)


def test_session_that_a_role_starts_itself_is_not_waited_for(signalling_uri: str) -> None:
    with Producer(signalling_uri) as producer, Consumer(signalling_uri, passive=True) as passive:
        assert passive.peer_id is not None
        producer.start_session(passive.peer_id)
        with pytest.raises(WaitTimeout):
            producer.wait_for_session(timeout=0.1)


def test_channel_added_while_a_session_runs(producer: Producer, consumer: Consumer) -> None:
    session = consumer.start_session()
    late = producer.add_channel("late")
    channel = session.channel("late")
    wait_until(lambda: late.channels, "the producer has it")
    late.send("hello")
    assert channel.recv() == "hello"


def test_roles_tell_that_signalling_is_lost_and_start_anew() -> None:
    with reserved_port() as port, SignallingServer(port=port) as server, Producer(server.uri, name="robot") as producer:
        lost = Heard(producer.connection_lost)
        server.close()
        assert isinstance(lost.next()["error"], ConnectionLost)
        with SignallingServer(port=port):
            producer.start()
            with connect(producer.uri, name="robot") as session:
                assert session.peer_id == producer.peer_id


def test_peer_id_in_the_environments_address(
    embedded_server: SignallingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Producer(embedded_server.uri), Producer(embedded_server.uri) as second:
        monkeypatch.setenv(
            "GST_SIGNALLING_URI", f"gstwebrtc://127.0.0.1:{embedded_server.port}?peer-id={second.peer_id}"
        )
        with connect() as session:
            assert session.peer_id == second.peer_id
