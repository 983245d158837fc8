"""EBML, the binary form of Matroska (RFC 8794): elements of an id, a size and a payload."""

from __future__ import annotations

import struct
from typing import Final

__all__ = ["UNKNOWN_SIZE", "element", "number", "real", "text", "void"]

UNKNOWN_SIZE: Final = b"\x01" + b"\xff" * 7
"""Of an element that ends with the file, in eight octets, which leave room for the real one."""

_VOID: Final = 0xEC

_MAX_SHORT_VOID: Final = 128
"""Octets of an element whose size takes one of them."""


def element(identifier: int, payload: bytes, size: bytes = b"") -> bytes:
    """An element.

    Args:
        identifier: With its length marker, as RFC 9559 lists it.
        payload: Octets.
        size: As it is to be written; by default that of the payload.
    """
    return _octets(identifier) + (size or _size(len(payload))) + payload


def number(identifier: int, value: int) -> bytes:
    """An element that holds an unsigned integer."""
    return element(identifier, _octets(value))


def real(identifier: int, value: float) -> bytes:
    """An element that holds a number of 64 bits with a fraction."""
    return element(identifier, struct.pack(">d", value))


def text(identifier: int, value: str) -> bytes:
    """An element that holds a text."""
    return element(identifier, value.encode())


def void(octets: int) -> bytes:
    """An element that means nothing and keeps room for another.

    Args:
        octets: In all: 2 or more.
    """
    if octets <= _MAX_SHORT_VOID:
        return element(_VOID, bytes(octets - 2))
    payload = octets - 9
    return element(_VOID, bytes(payload), (payload | 1 << 56).to_bytes(8, "big"))


def _octets(value: int) -> bytes:
    return value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big")


def _size(value: int) -> bytes:
    # All ones is the unknown size, so the largest number of each length is one less.
    length = max(1, ((value + 1).bit_length() + 6) // 7)
    return (value | 1 << 7 * length).to_bytes(length, "big")
