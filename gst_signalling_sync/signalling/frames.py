"""What websocket-client leaves open: how much a server may send before it has said anything."""

from __future__ import annotations

from typing import Final

import websocket
from websocket._abnf import frame_buffer

__all__ = ["MESSAGE_BYTES", "limit_messages"]

MESSAGE_BYTES: Final = 16 * 2**20
"""The longest message taken from a server: a list of some 50,000 producers."""

_FINAL: Final = 0
_OPCODE: Final = 4
_MASKED: Final = 5


class _LimitedFrames(frame_buffer):
    """A frame buffer that refuses a message by its announced length, before it is in memory."""

    def __init__(self, receive: object) -> None:
        super().__init__(receive, skip_utf8_validation=False)  # type: ignore[arg-type]
        self._message_size = 0

    def recv_length(self) -> None:
        """Receive the length of the frame whose header was received."""
        super().recv_length()
        assert self.header is not None
        assert self.length is not None
        if self.header[_MASKED]:
            raise websocket.WebSocketProtocolException("the server masks its frames (RFC 6455 section 5.1)")
        is_data = self.header[_OPCODE] < websocket.ABNF.OPCODE_CLOSE
        size = self.length + (self._message_size if is_data else 0)
        if size > MESSAGE_BYTES:
            raise websocket.WebSocketProtocolException(f"a message is too large: {size} bytes and more")
        if is_data:
            self._message_size = 0 if self.header[_FINAL] else size


def limit_messages(connection: websocket.WebSocket) -> None:
    """Have a connection refuse messages of more than `MESSAGE_BYTES`; before it is connected."""
    connection.frame_buffer = _LimitedFrames(connection._recv)
