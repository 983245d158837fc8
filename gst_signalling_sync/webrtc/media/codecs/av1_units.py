"""OBUs of AV1 (AV1 bitstream specification, section 5.3), and elements of packets (RTP Payload Format For AV1, section 4).

A decoder takes OBUs that contain their sizes; in RTP the packet contains the length of each element.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

__all__ = [
    "SEQUENCE_HEADER",
    "Elements",
    "begins_frame",
    "begins_keyframe",
    "is_sent",
    "kind_of",
    "read_elements",
    "read_leb128",
    "sized",
    "units",
    "unsized",
    "written_leb128",
]

SEQUENCE_HEADER: Final = 1
_TEMPORAL_DELIMITER: Final = 2
_FRAME_HEADER: Final = 3
_FRAME: Final = 6
_TILE_LIST: Final = 8
_PADDING: Final = 15

_OF_A_FRAME: Final = (_FRAME_HEADER, 4, _FRAME, 7)
"""Types of OBUs of a frame: frame header, tile group, frame, and redundant frame header."""

_HAS_EXTENSION: Final = 0x04
_HAS_SIZE: Final = 0x02
_SHOWS_EXISTING_OR_IS_NO_KEYFRAME: Final = 0xE0
"""Bits of show_existing_frame, and of frame_type, which is 0 for keyframes (section 5.9.2)."""

_MAX_LEB128_BYTES: Final = 8

_CONTINUES: Final = 0x80
_IS_CONTINUED: Final = 0x40
_BEGINS_SEQUENCE: Final = 0x08
_MAX_ELEMENTS: Final = 64
"""Maximum number of elements in one packet."""


class Elements(NamedTuple):
    """The content of one RTP payload.

    Attributes:
        elements: Elements, each an OBU or a part of it; none is empty.
        continues: Whether the first one continues the last one of the previous packet (Z).
        is_continued: Whether the last one continues in the next packet (Y).
        begins_sequence: Whether it is the first packet of a coded video sequence, which begins with a keyframe (N).
    """

    elements: tuple[bytes, ...]
    continues: bool = False
    is_continued: bool = False
    begins_sequence: bool = False


def read_leb128(data: bytes, position: int) -> tuple[int, int]:
    """Read a number in leb128; return it and the position after it.

    Raises:
        ValueError: The number is cut off, or too long.
    """
    value = 0
    for index in range(_MAX_LEB128_BYTES):
        if position + index >= len(data):
            break
        byte = data[position + index]
        value |= (byte & 0x7F) << 7 * index
        if not byte & 0x80:
            return value, position + index + 1
    raise ValueError("the length is cut off or too long")


def written_leb128(value: int) -> bytes:
    """A number in leb128, in as few bytes as possible."""
    data = bytearray()
    while value > 0x7F:
        data.append(value & 0x7F | 0x80)
        value >>= 7
    data.append(value)
    return bytes(data)


def read_elements(payload: bytes) -> Elements:
    """Parse an RTP payload (RTP Payload Format For AV1, section 4.4).

    Raises:
        ValueError: It is not an AV1 payload.
    """
    flags, position = payload[0], 1
    count = flags >> 4 & 3
    elements: list[bytes] = []
    while position < len(payload):
        # If they are counted, the last one has no length.
        if count and len(elements) == count - 1:
            begin, position = position, len(payload)
        else:
            size, begin = read_leb128(payload, position)
            position = begin + size
        element = payload[begin:position]
        if not element or position > len(payload) or len(elements) == _MAX_ELEMENTS:
            raise ValueError("the OBU elements do not fit into their packet")
        elements.append(element)
    if not elements or (count and len(elements) != count):
        raise ValueError("an OBU element is missing")
    continues, begins_sequence = bool(flags & _CONTINUES), bool(flags & _BEGINS_SEQUENCE)
    if continues and begins_sequence:
        raise ValueError("a sequence cannot begin in the middle of an OBU")
    return Elements(tuple(elements), continues, bool(flags & _IS_CONTINUED), begins_sequence)


def units(access_unit: bytes) -> Iterator[bytes]:
    """The OBUs of a temporal unit, each with its size, as encoders make them. Data after an OBU without a size belongs to it.

    Raises:
        ValueError: An OBU is cut off.
    """
    position = 0
    while position < len(access_unit):
        begin = position
        position += 2 if access_unit[begin] & _HAS_EXTENSION else 1
        if access_unit[begin] & _HAS_SIZE:
            size, position = read_leb128(access_unit, position)
            position += size
        else:
            position = len(access_unit)
        if position > len(access_unit):
            raise ValueError("an OBU is cut off")
        yield access_unit[begin:position]


def kind_of(unit: bytes) -> int:
    """The type of an OBU, by its first byte."""
    return unit[0] >> 3 & 0xF


def is_sent(unit: bytes) -> bool:
    """Whether an OBU is sent: all but temporal delimiters, tile lists and padding."""
    return kind_of(unit) not in (_TEMPORAL_DELIMITER, _TILE_LIST, _PADDING)


def begins_frame(unit: bytes) -> bool:
    """Whether an OBU, or its beginning, is part of a frame, not only of what precedes it, such as a sequence header."""
    return kind_of(unit) in _OF_A_FRAME


def begins_keyframe(unit: bytes) -> bool:
    """Whether an OBU without a size, or its beginning, begins a keyframe."""
    header = 2 if unit[0] & _HAS_EXTENSION else 1
    if kind_of(unit) not in (_FRAME, _FRAME_HEADER) or unit[0] & _HAS_SIZE or len(unit) <= header:
        return False
    return not unit[header] & _SHOWS_EXISTING_OR_IS_NO_KEYFRAME


def unsized(unit: bytes) -> bytes:
    """An OBU without its size, as in RTP.

    Raises:
        ValueError: It is cut off.
    """
    header = 2 if unit[0] & _HAS_EXTENSION else 1
    if len(unit) < header:
        raise ValueError("an OBU is cut off")
    if not unit[0] & _HAS_SIZE:
        return unit
    size, begin = read_leb128(unit, header)
    if begin + size > len(unit):
        raise ValueError("an OBU is cut off")
    return bytes([unit[0] & ~_HAS_SIZE & 0xFF]) + unit[1:header] + unit[begin : begin + size]


def sized(unit: bytes) -> bytes:
    """An OBU with its size, as decoders take it.

    Args:
        unit: An OBU without its size.
    """
    header = 2 if unit[0] & _HAS_EXTENSION else 1
    content = unit[header:]
    return b"".join((bytes([unit[0] | _HAS_SIZE]), unit[1:header], written_leb128(len(content)), content))
