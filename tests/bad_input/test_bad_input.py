"""Servers and peers that misbehave: each causes a clear error, or is dropped with a line in the log, and all else goes on."""

from __future__ import annotations

import json
import logging
import re
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pytest

import gst_signalling_sync
from gst_signalling_sync import (
    ConnectError,
    ConnectionLost,
    ConnectTimeout,
    Consumer,
    DataChannel,
    Listener,
    PeerNotFound,
    PeerWaitTimeout,
    Producer,
    ProtocolError,
    ServerError,
    ServerLimits,
    SessionClosed,
    SignallingClient,
    SignallingError,
    SignallingServer,
    WaitTimeout,
    connect,
    find_producer,
    list_producers,
)

from ..helpers.hostile import (
    BINARY,
    CLOSE,
    CONTINUATION,
    FIN,
    PING,
    TEXT,
    Conversation,
    frame,
    signalling_server,
    tcp_server,
)
from ..helpers.ports import reserved_port
from ..helpers.raw_peer import RawPeer
from ..helpers.waiting import Heard, wait_until

SECONDS = 10.0

# No server, or another program

CALLS: dict[str, Callable[[str], object]] = {
    "SignallingClient": lambda uri: SignallingClient(uri).connect(),
    "Producer": lambda uri: Producer(uri).start(),
    "Consumer": lambda uri: Consumer(uri).start(),
    "Listener": lambda uri: Listener(uri).start(),
    "connect": connect,
    "list_producers": list_producers,
    "find_producer": lambda uri: find_producer("robot", uri),
}


@pytest.mark.parametrize("call", CALLS)
def test_server_that_is_absent(call: str) -> None:
    with reserved_port() as port:
        uri = f"ws://127.0.0.1:{port}"
        begin = time.monotonic()

        with pytest.raises(ConnectError, match=rf"{uri}: nothing listens there.*gst-signalling-sync serve"):
            CALLS[call](uri)

        assert time.monotonic() - begin < 4


def test_host_that_is_unknown() -> None:
    with pytest.raises(ConnectError, match=r"ws://nowhere\.invalid:8443: no address is known for that host name"):
        SignallingClient("ws://nowhere.invalid:8443").connect(timeout=SECONDS)


def connect_error(script: Callable[[socket.socket], object]) -> str:
    """The error that `connect` raises at a TCP server, which must be immediate."""
    with tcp_server(script) as uri:
        begin = time.monotonic()
        with pytest.raises(ConnectError, match=uri) as caught:
            SignallingClient(uri).connect(timeout=SECONDS)
        assert time.monotonic() - begin < 4
        assert not isinstance(caught.value, ConnectTimeout)
    return str(caught.value)


def after_request(answer: bytes) -> Callable[[socket.socket], None]:
    """A script that reads a request and answers it."""

    def script(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(answer)

    return script


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.0 500 Internal Server Error\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n",
        b"HTTP/1.1 302 Found\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n",
        b"\r\n",
        bytes(range(256)),
        b"\xff" * 1000 + b"\n",
    ],
)
def test_server_that_speaks_something_else(answer: bytes) -> None:
    assert "not a WebSocket server" in connect_error(after_request(answer))


def test_server_that_closes_at_once() -> None:
    connect_error(lambda connection: None)


def test_server_that_closes_after_the_request() -> None:
    connect_error(after_request(b""))


