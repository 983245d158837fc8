"""Hostile signalling servers, which misbehave as a script says, with a thread per connection."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any, Final

from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

__all__ = [
    "BINARY",
    "CLOSE",
    "CONTINUATION",
    "FIN",
    "PEER_ID",
    "PING",
    "TEXT",
    "Conversation",
    "frame",
    "signalling_server",
    "tcp_server",
]

SECONDS: Final = 10.0
PEER_ID: Final = "00000000-0000-4000-8000-000000000001"

CONTINUATION, TEXT, BINARY, CLOSE, PING = 0x0, 0x1, 0x2, 0x8, 0x9
FIN: Final = 0x80

_ANSWERS: Final[dict[str, dict[str, Any]]] = {
    "list": {"type": "list", "producers": []},
    "listConsumers": {"type": "listConsumers", "consumers": []},
}

Admit = Callable[[str | None], HTTPStatus | None]
"""Whether a client is admitted: its Authorization header in, the HTTP status of the refusal or None out."""


class Conversation:
    """A server's end of a WebSocket connection, for a script.

    It answers pings and the closing handshake only while it waits for a message.
    """

    def __init__(self, connection: socket.socket, admit: Admit | None = None) -> None:
        self._socket = connection
        self._admit = admit
        self._protocol = ServerProtocol(max_size=None)
        self._messages: deque[dict[str, Any]] = deque()
        while self._protocol.state is State.CONNECTING:
            self._read()

    def welcome(self, peer_id: Any = PEER_ID) -> None:
        self.send("welcome", peerId=peer_id)

    def send(self, type_: Any, **fields: Any) -> None:
        self.send_text(json.dumps({"type": type_, **fields}))

    def send_text(self, text: str) -> None:
        self.send_raw(frame(FIN | TEXT, text.encode()))

    def send_raw(self, data: bytes) -> None:
        """Send raw bytes below the WebSocket protocol."""
        self._socket.sendall(data)

    def receive(self) -> dict[str, Any]:
        """Wait for the client's next message.

        Raises:
            ConnectionError: The client has disconnected.
        """
        while not self._messages:
            self._read()
        return self._messages.popleft()

    def expect(self, type_: str) -> dict[str, Any]:
        """Read until a message of a type arrives, and return it."""
        while (message := self.receive())["type"] != type_:
            pass
        return message

    def serve(self, ignored: tuple[str, ...] = ()) -> None:
        """Answer requests for lists as an empty server does, until the client disconnects."""
        while True:
            type_ = self.receive()["type"]
            if type_ in _ANSWERS and type_ not in ignored:
                self.send_text(json.dumps(_ANSWERS[type_]))

    def hold(self) -> None:
        """Send nothing until the client disconnects, then answer its closing handshake."""
        self.expect("nothing that a client says")

    def _read(self) -> None:
        data = self._socket.recv(65536)
        if not data:
            raise ConnectionError("the client is gone")
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Request):
                status = self._admit(event.headers.get("Authorization")) if self._admit else None
                accepted = self._protocol.accept(event) if status is None else self._protocol.reject(status, "refused")
                self._protocol.send_response(accepted)
            elif isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                self._messages.append(json.loads(bytes(event.data)))
        self.send_raw(b"".join(self._protocol.data_to_send()))
        if self._protocol.state is not State.OPEN:
            raise ConnectionError("the client has left")


def frame(opcode: int, payload: bytes, length: int | None = None) -> bytes:
    """An unmasked WebSocket frame, as a server sends it (RFC 6455 section 5.2).

    Args:
        opcode: The whole first octet, which may be invalid; `FIN` is not added.
        payload: The bytes after the header.
        length: The length in the header. Defaults to that of the payload.
    """
    size = len(payload) if length is None else length
    if size < 126:
        header = struct.pack("!BB", opcode, size)
    elif size < 2**16:
        header = struct.pack("!BBH", opcode, 126, size)
    else:
        header = struct.pack("!BBQ", opcode, 127, size)
    return header + payload


@contextlib.contextmanager
def signalling_server(script: Callable[[Conversation], object], admit: Admit | None = None) -> Iterator[str]:
    """Run a WebSocket server that runs a script for each connection, and yield its URI.

    Args:
        script: Called for each connection.
        admit: Called with the Authorization header of each request. Returns the HTTP status of the refusal, or None.
    """
    with tcp_server(lambda connection: script(Conversation(connection, admit))) as uri:
        yield uri


@contextlib.contextmanager
def tcp_server(script: Callable[[socket.socket], object]) -> Iterator[str]:
    """Run a TCP server that runs a script for each connection, and yield a URI for clients."""
    threads: list[threading.Thread] = []
    connections: list[socket.socket] = []

    def talk(connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            script(connection)
        connection.close()

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listening.accept()
                connections.append(connection)
                threads.append(threading.Thread(target=talk, args=(connection,)))
                threads[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        acceptor = threading.Thread(target=accept)
        acceptor.start()
        try:
            yield f"ws://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            # This wakes the acceptor, and every script that still reads or writes.
            for open_socket in (listening, *connections):
                with contextlib.suppress(OSError):
                    open_socket.shutdown(socket.SHUT_RDWR)
            for thread in (acceptor, *threads):
                thread.join(SECONDS)
