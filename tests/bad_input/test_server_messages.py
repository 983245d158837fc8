"""Invalid and unexpected messages of a server."""

from __future__ import annotations

import logging
import re
import threading
import time

import pytest

from gst_signalling_sync import ConnectionLost, Consumer, Listener, SignallingClient, WaitTimeout

from ..helpers.hostile import BINARY, FIN, Conversation, frame, signalling_server
from ..helpers.waiting import Heard
from .junk import JUNK

SECONDS = 10.0


@pytest.mark.parametrize("junk", JUNK)
def test_junk_is_dropped_with_a_log_line(junk: str, caplog: pytest.LogCaptureFixture) -> None:
    def speak_junk(server: Conversation) -> None:
        server.welcome()
        server.send_text(JUNK[junk])
        server.serve()

    with signalling_server(speak_junk) as uri, SignallingClient(uri) as client:
        assert client.list_producers(timeout=SECONDS) == []

    [record] = caplog.records
    assert (record.levelno, record.exc_info) == (logging.WARNING, None)
    assert f"{uri}: dropped a message of the server" in record.getMessage()
    assert len(record.getMessage()) < 1000


def test_junk_does_not_take_the_place_of_an_answer() -> None:
    def speak_junk_first(server: Conversation) -> None:
        server.welcome()
        server.expect("list")
        server.send_text('{"type": "list", "producers": 5}')
        server.send("list", producers=[])
        server.hold()

    with signalling_server(speak_junk_first) as uri, SignallingClient(uri) as client:
        assert client.list_producers() == []


def test_binary_message_is_dropped_with_a_log_line(caplog: pytest.LogCaptureFixture) -> None:
    def send_bytes(server: Conversation) -> None:
        server.welcome()
        server.send_raw(frame(FIN | BINARY, b'{"type": "list", "producers": []}'))
        server.serve()

    with signalling_server(send_bytes) as uri, SignallingClient(uri) as client:
        assert client.list_producers() == []

    [record] = caplog.records
    assert re.search(f"{uri}.*binary", record.getMessage())


def test_second_welcome_is_dropped_with_a_log_line(caplog: pytest.LogCaptureFixture) -> None:
    def welcome_twice(server: Conversation) -> None:
        server.welcome("first")
        server.welcome("second")
        server.serve()

    with signalling_server(welcome_twice) as uri, SignallingClient(uri) as client:
        assert client.list_producers() == []
        assert client.peer_id == "first"

    [record] = caplog.records
    assert "welcome" in record.getMessage()


def test_unknown_keys_are_ignored(caplog: pytest.LogCaptureFixture) -> None:
    def be_verbose(server: Conversation) -> None:
        server.send("welcome", peerId="me", weather="fine")
        server.serve()

    with signalling_server(be_verbose) as uri, SignallingClient(uri) as client:
        assert client.list_producers() == []

    assert not caplog.records


def test_error_that_nobody_caused_is_a_log_line(caplog: pytest.LogCaptureFixture) -> None:
    def complain(server: Conversation) -> None:
        server.welcome()
        server.send("error", details="I am tired")
        server.serve()

    with signalling_server(complain) as uri:
        client = SignallingClient(uri)
        complained = Heard(client.error_received)
        with client:
            assert complained.next() == {"details": "I am tired"}
            assert client.list_producers() == []

    assert "I am tired" in caplog.text


def test_list_of_thousands_of_producers_is_taken() -> None:
    producers = [{"id": f"robot {number}", "meta": {"name": "x" * 500}} for number in range(10_000)]

    def list_many(server: Conversation) -> None:
        server.welcome()
        server.expect("list")
        server.send("list", producers=producers)
        server.hold()

    with signalling_server(list_many) as uri, SignallingClient(uri) as client:
        assert len(client.list_producers()) == 10_000


def test_server_that_dies_while_a_consumer_waits_for_its_session() -> None:
    def die(server: Conversation) -> None:
        server.welcome()
        server.expect("startSession")

    with (
        signalling_server(die) as uri,
        Consumer(uri) as consumer,
        pytest.raises(ConnectionLost, match=f"connection to {uri} lost"),
    ):
        consumer.start_session("robot", timeout=SECONDS)


def test_server_that_never_starts_the_session() -> None:
    def ignore(server: Conversation) -> None:
        server.welcome()
        server.hold()

    with signalling_server(ignore) as uri, Consumer(uri) as consumer:
        begin = time.monotonic()

        with pytest.raises(WaitTimeout, match=rf"session with peer robot at {uri}.*0\.2 s"):
            consumer.start_session("robot", timeout=0.2)

        assert time.monotonic() - begin < 4


def test_session_that_nobody_asked_for_is_dropped_with_a_log_line(caplog: pytest.LogCaptureFixture) -> None:
    refused = threading.Event()

    def impose(server: Conversation) -> None:
        server.welcome()
        server.send("sessionStarted", peerId="stranger", sessionId="imposed")
        if server.expect("endSession")["sessionId"] == "imposed":
            refused.set()
        server.hold()

    with signalling_server(impose) as uri, Consumer(uri):
        assert refused.wait(SECONDS)

    assert "stranger" in caplog.text


def test_session_that_is_asked_of_a_listener_disturbs_nothing() -> None:
    def confuse(server: Conversation) -> None:
        server.welcome()
        server.expect("list")
        server.send("list", producers=[])
        server.send("startSession", peerId="stranger", sessionId="imposed")
        server.send("sessionStarted", peerId="stranger", sessionId="imposed too")
        server.send("peer", sessionId="imposed", sdp={"type": "offer", "sdp": "v=0"})
        server.send("peerStatusChanged", peerId="robot", roles=["producer"], meta=None)
        server.hold()

    with signalling_server(confuse) as uri, Listener(uri) as listener:
        assert listener.wait_for_producer().id == "robot"
