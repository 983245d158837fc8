"""`short_frame`: parses a client's WebSocket frame that has arrived as a whole (RFC 6455 section 5.2).

Nearly all frames of signalling arrive so: a message in one frame, a ping or a pong. The parser of `websockets`, which handles
all others, is a generator that may stop at any byte. It takes several times as long, and has ten objects per connection.
"""

from __future__ import annotations

from typing import Final

from .unmasking import apply_mask

__all__ = ["MAX_BYTES", "PING", "PONG", "TEXT", "ShortFrame", "control_frame", "frame_bytes", "short_frame"]

TEXT: Final = 0x1
PING: Final = 0x9
PONG: Final = 0xA

MAX_BYTES: Final = 16 * 1024
"""Maximum of the payload, so that one frame is a short piece of work."""

_FINAL: Final = 0x80
_MASKED: Final = 0x80
_MAX_CONTROL_BYTES: Final = 125
_TWO_BYTES: Final = 126
_KEY_BYTES: Final = 4
_MIN_BYTES: Final = 2 + _KEY_BYTES

ShortFrame = tuple[int, bytes, int]
"""The opcode, the payload, and where the next frame begins."""


def short_frame(data: bytes, start: int, max_bytes: int = MAX_BYTES) -> ShortFrame | None:
    """Parse a frame.

    Args:
        data: The received bytes.
        start: Where in them a frame begins.
        max_bytes: Maximum of the payload. Defaults to `MAX_BYTES`.

    Returns:
        The frame; None: it is incomplete, too long, of another kind or malformed, which is for another parser to find out.
    """
    if len(data) - start < _MIN_BYTES:
        return None
    # Fragments, extensions and missing masks make these numbers differ from all that are accepted below.
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
    """The length of a frame.

    Args:
        data: The received bytes.
        start: Where in them a frame begins.

    Returns:
        The number of bytes, header included; None: the header is incomplete.
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
    """A control frame of the server (RFC 6455 section 5.5).

    Args:
        opcode: Such as `PING`.
        payload: At most 125 bytes.

    Returns:
        The frame, ready to send.
    """
    return bytes((_FINAL | opcode, len(payload))) + payload