def test_server_without_tls_where_tls_is_wanted() -> None:
    with tcp_server(after_request(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as uri:
        secure = uri.replace("ws://", "wss://")

        with pytest.raises(ConnectError, match=secure):
            SignallingClient(secure).connect(timeout=SECONDS)


def stay_silent(connection: socket.socket) -> None:
    while connection.recv(4096):
        pass


@pytest.mark.parametrize("scheme", ["ws", "wss"])
def test_server_that_accepts_and_never_answers(scheme: str) -> None:
    with tcp_server(stay_silent) as plain_uri:
        uri = plain_uri.replace("ws", scheme)
        begin = time.monotonic()

        with pytest.raises(ConnectTimeout, match=rf"{uri}: .*did not answer.* within 0\.2 s"):
            SignallingClient(uri).connect(timeout=0.2)

        assert 0.2 <= time.monotonic() - begin < 4


@pytest.mark.parametrize("role", [Producer, Consumer, Listener])
def test_role_at_a_server_that_never_answers(role: type[Producer | Consumer | Listener]) -> None:
    with tcp_server(stay_silent) as uri:
        begin = time.monotonic()

        with pytest.raises(ConnectTimeout, match=uri):
            role(uri, timeout=0.2).start()

        assert time.monotonic() - begin < 4


@pytest.mark.parametrize("line", [b"X: y\r\n", b"x"])
def test_server_that_drips_its_handshake(line: bytes) -> None:
    stop = threading.Event()

    def drip(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\n")
        for byte in line * 1000:
            connection.sendall(bytes([byte]))
            if stop.wait(0.02):
                return

    with tcp_server(drip) as uri:
        begin = time.monotonic()
        try:
            with pytest.raises(ConnectTimeout, match=rf"{uri}.*within 0\.3 s"):
                SignallingClient(uri).connect(timeout=0.3)

            assert time.monotonic() - begin < 4
        finally:
            stop.set()


def test_server_that_floods_its_handshake() -> None:
    def flood(connection: socket.socket) -> None:
        while True:
            connection.sendall(b"x" * 65536)

    with tcp_server(flood) as uri:
        begin = time.monotonic()

        with pytest.raises(ConnectError, match=uri):
            SignallingClient(uri).connect(timeout=0.3)

        assert time.monotonic() - begin < 4


def test_server_that_claims_an_endless_page() -> None:
    def claim(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999999\r\n\r\n")
        stay_silent(connection)

    with tcp_server(claim) as uri, pytest.raises(ConnectError, match=f"{uri}.*not a WebSocket server"):
        SignallingClient(uri).connect(timeout=SECONDS)


# A WebSocket server of another kind


def test_server_that_never_welcomes() -> None:
    with signalling_server(Conversation.hold) as uri:
        begin = time.monotonic()

        with pytest.raises(ConnectTimeout, match=rf"{uri}: no welcome within 1 s.*does not speak the signalling"):
            SignallingClient(uri).connect(timeout=1)

        assert time.monotonic() - begin < 4


def test_server_that_closes_before_its_welcome() -> None:
    with (
        signalling_server(lambda server: server.send_raw(frame(FIN | CLOSE, b"\x03\xe8"))) as uri,
        pytest.raises(ConnectionLost, match=f"connection to {uri} lost"),
    ):
        SignallingClient(uri).connect(timeout=SECONDS)


def test_server_that_drips_its_welcome() -> None:
    def drip(server: Conversation) -> None:
        for byte in frame(FIN | TEXT, b'{"type": "welcome", "peerId": "slowly"}'):
            server.send_raw(bytes([byte]))
            time.sleep(0.001)
        server.serve()

    with signalling_server(drip) as uri, SignallingClient(uri) as client:
        assert client.peer_id == "slowly"
        assert client.list_producers() == []


@pytest.mark.parametrize("peer_id", [None, 5, [], {}, True])
def test_welcome_without_a_usable_peer_id(peer_id: Any, caplog: pytest.LogCaptureFixture) -> None:
    def welcome(server: Conversation) -> None:
        server.welcome(peer_id)
        server.serve()

    with signalling_server(welcome) as uri, pytest.raises(ConnectTimeout, match="no welcome"):
        SignallingClient(uri).connect(timeout=1)

    assert "'peerId' must be a string" in caplog.text


# Invalid messages of a server


def deep(levels: int) -> str:
    return "[" * levels + "]" * levels


JUNK: dict[str, str] = {
    "empty": "",
    "no JSON": "hello",
    "half of JSON": '{"type": "list", "producers": [',
    "not an object": "[]",
    "null": "null",
    "no type": "{}",
    "type null": '{"type": null}',
    "type a number": '{"type": 5}',
    "type a list": '{"type": []}',
    "unknown type": '{"type": "surprise"}',
    "type of a request": '{"type": "setPeerStatus", "roles": []}',
    "very deep": deep(100_000),
    "very deep meta": '{"type": "peerStatusChanged", "peerId": "x", "roles": [], "meta": ' + deep(100_000) + "}",
    "endless number": '{"type": "peer", "sessionId": "x", "ice": {"candidate": "", "sdpMLineIndex": '
    + "9" * 5000
    + "}}",
    "long": '"' + "x" * 1_000_000 + '"',
    "list without producers": '{"type": "list"}',
    "producers null": '{"type": "list", "producers": null}',
    "producers of numbers": '{"type": "list", "producers": [1, 2]}',
    "producer without id": '{"type": "list", "producers": [{"meta": null}]}',
    "producer with id null": '{"type": "list", "producers": [{"id": null}]}',
    "consumers an object": '{"type": "listConsumers", "consumers": {}}',
    "roles null": '{"type": "peerStatusChanged", "peerId": "x", "roles": null}',
    "role unknown": '{"type": "peerStatusChanged", "peerId": "x", "roles": ["king"]}',
    "role a list": '{"type": "peerStatusChanged", "peerId": "x", "roles": [[]]}',
    "session id a number": '{"type": "sessionStarted", "peerId": "x", "sessionId": 5}',
    "session without peer": '{"type": "sessionStarted", "sessionId": "x"}',
    "offer a number": '{"type": "startSession", "peerId": "x", "sessionId": "x", "offer": 5}',
    "end of nothing": '{"type": "endSession"}',
    "error an object": '{"type": "endSessionV1_1", "sessionId": "x", "error": {}}',
    "neither sdp nor ice": '{"type": "peer", "sessionId": "x"}',
    "both sdp and ice": '{"type": "peer", "sessionId": "x", "sdp": {}, "ice": {}}',
    "sdp a string": '{"type": "peer", "sessionId": "x", "sdp": "v=0"}',
    "sdp of unknown type": '{"type": "peer", "sessionId": "x", "sdp": {"type": "pranswer", "sdp": ""}}',
    "sdp bytes": '{"type": "peer", "sessionId": "x", "sdp": {"type": "offer", "sdp": [1, 2]}}',
    "candidate null": '{"type": "peer", "sessionId": "x", "ice": {"candidate": null, "sdpMLineIndex": 0}}',
    "line index a string": '{"type": "peer", "sessionId": "x", "ice": {"candidate": "", "sdpMLineIndex": "0"}}',
    "line index negative": '{"type": "peer", "sessionId": "x", "ice": {"candidate": "", "sdpMLineIndex": -1}}',
    "line index a fraction": '{"type": "peer", "sessionId": "x", "ice": {"candidate": "", "sdpMLineIndex": 0.5}}',
    "error without details": '{"type": "error"}',
    "details a number": '{"type": "error", "details": 5}',
}


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


@pytest.mark.parametrize(
    "data",
    [
        frame(FIN | TEXT, b'{"type": "\xff\xfe"}'),
        frame(FIN | 0x3, b"reserved"),
        frame(FIN | 0x40 | TEXT, b"compressed"),
        frame(FIN | CONTINUATION, b"of nothing"),
        frame(TEXT, b"begun") + frame(FIN | TEXT, b"anew"),
        frame(PING, b"in parts"),
        frame(FIN | PING, b"x" * 200),
        frame(FIN | CLOSE, b"\x03"),
        frame(FIN | CLOSE, b"\x00\x00"),
        frame(FIN | CLOSE, b"\x03\xe8\xff"),
        b"\x81\xff" + b"\xff" * 8,
    ],
    ids=[
        "invalid UTF-8",
        "reserved opcode",
        "reserved bit",
        "continuation of nothing",
        "interleaved",
        "ping in parts",
        "long ping",
        "half a close code",
        "impossible close code",
        "close reason in no UTF-8",
        "masked and endless",
    ],
)
def test_what_is_no_websocket_frame_ends_the_connection(data: bytes, caplog: pytest.LogCaptureFixture) -> None:
    def break_the_protocol(server: Conversation) -> None:
        server.welcome()
        server.expect("list")
        server.send_raw(data)
        server.hold()

    with signalling_server(break_the_protocol) as uri, SignallingClient(uri) as client:
        lost = Heard(client.connection_lost)
        begin = time.monotonic()

        with pytest.raises(ConnectionLost, match=f"connection to {uri} lost: ."):
            client.list_producers(timeout=SECONDS)

        assert time.monotonic() - begin < 4
        assert isinstance(lost.next()["error"], ConnectionLost)
    assert f"connection to {uri} lost" in caplog.text


def test_frame_that_claims_to_be_enormous_ends_the_connection() -> None:
    def claim(server: Conversation) -> None:
        server.welcome()
        server.expect("list")
        server.send_raw(frame(FIN | TEXT, b"", length=2**62))
        server.hold()

    with signalling_server(claim) as uri, SignallingClient(uri) as client:
        begin = time.monotonic()

        with pytest.raises(ConnectionLost, match="at most 16777216 bytes"):
            client.list_producers(timeout=3)

        assert time.monotonic() - begin < 4


def test_message_without_an_end_ends_the_connection() -> None:
    def go_on_for_ever(server: Conversation) -> None:
        server.welcome()
        server.expect("list")
        server.send_raw(frame(TEXT, b"x"))
        while True:
            server.send_raw(frame(CONTINUATION, b"x" * 2**20))

    with (
        signalling_server(go_on_for_ever) as uri,
        SignallingClient(uri) as client,
        pytest.raises(ConnectionLost, match="at most 16777216 bytes"),
    ):
        client.list_producers(timeout=3)


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


# Producers with strange metas


METAS: list[Any] = [None, 5, -0.5, False, "robot", [], ["robot"], {}, {"name": None}, {"name": 5}, {"name": ["robot"]}]


@pytest.fixture
def client(embedded_server: SignallingServer) -> Iterator[SignallingClient]:
    with SignallingClient(embedded_server.uri) as client:
        yield client


@pytest.mark.parametrize("meta", METAS, ids=repr)
def test_producer_with_a_meta_without_a_name(client: SignallingClient, meta: Any) -> None:
    client.set_status(["producer"], meta)

    with Listener(client.uri) as listener:
        [peer] = listener.producers.values()

        assert peer.name is None
        assert peer.meta == meta
        with pytest.raises(PeerWaitTimeout, match=f"there are {client.peer_id}"):
            listener.wait_for_producer("robot", timeout=0.05)


@pytest.mark.parametrize("meta", METAS, ids=repr)
def test_producer_is_found_among_others_with_strange_metas(client: SignallingClient, meta: Any) -> None:
    client.set_status(["producer"], meta)

    with SignallingClient(client.uri) as robot:
        robot.set_status(["producer"], {"name": "robot"})

        assert find_producer("robot", client.uri).id == robot.peer_id


def test_peer_with_an_unhashable_meta_is_hashable(client: SignallingClient) -> None:
    client.set_status(["producer"], {"name": "robot", "list": [1]})

    assert set(client.list_producers())


# Peers with which no session is possible


@pytest.fixture
def consumer(embedded_server: SignallingServer) -> Iterator[Consumer]:
    with Consumer(embedded_server.uri) as consumer:
        yield consumer


def test_session_with_an_unknown_peer_id(consumer: Consumer) -> None:
    begin = time.monotonic()

    with pytest.raises(PeerNotFound, match=rf"peer nobody at {consumer.uri}"):
        consumer.start_session("nobody")

    assert time.monotonic() - begin < 4


def test_session_with_an_unknown_name(consumer: Consumer, client: SignallingClient) -> None:
    client.set_status(["producer"], {"name": "other"})
    begin = time.monotonic()

    with pytest.raises(PeerWaitTimeout, match=rf"'robot' at {consumer.uri}: none within 1 s; there are 'other'"):
        consumer.start_session(name="robot", timeout=1)

    assert time.monotonic() - begin < 4


def test_session_with_anybody_where_there_is_nobody(consumer: Consumer) -> None:
    with pytest.raises(PeerWaitTimeout, match=r"any producer.*there are no producers"):
        consumer.start_session(timeout=1)


def test_session_with_a_peer_that_is_no_producer(consumer: Consumer, client: SignallingClient) -> None:
    with pytest.raises(ServerError, match="Missing a producer or a consumer"):
        consumer.start_session(client.peer_id)


def test_connect_to_an_unknown_name_leaves_nothing(embedded_server: SignallingServer) -> None:
    with pytest.raises(PeerWaitTimeout, match="'robot'"):
        connect(embedded_server.uri, name="robot", timeout=2)

    wait_until(lambda: not embedded_server.peers, "the consumer is gone")


# A producer and a consumer that go on, whatever other peers do


@dataclass(frozen=True)
class Stage:
    """A producer that echoes, a consumer, and a session between them."""

    server: SignallingServer
    producer: Producer
    consumer: Consumer
    echo: DataChannel

    def goes_on(self, seconds: float = 6.0) -> bool:
        """Whether the session works, and the same producer and consumer can have another one."""
        begin = time.monotonic()
        self.echo.send("still there?")
        if self.echo.recv(SECONDS) != "still there?":
            return False
        with self.consumer.start_session(self.producer.peer_id):
            return time.monotonic() - begin < seconds


LIMITLESS = ServerLimits(
    sdp_bytes=None,
    candidate_bytes=None,
    messages=None,
    bytes=None,
    session_starts=None,
    sessions_per_pair=None,
    sessions_per_consumer=None,
    sessions_per_producer=None,
    unread_bytes=None,
)
"""The limits of a server of another kind, which passes everything on to the peers."""


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with SignallingServer(port=0, limits=LIMITLESS) as server:
        producer = Producer(server.uri, name="robot", timeout=SECONDS)
        echo = producer.add_channel("echo")
        echo.message.connect(lambda channel, session, data: session.channel("echo").send(data))
        with producer, Consumer(server.uri) as consumer:
            session = consumer.start_session(name="robot")
            yield Stage(server, producer, consumer, session.channel("echo"))


@pytest.fixture
def villain(stage: Stage) -> Iterator[SignallingClient]:
    """A peer that is connected to the same server, but not registered."""
    with SignallingClient(stage.server.uri) as villain:
        yield villain


def id_of(peer: SignallingClient | Producer | Consumer) -> str:
    assert peer.peer_id is not None
    return peer.peer_id


@pytest.fixture(scope="module")
def offer(stage: Stage) -> str:
    """An honest offer of the producer."""
    with SignallingClient(stage.server.uri) as client:
        descriptions = Heard(client.sdp_received)
        client.start_session(id_of(stage.producer))
        sdp = descriptions.next()["sdp"]
    assert isinstance(sdp, str)
    return sdp


def end_of(peer_id: str | None, ended: Heard) -> object:
    """The error with which a role's session with a peer ended. Sessions of earlier tests may be reported first."""
    while (told := ended.next())["session"].peer_id != peer_id:
        pass
    return told["error"]


def on_request(villain: SignallingClient, act: Callable[[str], object]) -> None:
    """Register a villain as a producer that calls a function with the id of each session."""
    villain.session_requested.connect(lambda villain, peer_id, session_id, offer: act(session_id))
    villain.set_status(["producer"])


LEAVING: dict[str, Callable[[SignallingClient, str], object]] = {
    "ends the session": lambda villain, session_id: villain.end_session(session_id),
    "ends the session with an error": lambda villain, session_id: villain.end_session(session_id, "out of memory"),
    "stops producing": lambda villain, session_id: villain.set_status(),
    "disconnects": lambda villain, session_id: villain.close(),
}


@pytest.mark.parametrize("leaves", LEAVING)
@pytest.mark.parametrize("when", ["before its offer", "after its offer"])
def test_producer_that_leaves_in_the_middle_of_the_handshake(
    stage: Stage, villain: SignallingClient, offer: str, leaves: str, when: str
) -> None:
    peer_id = id_of(villain)

    def begin_and_leave(session_id: str) -> None:
        if when == "after its offer":
            villain.send_sdp(session_id, "offer", offer)
        LEAVING[leaves](villain, session_id)

    on_request(villain, begin_and_leave)
    begin = time.monotonic()

    with pytest.raises(SessionClosed, match=f"session .* with peer {peer_id}") as caught:
        stage.consumer.start_session(peer_id, timeout=SECONDS)

    assert time.monotonic() - begin < 4
    assert ("out of memory" in str(caught.value)) == (leaves == "ends the session with an error")
    assert stage.goes_on()


def test_producer_that_vanishes_in_the_middle_of_the_handshake(stage: Stage) -> None:
    villain = RawPeer(stage.server.uri).register("producer")

    def vanish_when_asked() -> None:
        villain.receive()
        villain.vanish()

    with ThreadPoolExecutor() as pool:
        pool.submit(vanish_when_asked)

        with pytest.raises(SessionClosed, match=villain.id):
            stage.consumer.start_session(villain.id, timeout=SECONDS)

    assert stage.goes_on()


def test_producer_that_never_offers(stage: Stage, villain: SignallingClient) -> None:
    on_request(villain, lambda session_id: None)
    begin = time.monotonic()

    with pytest.raises(WaitTimeout, match=rf"{villain.peer_id}.*within 1 s.*no session description"):
        stage.consumer.start_session(villain.peer_id, timeout=1)

    assert time.monotonic() - begin < 4
    assert stage.goes_on()


def test_session_that_its_caller_gave_up_is_ended_at_the_other_end(stage: Stage, villain: SignallingClient) -> None:
    ended = Heard(villain.session_ended)
    on_request(villain, lambda session_id: None)

    with pytest.raises(WaitTimeout):
        stage.consumer.start_session(villain.peer_id, timeout=0.1)

    assert "gave up" in ended.next()["error"]


# Hostile session descriptions


def without(prefix: str) -> Callable[[str], str]:
    def remove(sdp: str) -> str:
        return "".join(line for line in sdp.splitlines(keepends=True) if not line.startswith(prefix))

    return remove


def replaced(old: str, new: str) -> Callable[[str], str]:
    return lambda sdp: re.sub(old, new, sdp, flags=re.MULTILINE)


def audio_lines(count: int) -> Callable[[str], str]:
    def make(sdp: str) -> str:
        session, _, media = sdp.partition("m=")
        transport = "".join(
            line for line in media.splitlines(keepends=True) if line.startswith(("a=ice-", "a=fingerprint", "a=setup"))
        )
        return session + "".join(
            f"m=audio 9 UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 0.0.0.0\r\na=sendrecv\r\na=mid:{number}\r\na=rtcp-mux\r\n"
            f"a=rtpmap:0 PCMU/8000\r\n{transport}"
            for number in range(count)
        )

    return make


UNUSABLE: dict[str, Callable[[str], str]] = {
    "empty": lambda sdp: "",
    "junk": lambda sdp: "\0 hello\r\nworld=\n" * 100,
    "truncated": lambda sdp: sdp[: len(sdp) // 2],
    "no media": lambda sdp: sdp.partition("m=")[0],
    "too long": lambda sdp: "v=0\r\n" + "a=x:" + "y" * 900_000,
    "unknown media": replaced("^m=application", "m=banana"),
    "media without a port": replaced("^m=application [0-9]+", "m=application"),
    "port a word": replaced("^m=application [0-9]+", "m=application port"),
    "no fingerprint": without("a=fingerprint"),
    "no ufrag": without("a=ice-ufrag"),
    "no password": without("a=ice-pwd"),
    "hundreds of tracks": audio_lines(500),
    "thousands of feedback messages for thousands of codecs": lambda sdp: (
        sdp + "".join(f"a=rtpmap:{number} A/1\r\na=rtcp-fb:* {number}\r\n" for number in range(3000))
    ),
    "feedback messages for many codecs": lambda sdp: (
        sdp + "".join(f"a=rtpmap:{number} A/1\r\na=rtcp-fb:* {number}\r\n" for number in range(100))
    ),
    "thousands of sources": lambda sdp: sdp + "".join(f"a=ssrc:{number} cname:x\r\n" for number in range(9000)),
    "thousands of candidates": lambda sdp: sdp + "a=candidate:1 1 udp 1 192.0.2.77 9 typ host\r\n" * 10_000,
}


@pytest.mark.parametrize("kind", UNUSABLE)
def test_unusable_offer_is_refused_with_the_reason(
    stage: Stage, villain: SignallingClient, offer: str, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    ended = Heard(villain.session_ended)
    on_request(villain, lambda session_id: villain.send_sdp(session_id, "offer", UNUSABLE[kind](offer)))
    begin = time.monotonic()

    with pytest.raises(SessionClosed, match=rf"{villain.peer_id}: unusable offer from the peer: .") as caught:
        stage.consumer.start_session(villain.peer_id, timeout=SECONDS)

    assert time.monotonic() - begin < 4
    assert len(str(caught.value)) < 1000
    assert "unusable offer" in ended.next()["error"]
    assert "Traceback" not in caplog.text
    assert stage.goes_on()


@pytest.mark.parametrize("kind", UNUSABLE)
def test_unusable_offer_of_a_consumer_is_refused_with_the_reason(
    stage: Stage, villain: SignallingClient, offer: str, kind: str
) -> None:
    ended = Heard(villain.session_ended)

    villain.start_session(id_of(stage.producer), UNUSABLE[kind](offer) or "\r\n")

    assert "unusable offer" in ended.next()["error"]
    assert stage.goes_on()


@pytest.mark.parametrize("kind", UNUSABLE)
def test_unusable_answer_ends_the_session_with_the_reason(
    stage: Stage, villain: SignallingClient, offer: str, kind: str
) -> None:
    ended = Heard(villain.session_ended)
    at_the_producer = Heard(stage.producer.session_ended)
    answer = UNUSABLE[kind](offer.replace("a=setup:actpass", "a=setup:active"))
    descriptions = Heard(villain.sdp_received)
    session_id = villain.start_session(id_of(stage.producer))
    descriptions.next()

    villain.send_sdp(session_id, "answer", answer)

    assert "unusable answer" in ended.next()["error"]
    assert isinstance(end_of(villain.peer_id, at_the_producer), SignallingError)
    assert stage.goes_on()


def test_answer_with_no_offer_is_dropped_with_a_log_line(
    stage: Stage, villain: SignallingClient, offer: str, caplog: pytest.LogCaptureFixture
) -> None:
    on_request(villain, lambda session_id: villain.send_sdp(session_id, "answer", offer))

    with pytest.raises(WaitTimeout, match=rf"{villain.peer_id}.*no session description"):
        stage.consumer.start_session(villain.peer_id, timeout=2)

    assert "ignored an answer to no offer" in caplog.text
    assert stage.goes_on()


def test_second_answer_is_dropped_with_a_log_line(
    stage: Stage, villain: SignallingClient, caplog: pytest.LogCaptureFixture
) -> None:
    meddle(stage, villain, lambda answer: [("answer", answer), ("answer", answer)])

    wait_until(lambda: "ignored an answer to no offer" in caplog.text, "the second answer is dropped")


def test_offer_where_an_answer_is_due_is_refused_by_the_server(
    stage: Stage, villain: SignallingClient, offer: str
) -> None:
    refused = Heard(villain.error_received)
    session_id = villain.start_session(id_of(stage.producer))

    villain.send_sdp(session_id, "offer", offer)

    assert "cannot forward offer" in refused.next()["details"]
    assert stage.goes_on()


def test_offer_where_an_answer_is_due_is_dropped_with_a_log_line(offer: str, caplog: pytest.LogCaptureFixture) -> None:
    def offer_back(server: Conversation) -> None:
        server.welcome()
        server.expect("list")
        server.send("list", producers=[])
        server.send("startSession", peerId="rude", sessionId="rude")
        server.expect("peer")
        server.send("peer", sessionId="rude", sdp={"type": "offer", "sdp": offer})
        server.serve()

    with signalling_server(offer_back) as uri, Producer(uri):
        wait_until(lambda: "ignored an offer that crossed ours" in caplog.text, "the offer is dropped")


def test_consumer_that_never_answers_is_given_up_in_time(embedded_server: SignallingServer) -> None:
    # The 0.3 s are for the session; start() may take longer on a busy machine.
    producer = Producer(embedded_server.uri, timeout=0.3)
    producer.start(SECONDS)
    with closing(producer), SignallingClient(embedded_server.uri) as villain:
        ended = Heard(producer.session_ended)
        villain.start_session(id_of(producer))

        error = ended.next()["error"]

        assert (type(error), error.reason) == (SessionClosed, "not connected")
        assert re.search(rf"{villain.peer_id}.*0\.3 s", str(error))


def test_consumer_that_leaves_before_it_answers(stage: Stage) -> None:
    ended = Heard(stage.producer.session_ended)
    with SignallingClient(stage.server.uri) as villain:
        villain.start_session(id_of(stage.producer))

        peer = villain.peer_id

    assert "ended it, or left" in str(end_of(peer, ended))
    assert stage.goes_on()


def test_hundred_sessions_that_lead_nowhere_disturb_nobody(stage: Stage, villain: SignallingClient) -> None:
    for _ in range(100):
        villain.start_session(id_of(stage.producer))

    assert stage.goes_on(SECONDS)


# Hostile candidates

CANDIDATES: dict[str, str] = {
    "junk": "hello",
    "blank": "  ",
    "huge": "candidate:" + "9" * 100_000,
    "huge priority": "candidate:1 1 udp 99999999999999999999999999 192.0.2.77 9 typ host",
    "negative priority": "candidate:1 1 udp -1 192.0.2.77 9 typ host",
    "port 99999": "candidate:1 1 udp 1 192.0.2.77 99999 typ host",
    "port 0": "candidate:1 1 udp 1 192.0.2.77 0 typ host",
    "port a word": "candidate:1 1 udp 1 192.0.2.77 port typ host",
    "no foundation": "candidate: 1 udp 1 192.0.2.77 9 typ host",
    "no type": "candidate:1 1 udp 1 192.0.2.77 9 typ",
    "unknown type": "candidate:1 1 udp 1 192.0.2.77 9 typ banana",
    "component 2": "candidate:1 2 udp 1 192.0.2.77 9 typ host",
    "TCP": "candidate:1 1 tcp 1 192.0.2.77 9 typ host tcptype active",
    "IPv6 link-local": "candidate:1 1 udp 1 fe80::1 9 typ host",
    "IPv6 multicast": "candidate:1 1 udp 1 ff02::1 9 typ host",
    "broadcast": "candidate:1 1 udp 1 255.255.255.255 9 typ host",
    "nowhere": "candidate:1 1 udp 1 0.0.0.0 9 typ host",
    "no address": "candidate:1 1 udp 1 999.1.1.1 9 typ host",
    "host name": "candidate:1 1 udp 1 nowhere.invalid 9 typ host",
    ".local name": "candidate:1 1 udp 1 8d2bd3c5-7d0f-4a52-a1b9-0a3c6ed1f3b4.local 9 typ host",
    "NUL": "candidate:1 1 udp 1 \0 9 typ host",
    "line end": "candidate:1 1 udp 1 192.0.2.77 9 typ host\r\na=candidate:2",
    "end of candidates, and one more": "",
}


def meddle(
    stage: Stage,
    villain: SignallingClient,
    answers: Callable[[str], Iterable[tuple[str, str]]] = lambda answer: [("answer", answer)],
    candidates: Iterable[tuple[str, int]] = (),
) -> float:
    """Connect a session with the producer through a villain that adds its own candidates at both ends, and test that it works.

    Args:
        stage: The two ends.
        villain: Registers as the producer that the consumer asks for.
        answers: Changes the consumer's answer before the producer gets it.
        candidates: Candidates with the index of their media section, sent to both ends before and after the description.

    Returns:
        The seconds until it was connected.
    """
    candidates = list(candidates)
    with SignallingClient(stage.server.uri) as accomplice:
        sessions: dict[SignallingClient, str] = {}

        def say(client: SignallingClient, descriptions: Iterable[tuple[str, str]]) -> None:
            for candidate, index in candidates:
                client.send_ice(sessions[client], candidate, index)
            for kind, sdp in descriptions:
                client.send_sdp(sessions[client], kind, sdp)
            for candidate, index in candidates:
                client.send_ice(sessions[client], candidate, index)

        @villain.session_requested.connect
        def join(villain: SignallingClient, peer_id: str, session_id: str, offer: str | None) -> None:
            sessions[villain] = session_id
            accomplice.start_session(id_of(stage.producer))

        @accomplice.session_started.connect
        def note(accomplice: SignallingClient, peer_id: str, session_id: str) -> None:
            sessions[accomplice] = session_id

        @accomplice.sdp_received.connect
        def pass_offer(accomplice: SignallingClient, sdp: str, **_: object) -> None:
            say(villain, [("offer", sdp)])

        @villain.sdp_received.connect
        def pass_answer(villain: SignallingClient, sdp: str, **_: object) -> None:
            say(accomplice, answers(sdp))

        villain.set_status(["producer"])
        begin = time.monotonic()
        with stage.consumer.start_session(villain.peer_id, timeout=SECONDS) as session:
            seconds = time.monotonic() - begin
            channel = session.channel("echo")
            channel.send("through")
            assert channel.recv() == "through"
            assert stage.goes_on()
    return seconds


@pytest.mark.parametrize("kind", CANDIDATES)
def test_hostile_candidate_does_not_keep_a_session_from_connecting(
    stage: Stage, villain: SignallingClient, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    honest = "candidate:1 1 udp 1 192.0.2.77 9 typ host"

    seconds = meddle(stage, villain, candidates=[(CANDIDATES[kind], 0), (honest, 0)])

    assert seconds < 6
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("index", [1, 65536, 2**32 - 1])
def test_candidate_for_media_that_is_not_there(stage: Stage, villain: SignallingClient, index: int) -> None:
    seconds = meddle(stage, villain, candidates=[("candidate:1 1 udp 1 192.0.2.77 9 typ host", index)])

    assert seconds < 6


@pytest.mark.parametrize("host", ["10.0.{0}.{1}", "{0}-{1}.local"])
def test_flood_of_candidates_disturbs_nobody(
    stage: Stage, villain: SignallingClient, offer: str, host: str, caplog: pytest.LogCaptureFixture
) -> None:
    # After the session's end the server logs a warning for each candidate.
    caplog.set_level(logging.ERROR, "gst_signalling_sync.protocol.registry")
    flooded = threading.Event()

    def flood(session_id: str) -> None:
        villain.send_sdp(session_id, "offer", offer)
        for number in range(10_000):
            address = host.format(number // 256, number % 256)
            villain.send_ice(session_id, f"candidate:{number} 1 udp {number} {address} {1024 + number} typ host")
        flooded.set()

    on_request(villain, flood)

    with pytest.raises(WaitTimeout, match=id_of(villain)):
        stage.consumer.start_session(villain.peer_id, timeout=0.5)

    assert flooded.wait(SECONDS)
    assert stage.goes_on(8)


# Messages without a recipient


@pytest.mark.parametrize("session_id", ["nonsense", "", "00000000-0000-4000-8000-000000000001", "\0", "x" * 10_000])
def test_messages_for_an_unknown_session_are_dropped(session_id: str) -> None:
    def confuse(server: Conversation) -> None:
        server.welcome()
        server.send("peer", sessionId=session_id, sdp={"type": "offer", "sdp": "v=0"})
        server.send("peer", sessionId=session_id, sdp={"type": "answer", "sdp": "v=0"})
        server.send("peer", sessionId=session_id, ice={"candidate": "candidate:1", "sdpMLineIndex": 0})
        server.send("endSession", sessionId=session_id)
        server.send("endSessionV1_1", sessionId=session_id, error="no reason")
        server.expect("startSession")
        server.send("error", details="Peer with ID 'robot' not found")
        server.hold()

    with signalling_server(confuse) as uri, Consumer(uri) as consumer, pytest.raises(PeerNotFound):
        consumer.start_session("robot", timeout=SECONDS)


def test_peer_that_meddles_in_the_session_of_others_is_refused(
    stage: Stage, villain: SignallingClient, offer: str
) -> None:
    refused = Heard(villain.error_received)
    session_id = stage.echo.session.id

    villain.send_sdp(session_id, "answer", offer)
    villain.send_ice(session_id, "candidate:1 1 udp 1 192.0.2.77 9 typ host")
    villain.end_session(session_id)

    assert [refused.next()["details"] for _ in range(3)] == [f"Peer {villain.peer_id} is not part of {session_id}"] * 3
    assert stage.goes_on()


def test_junk_of_a_peer_disturbs_nobody(stage: Stage) -> None:
    with RawPeer(stage.server.uri) as villain:
        for junk in JUNK.values():
            villain.send_text(junk)
        villain.socket.send_binary(json.dumps({"type": "list"}).encode())

        assert villain.hears_nothing()
    assert stage.goes_on()


# Refused before it is sent


@pytest.mark.parametrize(
    "send",
    [
        lambda client: client.start_session(b"robot"),
        lambda client: client.start_session("robot", offer=b"v=0"),
        lambda client: client.send_sdp("session", "offer", b"v=0"),
        lambda client: client.send_ice("session", b"candidate:1"),
        lambda client: client.end_session(b"session"),
        lambda client: client.set_status(["producer"], b"meta"),
    ],
)
def test_bytes_where_a_text_is_due_are_refused(
    client: SignallingClient, send: Callable[[SignallingClient], object]
) -> None:
    with pytest.raises(ProtocolError, match="bytes"):
        send(client)

    assert client.list_producers() == []


@pytest.mark.parametrize("data", [None, 5, ["text"], {"a": 1}, object()])
def test_message_that_is_neither_text_nor_bytes_is_refused(stage: Stage, data: Any) -> None:
    with pytest.raises(TypeError, match=type(data).__name__):
        stage.echo.send(data)

    assert stage.goes_on()


def test_text_that_is_no_unicode_is_refused(stage: Stage) -> None:
    with pytest.raises(ValueError, match="UTF-8"):
        stage.echo.send("\ud800")

    assert stage.goes_on()


@pytest.mark.parametrize("timeout", [-1, -0.001, float("nan"), float("-inf")])
def test_timeout_that_is_no_time_is_refused(stage: Stage, timeout: float) -> None:
    calls: tuple[Callable[[], object], ...] = (
        lambda: Producer(stage.server.uri, timeout=timeout),
        lambda: SignallingClient(stage.server.uri, timeout=timeout),
        lambda: list_producers(stage.server.uri, timeout=timeout),
        lambda: stage.echo.recv(timeout),
        lambda: stage.consumer.start_session(timeout=timeout),
    )
    for call in calls:
        with pytest.raises(ValueError, match="0 seconds or more"):
            call()

    assert stage.goes_on()


def test_timeout_that_is_no_number_is_refused(stage: Stage) -> None:
    with pytest.raises(TypeError, match="'3'"):
        stage.echo.recv("3")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="'3'"):
        Consumer(stage.server.uri, timeout="3")  # type: ignore[arg-type]


@pytest.mark.parametrize("receiver", [7, "print"])
def test_receiver_that_cannot_be_called_is_refused(stage: Stage, receiver: Any) -> None:
    with pytest.raises(TypeError, match="must be a function"):
        stage.echo.closed.connect(receiver)


@pytest.mark.parametrize("name", [4, b"robot", ["robot"]])
def test_name_that_is_no_text_is_refused(name: Any) -> None:
    with pytest.raises(ValueError, match="name must be a string"):
        Producer(name=name)


def test_two_names_are_refused() -> None:
    with pytest.raises(ValueError, match=r"'robot'.*'arm'"):
        Producer(name="robot", meta={"name": "arm"})


@pytest.mark.parametrize("port", ["8443", 8443.5, None])
def test_port_that_is_no_number_is_refused(port: Any) -> None:
    with pytest.raises(ValueError, match="port must be"):
        SignallingServer(port=port)


def test_role_that_is_one_text_is_taken_as_one(client: SignallingClient) -> None:
    client.set_status("producer", {"name": "robot"})

    assert [peer.name for peer in client.list_producers()] == ["robot"]


def test_every_error_is_documented_as_one_of_ours() -> None:
    for name in ("ConnectError", "ConnectionLost", "PeerNotFound", "ProtocolError", "ServerError", "SessionClosed"):
        assert issubclass(getattr(gst_signalling_sync, name), SignallingError)
