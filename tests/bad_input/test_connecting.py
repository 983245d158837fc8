"""Servers that are not there, speak another protocol, or fail before their welcome."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from gst_signalling_sync import (
    ConnectError,
    ConnectionLost,
    ConnectTimeout,
    Consumer,
    Listener,
    Producer,
    SignallingClient,
    connect,
    find_producer,
    list_producers,
)

from ..helpers.hostile import CLOSE, FIN, TEXT, Conversation, frame, signalling_server, tcp_server
from ..helpers.ports import reserved_port

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
