"""WebSocket frames and messages (RFC 6455 section 5): frames of this end are made, messages of a server read within limits.

websocket-client parses and makes frames. This module adds what it leaves open: the limits of what a server may send, the rules
for control frames, and how fragments become a message.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import websocket
from websocket import ABNF

__all__ = [
    "MAX_FRAGMENTS",
    "MAX_MESSAGE_BYTES",
    "Message",
    "MessageReader",
    "ProtocolViolation",
    "close_frame",
    "closing_words",
    "frame_of",
]

MAX_MESSAGE_BYTES: Final = 16 * 2**20
"""Maximum length of a message from a server: a list of about 50,000 producers."""

MAX_FRAGMENTS: Final = 4096
"""Maximum number of frames of one message."""

_MAX_CONTROL_BYTES: Final = 125

_FIN: Final = 0
_RESERVED: Final = slice(1, 4)
_OPCODE: Final = 4

_CODE_WORDS: Final = {
    websocket.STATUS_NORMAL: "OK",
    websocket.STATUS_GOING_AWAY: "going away",
    websocket.STATUS_PROTOCOL_ERROR: "protocol error",
    websocket.STATUS_UNSUPPORTED_DATA_TYPE: "unsupported data",
    websocket.STATUS_INVALID_PAYLOAD: "invalid frame payload data",
    websocket.STATUS_POLICY_VIOLATION: "policy violation",
    websocket.STATUS_MESSAGE_TOO_BIG: "message too big",
    websocket.STATUS_INVALID_EXTENSION: "mandatory extension",
    websocket.STATUS_UNEXPECTED_CONDITION: "internal error",
    1012: "service restart",
    1013: "try again later",
    1014: "bad gateway",
}
"""Meanings of close codes (RFC 6455 section 7.4.1, and IANA's registry)."""


class ProtocolViolation(Exception):
    """The server violated the protocol, or sent more than the limits allow.

    Attributes:
        code: The close code to send.
    """

    def __init__(self, code: int, problem: str) -> None:
        super().__init__(problem)
        self.code = code


@dataclass(frozen=True, slots=True)
class Message:
    """A message, joined from its fragments, or a control frame."""

    opcode: int
    data: bytes


class MessageReader:
    """Reads messages, and the control frames between their fragments.

    Args:
        receive: Called with a number of bytes; returns at least one byte and at most that number. Its exceptions pass through
            `next`, and no received byte is lost by them.
    """

    def __init__(self, receive: Callable[[int], bytes]) -> None:
        self._frames = _LimitedFrames(receive)
        self._opcode = ABNF.OPCODE_CONT
        self._fragments: list[bytes] = []

    def next(self) -> Message:
        """Receive the next message or control frame.

        Raises:
            ProtocolViolation: The server violated the protocol, so the connection must end.
            Exception: Raised by `receive`.
        """
        while True:
            try:
                frame = self._frames.recv_frame()
            except websocket.WebSocketProtocolException as error:
                raise ProtocolViolation(websocket.STATUS_PROTOCOL_ERROR, str(error)) from None
            payload = frame.data
            # A received frame holds bytes; a frame to send may hold a string.
            assert isinstance(payload, bytes)
            if frame.opcode >= ABNF.OPCODE_CLOSE:
                return Message(frame.opcode, payload)
            if self._fragments and frame.opcode != ABNF.OPCODE_CONT:
                raise ProtocolViolation(
                    websocket.STATUS_PROTOCOL_ERROR, "a message began before the previous one was complete"
                )
            if not self._fragments:
                if frame.opcode == ABNF.OPCODE_CONT:
                    raise ProtocolViolation(
                        websocket.STATUS_PROTOCOL_ERROR, "a continuation frame must continue a message"
                    )
                self._opcode = frame.opcode
            self._fragments.append(payload)
            if len(self._fragments) > MAX_FRAGMENTS:
                raise ProtocolViolation(
                    websocket.STATUS_POLICY_VIOLATION, f"a message must have at most {MAX_FRAGMENTS} fragments"
                )
            if frame.fin:
                data = self._fragments[0] if len(self._fragments) == 1 else b"".join(self._fragments)
                self._fragments.clear()
                return Message(self._opcode, data)


class _LimitedFrames(websocket.frame_buffer):
    """A frame buffer that checks a frame by its header, before its payload is in memory."""

    def __init__(self, receive: Callable[[int], bytes]) -> None:
        # UTF-8 is validated once, when the message is decoded.
        super().__init__(receive, skip_utf8_validation=True)
        self._message_size = 0

    def recv_length(self) -> None:
        """Receive the length of the frame whose header was received."""
        super().recv_length()
        header, length = self.header, self.length
        assert header is not None
        assert length is not None
        opcode = header[_OPCODE]
        if self.has_mask():
            raise websocket.WebSocketProtocolException("a server must not mask its frames (RFC 6455 section 5.1)")
        if any(header[_RESERVED]) or opcode not in ABNF.OPCODES:
            raise websocket.WebSocketProtocolException("a frame has reserved bits, or an unknown opcode")
        if opcode >= ABNF.OPCODE_CLOSE:
            if length > _MAX_CONTROL_BYTES or not header[_FIN]:
                raise websocket.WebSocketProtocolException("a control frame is fragmented, or too long")
            return
        self._message_size += length
        if self._message_size > MAX_MESSAGE_BYTES:
            raise ProtocolViolation(
                websocket.STATUS_MESSAGE_TOO_BIG,
                f"a message must have at most {MAX_MESSAGE_BYTES} bytes, not {self._message_size} or more",
            )
        if header[_FIN]:
            self._message_size = 0


def frame_of(opcode: int, data: bytes) -> bytes:
    """A masked frame of this end, ready to send.

    Args:
        opcode: One of `websocket.ABNF`.
        data: The payload.
    """
    return ABNF.create_frame(data, opcode).format()


def close_frame(code: int, reason: str = "") -> bytes:
    """A closing frame of this end, ready to send.

    Args:
        code: The close code.
        reason: What is wrong; truncated to what a control frame can hold. Defaults to none.
    """
    words = reason.encode()[: _MAX_CONTROL_BYTES - 2].decode(errors="ignore").encode()
    return frame_of(ABNF.OPCODE_CLOSE, struct.pack("!H", code) + words)


def closing_words(payload: bytes) -> str:
    """Code and reason of a received closing frame, such as ``1001 going away``; empty where the frame has none.

    Args:
        payload: Of the frame.

    Raises:
        ProtocolViolation: The reason is not UTF-8.
    """
    if not payload:
        return ""
    [code] = struct.unpack("!H", payload[:2])
    try:
        reason = payload[2:].decode()
    except UnicodeDecodeError:
        raise ProtocolViolation(
            websocket.STATUS_INVALID_PAYLOAD, "the reason of a closing frame is not UTF-8"
        ) from None
    words = reason or _CODE_WORDS.get(code, "")
    printable = "".join(char if char.isprintable() else " " for char in words)
    return f"{code} {printable}".rstrip()
