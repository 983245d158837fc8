"""`short_frame`: a client's frame that is here as a whole, taken apart at once (RFC 6455, section 5.2).

Nearly all frames of signalling are: a message in one frame, a ping or a pong. The parser of `websockets`, which takes the
others, is a generator that may stop at any byte. It takes several times as long, and has ten objects for each connection.
"""

from __future__ import annotations

from typing import Final

from .unmasking import apply_mask

__all__ = ["MAX_BYTES", "PING", "PONG", "TEXT", "ShortFrame", "control_frame", "frame_bytes", "short_frame"]

TEXT: Final = 0x1
PING: Final = 0x9
PONG: Final = 0xA

MAX_BYTES: Final = 16 * 1024
"""Of the payload, so that one frame is a short piece of work."""

_FINAL: Final = 0x80
_MASKED: Final = 0x80
_MAX_CONTROL_BYTES: Final = 125
_TWO_BYTES: Final = 126
_KEY_BYTES: Final = 4
_MIN_BYTES: Final = 2 + _KEY_BYTES

ShortFrame = tuple[int, bytes, int]
"""The opcode, the payload, and where the next frame begins."""


def short_frame(data: bytes, start: int, max_bytes: int = MAX_BYTES) -> ShortFrame | None:
    """Take a frame apart.

    Args:
        data: What was received.
        start: Where in it a frame begins.
        max_bytes: Maximum of the payload.

    Returns:
        The frame; None: it is not complete, too long, of another kind, or wrong, which is not for this function to say.
    """
    if len(data) - start < _MIN_BYTES:
        return None
    # A fragment, an extension and a missing mask each make another number of these.
    opcode, size = data[start] - _FINAL, data[start + 1] - _MASKED
    key = start + 2
    if opcode == TEXT:
        if size == _TWO_BYTES:
            size = data[key] << 8 | data[key + 1]
            key += 2
        elif size > _TWO_BYTES:
            return None
    elif opcode not in (PING, PONG) or size > _MAX_CONTROL_BYTES:
        return None
    payload = key + _KEY_BYTES
    end = payload + size
    if size < 0 or size > max_bytes or end > len(data):
        return None
    return opcode, apply_mask(data[payload:end], data[key:payload]), end


def frame_bytes(data: bytes, start: int) -> int | None:
    """How many bytes a frame has.

    Args:
        data: What was received.
        start: Where in it a frame begins.

    Returns:
        The number, with the header's; None: the bytes that tell it are not all here.
    """
    available = len(data) - start
    if available < 2:
        return None
    size, header = data[start + 1] & ~_MASKED, 2
    if size >= _TWO_BYTES:
        header = 4 if size == _TWO_BYTES else 10
        if available < header:
            return None
        size = int.from_bytes(data[start + 2 : start + header], "big")
    return header + _KEY_BYTES + size


def control_frame(opcode: int, payload: bytes) -> bytes:
    """A control frame of the server's.

    Args:
        opcode: Such as `PING`.
        payload: At most 125 bytes.

    Returns:
        The bytes to send.
    """
    return bytes((_FINAL | opcode, len(payload))) + payload
