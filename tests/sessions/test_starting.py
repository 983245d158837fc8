"""The start of a session, asked for by a consumer or by a producer, and the waits in it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from queue import SimpleQueue

import pytest

from gst_signalling_sync import (
    ConnectionLost,
    Consumer,
    IceOptions,
    PeerNotFound,
    PeerWaitTimeout,
    Producer,
    Rate,
    ServerError,
    Session,
    SessionClosed,
    SessionLimits,
    SignallingClient,
    SignallingServer,
    WaitTimeout,
)
from gst_signalling_sync.signalling.pending import PendingRequest
from gst_signalling_sync.threads.waiting import Deadline
from gst_signalling_sync.webrtc.link import Link

from ..helpers.hostile import Conversation, signalling_server
from ..helpers.waiting import Heard, wait_until, wait_until_waiting

SECONDS = 10.0


def test_session_by_peer_id(producer: Producer, consumer: Consumer) -> None:
    session = consumer.start_session(peer_id=producer.peer_id)
    assert session.state == "connected"
    assert session.peer_id == producer.peer_id


def test_session_by_name(producer: Producer, consumer: Consumer) -> None:
    assert consumer.start_session(name="robot").peer_id == producer.peer_id


def test_session_with_the_first_producer_there_is(producer: Producer, consumer: Consumer) -> None:
    assert consumer.start_session().peer_id == producer.peer_id


def test_session_with_a_producer_that_is_still_to_come(signalling_uri: str, consumer: Consumer) -> None:
    with ThreadPoolExecutor() as pool:
        starting = pool.submit(consumer.start_session, name="late")
        wait_until_waiting(consumer.start_session)
        with Producer(signalling_uri, name="late"):
            assert starting.result(SECONDS).state == "connected"


def test_unknown_peer_id(consumer: Consumer) -> None:
    with pytest.raises(PeerNotFound, match="nobody"):
        consumer.start_session(peer_id="nobody")


def test_unknown_name_names_those_that_there_are(producer: Producer, consumer: Consumer) -> None:
    with pytest.raises(PeerWaitTimeout, match=r"'other'.*within 1 s.*'robot'"):
        consumer.start_session(name="other", timeout=1)


def test_registration_as_a_listener_that_was_answered_too_late_is_made_again() -> None:
    given_up = threading.Event()
    wanted: SimpleQueue[str] = SimpleQueue()
    robot = {"id": "11111111-0000-4000-8000-000000000001", "meta": {"name": "robot"}}

    def script(server: Conversation) -> None:
        server.welcome()
        server.expect("list")
        server.send("list", producers=[])
        # A consumer that finds no producer registers as a listener, and asks for a list to see that it was accepted.
        server.expect("setPeerStatus")
        server.expect("list")
        given_up.wait(SECONDS)
        server.send("list", producers=[robot])
        while (message := server.receive())["type"] != "startSession":
            if message["type"] == "list":
                server.send("list", producers=[robot])
        wanted.put(message["peerId"])

    with signalling_server(script) as uri, Consumer(uri, timeout=SECONDS) as consumer, ThreadPoolExecutor() as pool:
        with pytest.raises(WaitTimeout, match="did not answer"):
            consumer.start_session(name="robot", timeout=0.3)
        given_up.set()
        starting = pool.submit(consumer.start_session, name="robot")

        assert wanted.get(timeout=SECONDS) == robot["id"]

        consumer.close(0.0)
        with pytest.raises(ConnectionLost):
            starting.result(SECONDS)


def test_callable_for_ice_servers_that_hangs_has_one_thread_and_delays_no_close(
    producer: Producer, signalling_uri: str
) -> None:
    go_on = threading.Event()
    asked: list[None] = []

    def servers() -> list[str]:
        asked.append(None)
        go_on.wait(SECONDS)
        return []

    with Consumer(signalling_uri, ice=IceOptions(servers)) as consumer:
        for _ in range(3):
            with pytest.raises(WaitTimeout):
                consumer.start_session(name="robot", timeout=0.3)
        assert len(asked) == 1

        go_on.set()
        assert consumer.start_session(name="robot").state == "connected"


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


def test_passive_consumer_keeps_the_offer_of_a_session_that_has_to_wait(signalling_uri: str) -> None:
    limits = SessionLimits(session_starts=Rate(2, burst=1))
    with (
        Consumer(signalling_uri, passive=True, limits=limits) as station,
        ExitStack() as stack,
        ThreadPoolExecutor() as pool,
    ):
        assert station.peer_id is not None
        robots = [stack.enter_context(Producer(signalling_uri, name=f"robot {number}")) for number in range(3)]
        for robot in robots:
            robot.add_channel("data")
        starting = [pool.submit(robot.start_session, station.peer_id) for robot in robots]

        assert {each.result(SECONDS).state for each in starting} == {"connected"}
        assert len({station.wait_for_session().peer_id for _ in robots}) == len(robots)


def test_ctrl_c_just_after_the_answer_leaves_no_session(
    embedded_server: SignallingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Producer(embedded_server.uri) as producer, Consumer(embedded_server.uri, passive=True) as passive:
        assert passive.peer_id is not None
        wait = PendingRequest.wait

        def wait_and_be_interrupted(request: PendingRequest, deadline: Deadline, doing: str) -> None:
            wait(request, deadline, doing)
            raise KeyboardInterrupt

        monkeypatch.setattr(PendingRequest, "wait", wait_and_be_interrupted)
        with pytest.raises(KeyboardInterrupt):
            producer.start_session(passive.peer_id, timeout=60)

        wait_until(lambda: not embedded_server.sessions, "the session has ended", SECONDS)


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


def test_the_offer_waits_for_channels_added_on_request(producer: Producer, consumer: Consumer) -> None:
    @producer.session_requested.connect
    def on_request(_: Producer, session: Session) -> None:
        session.create_channel("only for you").send("welcome")

    assert consumer.start_session().channel("only for you").recv() == "welcome"


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
        # Each answer comes after the messages before it: the server has the candidate, and then the producer.
        client.list_producers()
        with pytest.raises(PeerNotFound):
            producer.start_session("nobody")
        release.set()
        wait_until(lambda: getattr(session.peer_connection, "sctp", None), "the offer is applied")

        def remote_hosts() -> list[str]:
            # Looked up each time, because bundling replaces the transport while the offer is applied.
            ice = session.peer_connection.sctp.transport.transport
            return [candidate.ip for candidate in ice.getRemoteCandidates()]

        wait_until(lambda: "192.0.2.77" in remote_hosts(), "the candidate is given to ICE")


def test_session_that_cannot_begin_for_an_unforeseen_reason_takes_no_place(
    signalling_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(link: Link, channels: Sequence[object]) -> None:
        raise KeyError("a defect")

    with Producer(signalling_uri, name="robot", max_sessions=1) as producer, Consumer(signalling_uri) as consumer:
        with monkeypatch.context() as patch:
            patch.setattr(Link, "start_as_offerer", fail)
            with pytest.raises(SessionClosed):
                consumer.start_session(producer.peer_id)

        assert consumer.start_session(producer.peer_id).state == "connected"


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
