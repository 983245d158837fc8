"""Parameters and error causes, which have a variable length (RFC 9260 sections 3.2.1 and 3.3.10)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from .chunks import MalformedPacket

__all__ = [
    "COOKIE_RECEIVED_WHILE_SHUTTING_DOWN",
    "FORWARD_TSN_SUPPORTED",
    "HEARTBEAT_INFORMATION",
    "INVALID_STREAM",
    "NO_USER_DATA",
    "OUT_OF_RESOURCE",
    "PROTOCOL_VIOLATION",
    "RESTART_WITH_NEW_ADDRESSES",
    "STALE_COOKIE",
    "STATE_COOKIE",
    "SUPPORTED_EXTENSIONS",
    "UNRECOGNIZED_CHUNK",
    "UNRECOGNIZED_PARAMETER",
    "USER_INITIATED_ABORT",
    "parameter",
    "parse_parameters",
]

HEARTBEAT_INFORMATION: Final = 1
STATE_COOKIE: Final = 7
UNRECOGNIZED_PARAMETER: Final = 8
SUPPORTED_EXTENSIONS: Final = 0x8008
"""The parameter of RFC 5061 section 4.2.7."""
FORWARD_TSN_SUPPORTED: Final = 0xC000
"""The parameter of RFC 3758 section 3.1."""

INVALID_STREAM: Final = 1
STALE_COOKIE: Final = 3
OUT_OF_RESOURCE: Final = 4
UNRECOGNIZED_CHUNK: Final = 6
NO_USER_DATA: Final = 9
COOKIE_RECEIVED_WHILE_SHUTTING_DOWN: Final = 10
RESTART_WITH_NEW_ADDRESSES: Final = 11
USER_INITIATED_ABORT: Final = 12
PROTOCOL_VIOLATION: Final = 13

_HEADER: Final = struct.Struct("!HH")


def parameter(kind: int, value: bytes = b"") -> bytes:
    """Make a parameter or error cause, padded to a multiple of four bytes."""
    return _HEADER.pack(kind, _HEADER.size + len(value)) + value + bytes(-len(value) & 3)


def parse_parameters(value: bytes) -> Iterator[tuple[int, bytes]]:
    """Parse parameters or error causes.

    Yields:
        The type and the value of each.

    Raises:
        MalformedPacket: The length of one is wrong.
    """
    position, size = 0, len(value)
    while position <= size - _HEADER.size:
        kind, length = _HEADER.unpack_from(value, position)
        if length < _HEADER.size or position + length > size:
            raise MalformedPacket(
                f"the length of a parameter must be {_HEADER.size} to {size - position}, not {length}"
            )
        yield kind, value[position + _HEADER.size : position + length]
        position += length + (-length & 3)
