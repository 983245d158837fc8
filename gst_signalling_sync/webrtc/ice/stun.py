"""STUN messages (RFC 8489), with the attributes of TURN (RFC 8656): parsing and encoding."""

from __future__ import annotations

import enum
import hashlib
import hmac
import ipaddress
import os
import struct
import zlib
from dataclasses import dataclass
from typing import Final, TypeAlias

__all__ = ["Address", "Attribute", "Kind", "Message", "Method", "is_channel_data", "long_term_key", "message_length"]

Address: TypeAlias = tuple[str, int]
"""A numeric host, and a port."""

_COOKIE: Final = 0x2112A442
_HEADER: Final = struct.Struct("!HHI12s")
_ATTRIBUTE: Final = struct.Struct("!HH")
HEADER_BYTES: Final = _HEADER.size
_INTEGRITY_BYTES: Final = 24
_FINGERPRINT_MASK: Final = 0x5354554E
_IPV4, _IPV6 = 1, 2


class Method(enum.IntEnum):
    """The method of a message (RFC 8489 section 18.2, RFC 8656 section 17)."""

    BINDING = 0x001
    ALLOCATE = 0x003
    REFRESH = 0x004
    SEND = 0x006
    DATA = 0x007
    CREATE_PERMISSION = 0x008
    CHANNEL_BIND = 0x009


class Kind(enum.IntEnum):
    """The class of a message (RFC 8489 section 5)."""

    REQUEST = 0x000
    INDICATION = 0x010
    SUCCESS = 0x100
    ERROR = 0x110


class Attribute(enum.IntEnum):
    """The attributes in use here (RFC 8489 section 14, RFC 8656 section 18, RFC 8445 section 16.1)."""

    USERNAME = 0x0006
    MESSAGE_INTEGRITY = 0x0008
    ERROR_CODE = 0x0009
    CHANNEL_NUMBER = 0x000C
    LIFETIME = 0x000D
    XOR_PEER_ADDRESS = 0x0012
    DATA = 0x0013
    REALM = 0x0014
    NONCE = 0x0015
    XOR_RELAYED_ADDRESS = 0x0016
    REQUESTED_ADDRESS_FAMILY = 0x0017
    REQUESTED_TRANSPORT = 0x0019
    XOR_MAPPED_ADDRESS = 0x0020
    ADDITIONAL_ADDRESS_FAMILY = 0x8000
    ALTERNATE_SERVER = 0x8023
    PRIORITY = 0x0024
    FINGERPRINT = 0x8028
    ICE_CONTROLLED = 0x8029
    ICE_CONTROLLING = 0x802A
    FILLING = 0xFFF0
    """An unassigned type of the range that receivers ignore if they do not know it (RFC 8489 section 14)."""


