"""Strangers: clients that send arbitrary bytes as fast as they can, and read only when a test has them read."""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from .hostile import BINARY, FIN, PING, TEXT

__all__ = ["HANDSHAKE", "Stranger", "attacking", "connected", "masked", "message"]

SECONDS = 20.0

HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def masked(opcode: int, payload: bytes) -> bytes:
    """A client's WebSocket frame. Its mask is zeros, which costs no processor time."""
    size = len(payload)
    if size < 126:
        return struct.pack("!BB4x", FIN | opcode, 0x80 | size) + payload
    if size < 2**16:
        return struct.pack("!BBH4x", FIN | opcode, 0x80 | 126, size) + payload
    return struct.pack("!BBQ4x", FIN | opcode, 0x80 | 127, size) + payload


def message(type_: str, **fields: Any) -> bytes:
    """A message of the signalling protocol in a client's WebSocket frame."""
    return masked(TEXT, json.dumps({"type": type_, **fields}).encode())


class Stranger:
    """A connection whose handshake is complete and whose welcome was read."""

    def __init__(self, port: int, receive_buffer: int | None = None, address: str = "127.0.0.1") -> None:
        self.socket = socket.socket()
        self.socket.settimeout(SECONDS)
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.bind((address, 0))
        self.socket.connect(("127.0.0.1", port))
        self.socket.sendall(HANDSHAKE)
        received = b""
        while b'"peerId"' not in received or not received.endswith(b"}"):
            data = self.socket.recv(4096)
            assert data, f"no welcome: {received!r}"
            received += data
        self.id: str = json.loads(received[received.rindex(b"{") :])["peerId"]

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def register(self, *roles: str, meta: Any = None) -> None:
        self.send(message("setPeerStatus", roles=roles, meta=meta))

    def flood(self, data: bytes, seconds: float) -> int:
        """Send as many of the bytes as the server takes within a number of seconds.

        Returns:
            The number of bytes that were sent.
        """
        end = time.monotonic() + seconds
        sent = 0
        self.socket.setblocking(False)
        while sent < len(data) and time.monotonic() < end:
            try:
                sent += self.socket.send(data[sent : sent + 2**16])
            except BlockingIOError:
                select.select([], [self.socket], [], max(0.0, end - time.monotonic()))
            except OSError:
                break
        self.socket.settimeout(SECONDS)
        return sent

    def is_cut_off(self, seconds: float = SECONDS) -> bool:
        """Whether the server ends the connection within a number of seconds. Reads what arrives until then."""
        self.socket.settimeout(seconds)
        try:
            while self.socket.recv(2**16):
                continue
        except TimeoutError:
            return False
        except OSError:
            return True
        return True

    def reads_until(self, condition: Callable[[], object]) -> None:
        """Read and drop what arrives until a condition holds."""
        deadline = time.monotonic() + SECONDS
        self.socket.settimeout(0.01)
        while not condition():
            assert time.monotonic() < deadline, "did not happen in time"
            with contextlib.suppress(TimeoutError):
                self.socket.recv(2**16)

    def close(self) -> None:
        self.socket.close()


@contextlib.contextmanager
def connected(port: int, count: int, **options: Any) -> Iterator[list[Stranger]]:
    """A number of strangers, connected for the duration of the block."""
    strangers: list[Stranger] = []
    try:
        for _ in range(count):
            strangers.append(Stranger(port, **options))
        yield strangers
    finally:
        for stranger in strangers:
            stranger.close()


@contextlib.contextmanager
def attacking(*attacks: Any) -> Iterator[None]:
    """Run functions on threads during the block, at the priority of ordinary programs. All must end by themselves."""

    def attack(function: Any) -> None:
        with contextlib.suppress(PermissionError):
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        function()

    threads = [threading.Thread(target=attack, args=(function,)) for function in attacks]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for thread in threads:
            thread.join()


BINARY_FRAME = masked(BINARY, b"")
PING_FRAME = masked(PING, bytes(125))
