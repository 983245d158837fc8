"""EBML, the binary format of Matroska (RFC 8794): elements with an id, a size and a payload."""

from __future__ import annotations

import struct
from typing import Final

__all__ = ["UNKNOWN_SIZE", "element", "number", "real", "text", "void"]

UNKNOWN_SIZE: Final = b"\x01" + b"\xff" * 7
"""The unknown size of an element that ends with the file, in eight octets, to leave room for the real one."""

_VOID: Final = 0xEC

_MAX_SHORT_VOID: Final = 128
"""Maximum length of a void element whose size takes one octet."""


def element(identifier: int, payload: bytes, size: bytes = b"") -> bytes:
    """Make an element.

    Args:
        identifier: The id with its length marker, as in RFC 9559.
        payload: The payload.
        size: The encoded size. Defaults to that of the payload.
    """
    return _octets(identifier) + (size or _size(len(payload))) + payload


def number(identifier: int, value: int) -> bytes:
    """Make an element with an unsigned integer."""
    return element(identifier, _octets(value))


def real(identifier: int, value: float) -> bytes:
    """Make an element with a 64-bit float."""
    return element(identifier, struct.pack(">d", value))


def text(identifier: int, value: str) -> bytes:
    """Make an element with a string."""
    return element(identifier, value.encode())


def void(octets: int) -> bytes:
    """Make a void element, which reserves room for another one.

    Args:
        octets: Total length, 2 or more.
    """
    if octets <= _MAX_SHORT_VOID:
        return element(_VOID, bytes(octets - 2))
    payload = octets - 9
    return element(_VOID, bytes(payload), (payload | 1 << 56).to_bytes(8, "big"))


def _octets(value: int) -> bytes:
    return value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big")


def _size(value: int) -> bytes:
    # All ones is the unknown size, so the maximum of each length is one less.
    length = max(1, ((value + 1).bit_length() + 6) // 7)
    return (value | 1 << 7 * length).to_bytes(length, "big")