@dataclass(frozen=True, slots=True)
class Message:
    """A STUN message.

    Attributes:
        method: The method.
        kind: The class.
        transaction: The transaction ID of twelve bytes, which the response repeats.
        attributes: Types and values, in their order, up to MESSAGE-INTEGRITY.
        signed: The received bytes that MESSAGE-INTEGRITY covers, and its value; None: there is no MESSAGE-INTEGRITY.
    """

    method: int
    kind: Kind
    transaction: bytes
    attributes: tuple[tuple[int, bytes], ...] = ()
    signed: tuple[bytes, bytes] | None = None

    @classmethod
    def request(cls, method: Method, *attributes: tuple[int, bytes]) -> Message:
        """A request with a new transaction ID."""
        return cls(method, Kind.REQUEST, os.urandom(12), attributes)

    @classmethod
    def parse(cls, data: bytes) -> Message:
        """Parse a message.

        Raises:
            ValueError: The bytes are not a STUN message.
        """
        if len(data) < HEADER_BYTES:
            raise ValueError(f"a STUN message must have at least {HEADER_BYTES} bytes, not {len(data)}")
        head, length, cookie, transaction = _HEADER.unpack_from(data)
        if cookie != _COOKIE or head & 0xC000 or HEADER_BYTES + length != len(data) or length % 4:
            raise ValueError("not a STUN message")
        attributes: list[tuple[int, bytes]] = []
        signed = None
        position = HEADER_BYTES
        while position < len(data):
            kind, size = _ATTRIBUTE.unpack_from(data, position)
            value = data[position + 4 : position + 4 + size]
            if len(value) != size:
                raise ValueError("a STUN attribute is cut short")
            if kind == Attribute.MESSAGE_INTEGRITY:
                covered = position + _INTEGRITY_BYTES - HEADER_BYTES
                signed = (data[:2] + struct.pack("!H", covered) + data[4:position], value)
                # Later attributes are not authenticated (RFC 8489 section 14.5).
                break
            attributes.append((kind, value))
            position += 4 + size + -size % 4
        return cls(head & 0x3EEF, Kind(head & 0x0110), transaction, tuple(attributes), signed)

    def encode(self, key: bytes | None = None) -> bytes:
        """The message as bytes.

        Args:
            key: The key of MESSAGE-INTEGRITY. Defaults to None: the message has none.
        """
        body = b"".join(
            _ATTRIBUTE.pack(kind, len(value)) + value + bytes(-len(value) % 4) for kind, value in self.attributes
        )
        head = self.method | self.kind
        if key is None:
            return _HEADER.pack(head, len(body), _COOKIE, self.transaction) + body
        covered = _HEADER.pack(head, len(body) + _INTEGRITY_BYTES, _COOKIE, self.transaction) + body
        return covered + _ATTRIBUTE.pack(Attribute.MESSAGE_INTEGRITY, 20) + _signature(covered, key)

    def encode_check(self, key: bytes, size: int) -> bytes:
        """A connectivity check (RFC 8445 section 7.1.1) as bytes, padded to a size.

        Args:
            key: The key of MESSAGE-INTEGRITY.
            size: Number of bytes, a multiple of four.
        """
        room = size - len(self.encode(key)) - 2 * _ATTRIBUTE.size - 4
        filled = Message(
            self.method, self.kind, self.transaction, (*self.attributes, (Attribute.FILLING, bytes(max(room, 0))))
        )
        signed = filled.encode(key)
        # The length field that FINGERPRINT covers includes FINGERPRINT itself (RFC 8489 section 14.7).
        covered = signed[:2] + (len(signed) - HEADER_BYTES + 8).to_bytes(2) + signed[4:]
        fingerprint = zlib.crc32(covered) ^ _FINGERPRINT_MASK
        return covered + _ATTRIBUTE.pack(Attribute.FINGERPRINT, 4) + fingerprint.to_bytes(4)

    def is_signed_with(self, key: bytes) -> bool:
        """Whether the message has a MESSAGE-INTEGRITY of a key."""
        return self.signed is not None and hmac.compare_digest(_signature(self.signed[0], key), self.signed[1])

    def value(self, kind: Attribute) -> bytes | None:
        """The value of the first attribute of a type; None: there is no such attribute."""
        return next((value for each, value in self.attributes if each == kind), None)

    def text(self, kind: Attribute) -> str | None:
        """The string of an attribute; None: there is no such attribute."""
        value = self.value(kind)
        return None if value is None else value.decode(errors="replace")

    def number(self, kind: Attribute) -> int | None:
        """The 32-bit number of an attribute; None: there is no such attribute."""
        value = self.value(kind)
        return int.from_bytes(value) if value is not None and len(value) == 4 else None

    def addresses(self, kind: Attribute) -> list[Address]:
        """The addresses of all attributes of a type, without malformed ones."""
        is_plain = kind == Attribute.ALTERNATE_SERVER
        found = (
            _unpack_address(value, b"" if is_plain else self.transaction)
            for each, value in self.attributes
            if each == kind
        )
        return [address for address in found if address is not None]

    @property
    def error(self) -> tuple[int, str] | None:
        """The code and the reason phrase of ERROR-CODE; None: there is no such attribute."""
        value = self.value(Attribute.ERROR_CODE)
        if value is None or len(value) < 4:
            return None
        return (value[2] & 7) * 100 + value[3], value[4:].decode(errors="replace")

    def address(self, kind: Attribute, address: Address) -> Message:
        """The message with an address as its last attribute, in the XOR form of RFC 8489 section 14.2."""
        return Message(
            self.method,
            self.kind,
            self.transaction,
            (*self.attributes, (kind, _pack_address(address, self.transaction))),
        )


def long_term_key(username: str, realm: str, password: str) -> bytes:
    """The key of long-term credentials (RFC 8489 section 9.2.2)."""
    return hashlib.md5(f"{username}:{realm}:{password}".encode(), usedforsecurity=False).digest()


def is_channel_data(data: bytes) -> bool:
    """Whether bytes from a TURN server are ChannelData (RFC 8656 section 12.4)."""
    return len(data) >= 4 and 0x40 <= data[0] <= 0x4F


def message_length(head: bytes) -> int:
    """The length of a message in a stream from a TURN server, by its first four bytes.

    ChannelData is padded in streams (RFC 8656 section 12.5).
    """
    _, length = _ATTRIBUTE.unpack_from(head)
    if is_channel_data(head):
        return 4 + int(length) + -int(length) % 4
    return HEADER_BYTES + int(length)


def _signature(covered: bytes, key: bytes) -> bytes:
    return hmac.digest(key, covered, "sha1")


def _mask(transaction: bytes, size: int) -> bytes:
    return (_COOKIE.to_bytes(4) + transaction)[:size] if transaction else bytes(size)


def _pack_address(address: Address, transaction: bytes) -> bytes:
    packed = ipaddress.ip_address(address[0]).packed
    masked = bytes(a ^ b for a, b in zip(packed, _mask(transaction, len(packed)), strict=True))
    port = address[1] ^ (_COOKIE >> 16)
    return struct.pack("!BBH", 0, _IPV4 if len(packed) == 4 else _IPV6, port) + masked


def _unpack_address(value: bytes, transaction: bytes) -> Address | None:
    size = {_IPV4: 4, _IPV6: 16}.get(value[1] if len(value) > 1 else 0)
    if size is None or len(value) != 4 + size:
        return None
    port = int.from_bytes(value[2:4]) ^ (_COOKIE >> 16 if transaction else 0)
    packed = bytes(a ^ b for a, b in zip(value[4:], _mask(transaction, size), strict=True))
    return str(ipaddress.ip_address(packed)), port
