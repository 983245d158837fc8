"""A sender of H265 (RFC 7798): packs NAL units into payloads, with or without decoding order numbers."""

from __future__ import annotations

import struct
from collections.abc import Sequence

__all__ = ["access_unit", "packed", "unit"]


def unit(kind: int, content: bytes) -> bytes:
    """A NAL unit of the base layer, without a start code."""
    return bytes([kind << 1, 1]) + content


def access_unit(units: Sequence[bytes]) -> bytes:
    """NAL units in the form that a decoder takes."""
    return b"".join(b"\0\0\0\1" + each for each in units)


def packed(units: Sequence[bytes], max_payload: int, first_order: int | None = None) -> list[bytes]:
    """The payloads of an access unit; neighbouring units share a payload if they fit.

    Args:
        units: The NAL units.
        max_payload: Maximum size of a payload in bytes.
        first_order: Decoding order number of the first unit; None: there are no such numbers.
    """
    payloads: list[bytes] = []
    together: list[tuple[int, bytes]] = []

    def flush() -> None:
        if together:
            payloads.append(_alone(*together[0]) if len(together) == 1 else _aggregated(together))
            together.clear()

    def _alone(order: int, each: bytes) -> bytes:
        return each[:2] + _number(order) + each[2:]

    def _aggregated(them: list[tuple[int, bytes]]) -> bytes:
        content = b"\x60\x01" + _number(them[0][0])
        for index, (_, each) in enumerate(them):
            # Each unit is decoded immediately after the one before; a difference of 1 is written as 0.
            content += b"\0" if index and first_order is not None else b""
            content += struct.pack("!H", len(each)) + each
        return content

    def _number(order: int) -> bytes:
        return b"" if first_order is None else struct.pack("!H", order)

    for index, each in enumerate(units):
        order = ((first_order or 0) + index) % (1 << 16)
        if len(_alone(order, each)) > max_payload:
            flush()
            payloads += _in_parts(each, max_payload, _number(order))
            continue
        if together and len(_aggregated([*together, (order, each)])) > max_payload:
            flush()
        together.append((order, each))
    flush()
    return payloads


def _in_parts(each: bytes, max_payload: int, number: bytes) -> list[bytes]:
    kind, content = each[0] >> 1 & 0x3F, each[2:]
    header = bytes([each[0] & 0x81 | 49 << 1, each[1]])
    payloads = []
    position = 0
    while position < len(content):
        before = number if position == 0 else b""
        size = max_payload - 3 - len(before)
        flags = (0x80 if position == 0 else 0) | (0x40 if position + size >= len(content) else 0)
        payloads.append(header + bytes([flags | kind]) + before + content[position : position + size])
        position += size
    return payloads
