"""H2, S3: a producer is asked for any number of sessions, without an effect on peers that have or request one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from queue import SimpleQueue
from typing import Any

import pytest

from gst_signalling_sync import (
    Consumer,
    Producer,
    ServerLimits,
    SessionClosed,
    SessionLimits,
    SignallingServer,
    connect,
)

from ..helpers.hostile import PEER_ID, Conversation, signalling_server
from ..helpers.proofs import short_and_long
from ..helpers.raw_peer import RawPeer
from ..helpers.strangers import attacking, connected, message
from ..helpers.waiting import Heard, wait_until
from ..peers.reference import run_reference_server
from .crowd import AttackedProducer, Operator, reading
from .victim import Robot

MIB = 2**20

STRANGERS = 10

MESSAGE_GAP_SECONDS = 0.1
FRAME_GAP_SECONDS = 0.2
CONNECT_SECONDS = 2.0


@pytest.fixture(params=["embedded", pytest.param("reference", marks=pytest.mark.interop)])
def port(request: pytest.FixtureRequest) -> Iterator[int]:
    """The port of a server that lets a crowd request as many sessions as it likes."""
    with ExitStack() as stack:
        if request.param == "reference":
            yield stack.enter_context(run_reference_server()).port
        else:
            yield stack.enter_context(SignallingServer(port=0, limits=ServerLimits.unlimited())).port


@pytest.mark.alone
@pytest.mark.usefixtures("_not_measured", "_ahead_of_other_programs")
@short_and_long("asked", 2_000, 20_000)
def test_crowd_asks_for_sessions_without_end(port: int, asked: int) -> None:
    uri = f"ws://127.0.0.1:{port}"
    with ExitStack() as stack:
        producer = stack.enter_context(AttackedProducer(uri))
        operator = stack.enter_context(Operator(uri))
        machine = stack.enter_context(Robot(None))
        with connect(uri, name="robot"):
            before = producer.resident_bytes()
        strangers = stack.enter_context(connected(port, STRANGERS, receive_buffer=2**20))
        requests = message("startSession", peerId=producer.peer_id) * (asked // STRANGERS)
        operator.tell()
        machine.tell()

        with (
            reading(strangers),
            attacking(*(lambda stranger=stranger: stranger.flood(requests, 60) for stranger in strangers)),
        ):
            begin = time.monotonic()
            with connect(uri, name="robot"):
                waited = time.monotonic() - begin
            most = producer.resident_bytes()

        late = machine.tell()["late"][-1]
        noticed = operator.tell()
        assert waited < CONNECT_SECONDS + late
        assert noticed["messages"]["gap"] < MESSAGE_GAP_SECONDS + late
        assert noticed["frames"]["gap"] < FRAME_GAP_SECONDS + late
        assert most - before < 50 * MIB
        wait_until(lambda: producer.tell()["sessions"] == 1, "only the operator is left", 30)
        assert producer.resident_bytes() - before < 50 * MIB
        assert producer.tell()["log_lines"] < 10


def test_no_more_sessions_than_the_maximum_and_those_beyond_it_are_told(signalling_uri: str) -> None:
    with Producer(signalling_uri, name="robot", max_sessions=1) as producer:
        producer.add_channel("data")
        with connect(signalling_uri, name="robot"), pytest.raises(SessionClosed) as refused:
            connect(signalling_uri, name="robot")

        assert refused.value.reason in ("busy", "left")
        wait_until(lambda: not producer.sessions, "the first has ended")
        connect(signalling_uri, name="robot").close()


def test_reason_is_busy_where_the_server_tells_it(embedded_server: SignallingServer) -> None:
    with (
        Producer(embedded_server.uri, name="robot", limits=SessionLimits(sessions=1)),
        connect(embedded_server.uri, name="robot"),
        pytest.raises(SessionClosed, match="as many as this end takes") as refused,
    ):
        connect(embedded_server.uri, name="robot")

    assert refused.value.reason == "busy"


def test_sessions_up_to_the_maximum_all_begin_when_they_are_asked_for_at_once() -> None:
    with (
        SignallingServer(port=0, limits=ServerLimits.unlimited()) as server,
        Producer(server.uri, limits=SessionLimits(sessions=24)) as producer,
        Consumer(server.uri) as consumer,
        ThreadPoolExecutor(24) as threads,
    ):
        sessions = list(threads.map(lambda _: consumer.start_session(producer.peer_id, timeout=60), range(24)))

        assert all(session.is_open for session in sessions)


def test_what_ended_while_it_waited_never_begins(embedded_server: SignallingServer) -> None:
    limits = SessionLimits(connecting=1)
    with (
        Producer(embedded_server.uri, limits=limits) as producer,
        RawPeer(embedded_server.uri) as first,
        RawPeer(embedded_server.uri) as second,
    ):
        requested = Heard(producer.session_requested)
        first.send("startSession", peerId=producer.peer_id)
        assert requested.next()["session"].peer_id == first.id
        waiting = second.request("startSession", peerId=producer.peer_id)
        second.send("endSession", sessionId=waiting["sessionId"])
        assert second.hears_nothing()
        first.close()
        with RawPeer(embedded_server.uri) as third:
            third.send("startSession", peerId=producer.peer_id)

            assert requested.next()["session"].peer_id == third.id


def test_session_that_is_asked_for_again_goes_on_and_begins_once() -> None:
    def ask_again(server: Conversation) -> None:
        server.welcome()
        server.expect("list")
        server.send("list", producers=[])
        for session_id in ("one", "one", "two"):
            server.send("startSession", peerId="rude", sessionId=session_id)
        server.serve()

    with signalling_server(ask_again) as uri:
        producer = Producer(uri)
        requested = Heard(producer.session_requested)
        with producer:
            assert [requested.next()["session"].id for _ in range(2)] == ["one", "two"]


def test_peer_has_no_session_with_itself() -> None:
    refused: SimpleQueue[dict[str, Any]] = SimpleQueue()

    def ask_for_itself(server: Conversation) -> None:
        server.welcome()
        server.expect("list")
        server.send("list", producers=[])
        server.send("startSession", peerId=PEER_ID, sessionId="own")
        refused.put(server.expect("endSessionV1_1"))
        server.serve()

    with signalling_server(ask_for_itself) as uri, Producer(uri):
        assert "with itself" in refused.get(timeout=10)["error"]


def test_offer_that_is_too_long_to_be_one_is_refused_before_it_waits(embedded_server: SignallingServer) -> None:
    offers: SimpleQueue[dict[str, Any]] = SimpleQueue()

    def ask_at_length(server: Conversation) -> None:
        server.welcome()
        server.expect("list")
        server.send("list", producers=[])
        server.send("startSession", peerId="rude", sessionId="long", offer="v=0" * 100_000)
        offers.put(server.expect("endSessionV1_1"))
        server.serve()

    with signalling_server(ask_at_length) as uri, Producer(uri):
        assert "300000 characters" in offers.get(timeout=10)["error"]


def test_flood_of_requests_is_one_line_and_a_count(caplog: pytest.LogCaptureFixture) -> None:
    with (
        SignallingServer(port=0, limits=ServerLimits.unlimited()) as server,
        Producer(server.uri) as producer,
        RawPeer(server.uri) as rude,
    ):
        for _ in range(500):
            rude.send("startSession", peerId=producer.peer_id)
        ended = 0
        while ended < 400:
            ended += rude.receive()["type"] == "endSession"

    assert sum("asks for too many" in line or "is refused" in line for line in caplog.messages) == 1
