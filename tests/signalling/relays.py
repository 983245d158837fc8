"""Relays between a client and a signalling server: TLS terminators, and HTTP and SOCKS proxies."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from ..helpers.hostile import tcp_server

__all__ = ["HttpProxy", "head_of", "http_proxy", "pump", "socks_proxy", "tls_server", "tls_terminator"]

SECONDS = 10.0


def pump(left: socket.socket, right: socket.socket) -> None:
    """Forward bytes in both directions until either end closes."""

    def carry(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        for each in (source, target):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    back = threading.Thread(target=carry, args=(right, left))
    back.start()
    carry(left, right)
    back.join(SECONDS)


def to_server(uri: str) -> socket.socket:
    parts = urlsplit(uri)
    assert parts.hostname is not None
    return socket.create_connection((parts.hostname, parts.port or 80), SECONDS)


@contextlib.contextmanager
def tls_server(context: ssl.SSLContext, script: Callable[[ssl.SSLSocket], object]) -> Iterator[str]:
    """Run a server that runs a script on each TLS connection, and yield its ``wss://`` URI with the host ``localhost``."""

    def secure(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secured:
            script(secured)

    with tcp_server(secure) as uri:
        yield uri.replace("ws://127.0.0.1", "wss://localhost")


@contextlib.contextmanager
def tls_terminator(context: ssl.SSLContext, server_uri: str) -> Iterator[str]:
    """Run a TLS terminator in front of a server without TLS, and yield its ``wss://`` URI."""

    def forward(secured: ssl.SSLSocket) -> None:
        with to_server(server_uri) as behind:
            # An SSLSocket must not be used on two threads, so one thread carries its bytes in both directions.
            secured.settimeout(0.02)
            behind.settimeout(0.02)
            while True:
                for source, target in ((secured, behind), (behind, secured)):
                    try:
                        data = source.recv(65536)
                    except TimeoutError:
                        continue
                    if not data:
                        return
                    target.sendall(data)

    with tls_server(context, forward) as uri:
        yield uri


def head_of(connection: socket.socket) -> str:
    """The head of an HTTP request."""
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        byte = connection.recv(1)
        if not byte:
            raise ConnectionError
        data += byte
    return data.decode()


class HttpProxy:
    """A proxy for CONNECT.

    Attributes:
        heads: The heads of the requests that it received.
    """

    def __init__(self, uri: str, heads: list[str]) -> None:
        self.uri = uri
        self.heads = heads


@contextlib.contextmanager
def http_proxy(
    answer: bytes = b"HTTP/1.1 200 Connection established\r\n\r\n", context: ssl.SSLContext | None = None
) -> Iterator[HttpProxy]:
    """Run an HTTP proxy that answers every CONNECT with the same bytes; over TLS if there is a context."""
    heads: list[str] = []

    def tunnel(connection: socket.socket) -> None:
        heads.append(head_of(connection))
        target = heads[-1].split()[1]
        connection.sendall(answer)
        if b" 200 " in answer:
            host, _, port = target.rpartition(":")
            with socket.create_connection((host.strip("[]"), int(port)), SECONDS) as behind:
                pump(connection, behind)

    if context is None:
        with tcp_server(tunnel) as uri:
            yield HttpProxy(uri.replace("ws://", "http://"), heads)
    else:
        with tls_server(context, tunnel) as uri:
            yield HttpProxy(uri.replace("wss://", "https://"), heads)


@contextlib.contextmanager
def socks_proxy(
    scheme: str, password: tuple[str, str] | None = None, reply: int = 0
) -> Iterator[tuple[str, list[tuple[str, int]]]]:
    """Run a SOCKS proxy (RFC 1928 and 1929, SOCKS4A), and yield its address and the targets that it was asked to connect to."""
    targets: list[tuple[str, int]] = []

    def take(connection: socket.socket, size: int) -> bytes:
        data = b""
        while len(data) < size:
            piece = connection.recv(size - len(data))
            if not piece:
                raise ConnectionError
            data += piece
        return data

    def until_zero(connection: socket.socket) -> str:
        data = b""
        while (byte := take(connection, 1)) != b"\0":
            data += byte
        return data.decode()

    def socks4(connection: socket.socket) -> None:
        _, _, port = struct.unpack("!BBH", take(connection, 4))
        address = take(connection, 4)
        until_zero(connection)
        host = until_zero(connection) if address.startswith(b"\0\0\0") else socket.inet_ntoa(address)
        targets.append((host, port))
        connection.sendall(struct.pack("!BBHI", 0, 91 if reply else 90, 0, 0))

    def socks5(connection: socket.socket) -> None:
        _, count = take(connection, 2)
        methods = take(connection, count)
        wanted = 0 if password is None else 2
        connection.sendall(bytes([5, wanted if wanted in methods else 0xFF]))
        if wanted:
            _, size = take(connection, 2)
            user = take(connection, size).decode()
            given = (user, take(connection, take(connection, 1)[0]).decode())
            connection.sendall(bytes([1, given != password]))
            if given != password:
                return
        *_, kind = take(connection, 4)
        if kind == 1:
            host = socket.inet_ntoa(take(connection, 4))
        elif kind == 4:
            host = socket.inet_ntop(socket.AF_INET6, take(connection, 16))
        else:
            host = take(connection, take(connection, 1)[0]).decode()
        targets.append((host, int.from_bytes(take(connection, 2), "big")))
        connection.sendall(bytes([5, reply, 0, 1, 0, 0, 0, 0, 0, 0]))

    def serve(connection: socket.socket) -> None:
        (socks4 if "socks4" in scheme else socks5)(connection)
        if targets and not reply:
            with socket.create_connection(targets[-1], SECONDS) as behind:
                pump(connection, behind)

    with tcp_server(serve) as uri:
        yield uri.removeprefix("ws://"), targets
