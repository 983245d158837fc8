"""`RawPeer`: a peer that sends and receives the protocol's JSON itself, so that a test shows the messages."""

from __future__ import annotations

import json
from types import TracebackType
from typing import Any, Self

import websocket

__all__ = ["RawPeer"]

SECONDS = 10.0


class RawPeer:
    """A connected peer that the server has welcomed, without a thread."""

    def __init__(self, uri: str, **options: Any) -> None:
        self.socket = websocket.create_connection(uri, timeout=SECONDS, **options)
        self.welcome = self.receive()
        self.id: str = self.welcome["peerId"]

    def send(self, type_: str, **fields: Any) -> None:
        self.send_text(json.dumps({"type": type_, **fields}))

    def send_text(self, text: str) -> None:
        self.socket.send(text)

    def receive(self) -> dict[str, Any]:
        """Wait for the next message."""
        message: dict[str, Any] = json.loads(self.socket.recv())
        return message

    def request(self, type_: str, **fields: Any) -> dict[str, Any]:
        """Send a message, and return the next one that arrives."""
        self.send(type_, **fields)
        return self.receive()

    def hears_nothing(self) -> bool:
        """Whether no message has arrived. Asks the server for an answer, so that an earlier message would come first."""
        return bool(self.request("list")["type"] == "list")

    def close_code(self) -> int:
        """The code with which the server closes the connection, after any other frames."""
        while (frame := self.socket.recv_frame()).opcode != websocket.ABNF.OPCODE_CLOSE:
            pass
        return int.from_bytes(frame.data[:2], "big")

    def register(self, *roles: str, meta: Any = None) -> Self:
        """Register, and wait until the server has registered the peer."""
        self.send("setPeerStatus", roles=roles, meta=meta)
        if "listener" in roles:
            assert self.receive()["peerId"] == self.id
        assert self.hears_nothing()
        return self

    def close(self) -> None:
        """Disconnect with the closing handshake."""
        self.socket.close()

    def vanish(self) -> None:
        """Disconnect without a closing handshake."""
        self.socket.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
