"""The relay of the benchmarks and fault tests, whose connections can be cut."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest

from benchmarks.tcp_relay import TcpRelay

MEGABYTES = bytes(range(256)) * 4096 * 8


class Echo:
    """A TCP server that echoes until the other end has sent everything.

    Attributes:
        uri: Its URI, in the form of a signalling server's.
    """

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.uri = f"ws://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _accept(self) -> None:
        threads = []
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                break
            threads.append(threading.Thread(target=_echo, args=(client,)))
            threads[-1].start()
        for thread in threads:
            thread.join()


def _echo(client: socket.socket) -> None:
    with client:
        try:
            while data := client.recv(65536):
                client.sendall(data)
        except OSError:
            return


@pytest.fixture
def echo() -> Iterator[Echo]:
    server = Echo()
    yield server
    server.close()


@pytest.fixture
def relay(echo: Echo) -> Iterator[TcpRelay]:
    with TcpRelay(echo.uri) as relay:
        yield relay


def connect(relay: TcpRelay) -> socket.socket:
    return socket.create_connection(("127.0.0.1", urlsplit(relay.uri).port or 0), timeout=10)


def ask(client: socket.socket, words: bytes) -> bytes:
    client.sendall(words)
    return client.recv(len(words), socket.MSG_WAITALL)


def receive_all(client: socket.socket) -> bytes:
    return b"".join(iter(lambda: client.recv(65536), b""))


def test_more_than_buffers_hold_comes_through_and_so_does_the_end(relay: TcpRelay) -> None:
    with connect(relay) as client:

        def send() -> None:
            client.sendall(MEGABYTES)
            client.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send)
        sender.start()
        received = receive_all(client)
        sender.join()

    assert received == MEGABYTES


def test_hundreds_of_connections_are_cut_at_once_and_made_again(relay: TcpRelay) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(connect(relay)) for _ in range(300)]
        assert all(ask(client, b"hello") == b"hello" for client in clients)

        relay.cut()
        for client in clients:
            with pytest.raises(ConnectionResetError):
                client.recv(1)

    with connect(relay) as client:
        assert ask(client, b"again") == b"again"


def test_blocked_relay_takes_no_connection_until_it_is_unblocked(relay: TcpRelay) -> None:
    relay.block()
    with connect(relay) as client:
        assert client.recv(1) == b""

    relay.unblock()
    with connect(relay) as client:
        assert ask(client, b"hello") == b"hello"


def test_server_that_is_not_there_ends_the_connection(echo: Echo, relay: TcpRelay) -> None:
    echo.close()
    # The connection may be reset before connect() has returned.
    with pytest.raises(ConnectionResetError), connect(relay) as client:
        client.recv(1)


def test_close_may_be_repeated(relay: TcpRelay) -> None:
    with connect(relay) as client:
        assert ask(client, b"hello") == b"hello"
        relay.close()
        with pytest.raises(ConnectionResetError):
            client.recv(1)

    relay.close()
    relay.cut()
