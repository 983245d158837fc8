"""Packets and chunks on the wire (RFC 9260 section 3; FORWARD TSN: RFC 3758 section 3.2).

A parsed chunk is its type, its flags and the position of its value in the datagram, so that the many DATA chunks of a packet
need no objects. The input is not trusted: malformed packets raise `MalformedPacket` only.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from google_crc32c import value as crc32c

__all__ = [
    "ABORT",
    "CHUNK_HEADER_BYTES",
    "COOKIE_ACK",
    "COOKIE_ECHO",
    "DATA",
    "DATA_HEADER_BYTES",
    "DATA_VALUE",
    "ERROR",
    "FIRST",
    "FORWARD_TSN",
    "HEARTBEAT",
    "HEARTBEAT_ACK",
    "IMMEDIATE",
    "INIT",
    "INIT_ACK",
    "LAST",
    "PACKET_HEADER_BYTES",
    "RE_CONFIG",
    "SACK",
    "SHUTDOWN",
    "SHUTDOWN_ACK",
    "SHUTDOWN_COMPLETE",
    "TAG_REFLECTED",
    "UNORDERED",
    "ForwardTsn",
    "Init",
    "MalformedPacket",
    "RawChunk",
    "Sack",
    "chunk",
    "data_chunk",
    "packet",
    "parse_cumulative_tsn",
    "parse_packet",
    "plain_sack",
    "shutdown_chunk",
]

DATA: Final = 0
INIT: Final = 1
INIT_ACK: Final = 2
SACK: Final = 3
HEARTBEAT: Final = 4
HEARTBEAT_ACK: Final = 5
ABORT: Final = 6
SHUTDOWN: Final = 7
SHUTDOWN_ACK: Final = 8
ERROR: Final = 9
COOKIE_ECHO: Final = 10
COOKIE_ACK: Final = 11
SHUTDOWN_COMPLETE: Final = 14
RE_CONFIG: Final = 130
FORWARD_TSN: Final = 192

LAST: Final = 1
"""Flag of DATA: the chunk is the last fragment of a message."""
FIRST: Final = 2
"""Flag of DATA: the chunk is the first fragment of a message."""
UNORDERED: Final = 4
IMMEDIATE: Final = 8
"""Flag of DATA: the sender asks for a SACK at once."""

TAG_REFLECTED: Final = 1
"""The flag T of ABORT and SHUTDOWN COMPLETE: the verification tag is the receiver's own (RFC 9260 section 8.5.1)."""

PACKET_HEADER_BYTES: Final = 12
CHUNK_HEADER_BYTES: Final = 4
DATA_HEADER_BYTES: Final = 16

_PACKET_HEADER: Final = struct.Struct("!HHL")
_CHECKSUM: Final = struct.Struct("<L")
_CHUNK_HEADER: Final = struct.Struct("!BBH")
_DATA: Final = struct.Struct("!BBHLHHL")
DATA_VALUE: Final = struct.Struct("!LHHL")
"""The fields before the payload of a DATA chunk: TSN, stream, stream sequence number and payload protocol identifier (RFC 9260
section 3.3.1)."""
_INIT: Final = struct.Struct("!LLHHL")
_SACK: Final = struct.Struct("!BBHLLHH")
_SACK_VALUE: Final = struct.Struct("!LLHH")
_TSN: Final = struct.Struct("!L")

_NO_CHECKSUM: Final = bytes(4)
_PADDING: Final = (b"", b"\0\0\0", b"\0\0", b"\0")


class MalformedPacket(ValueError):
    """A packet is malformed, or not one of this association. Chunks that were not handled before the error are dropped."""


RawChunk = tuple[int, int, int, int]
"""Type, flags, and the positions in the datagram at which the value begins and ends."""


class Init(NamedTuple):
    """The value of an INIT or INIT ACK (RFC 9260 section 3.3.2)."""

    tag: int
    window: int
    outgoing_streams: int
    incoming_streams: int
    first_tsn: int
    parameters: bytes

    @classmethod
    def parse(cls, value: bytes) -> Init:
        """Parse the value.

        Raises:
            MalformedPacket: It is too short, or has no tag or no streams (RFC 9260 section 3.3.2).
        """
        if len(value) < _INIT.size:
            raise MalformedPacket(f"an INIT must have at least {_INIT.size} bytes, not {len(value)}")
        tag, window, outgoing_streams, incoming_streams, first_tsn = _INIT.unpack_from(value)
        parsed = cls(tag, window, outgoing_streams, incoming_streams, first_tsn, value[_INIT.size :])
        if not (parsed.tag and parsed.outgoing_streams and parsed.incoming_streams):
            raise MalformedPacket("an INIT must have a tag, and streams in both directions (RFC 9260 section 3.3.2)")
        return parsed

    def serialize(self, kind: int) -> bytes:
        """Serialise the chunk, with the type of an INIT or INIT ACK."""
        return chunk(kind, 0, _INIT.pack(*self[:5]) + self.parameters)


class Sack(NamedTuple):
    """A SACK (RFC 9260 section 3.3.4)."""

    cumulative_tsn: int
    window: int
    gaps: Sequence[tuple[int, int]]
    """The runs of TSNs received beyond the cumulative TSN, as offsets from it."""
    duplicates: Sequence[int]

    @classmethod
    def parse(cls, value: bytes) -> Sack:
        """Parse the value.

        Raises:
            MalformedPacket: It is shorter than its counts say.
        """
        if len(value) < _SACK_VALUE.size:
            raise MalformedPacket(f"a SACK must have at least {_SACK_VALUE.size} bytes, not {len(value)}")
        cumulative_tsn, window, gap_count, duplicate_count = _SACK_VALUE.unpack_from(value)
        size = _SACK_VALUE.size + 4 * (gap_count + duplicate_count)
        if len(value) < size:
            raise MalformedPacket(f"a SACK with this number of blocks must have {size} bytes, not {len(value)}")
        if not (gap_count or duplicate_count):
            return cls(cumulative_tsn, window, (), ())
        bounds = struct.unpack_from(f"!{2 * gap_count}H", value, _SACK_VALUE.size)
        duplicates = struct.unpack_from(f"!{duplicate_count}L", value, _SACK_VALUE.size + 4 * gap_count)
        return cls(cumulative_tsn, window, list(zip(bounds[::2], bounds[1::2], strict=True)), duplicates)

    def serialize(self) -> bytes:
        """Serialise the chunk."""
        gaps, duplicates = self.gaps, self.duplicates
        size = _SACK.size + 4 * (len(gaps) + len(duplicates))
        header = _SACK.pack(SACK, 0, size, self.cumulative_tsn, self.window, len(gaps), len(duplicates))
        bounds = [bound for gap in gaps for bound in gap]
        return header + struct.pack(f"!{len(bounds)}H{len(duplicates)}L", *bounds, *duplicates)


class ForwardTsn(NamedTuple):
    """A FORWARD TSN (RFC 3758 section 3.2)."""

    cumulative_tsn: int
    streams: Sequence[tuple[int, int]]
    """The streams whose ordered messages are skipped, each with the sequence number of the last skipped message."""

    @classmethod
    def parse(cls, value: bytes) -> ForwardTsn:
        """Parse the value.

        Raises:
            MalformedPacket: Its length is wrong.
        """
        if len(value) < _TSN.size or len(value) % 4:
            raise MalformedPacket(f"the length of a FORWARD TSN must be 4 or another multiple of it, not {len(value)}")
        numbers = struct.unpack_from(f"!{(len(value) - _TSN.size) // 2}H", value, _TSN.size)
        return cls(_TSN.unpack_from(value)[0], list(zip(numbers[::2], numbers[1::2], strict=True)))

    def serialize(self) -> bytes:
        """Serialise the chunk."""
        numbers = [number for pair in self.streams for number in pair]
        return chunk(FORWARD_TSN, 0, _TSN.pack(self.cumulative_tsn) + struct.pack(f"!{len(numbers)}H", *numbers))


def chunk(kind: int, flags: int = 0, value: bytes = b"") -> bytes:
    """Make a chunk, padded to a multiple of four bytes."""
    return _CHUNK_HEADER.pack(kind, flags, CHUNK_HEADER_BYTES + len(value)) + value + _PADDING[len(value) % 4]


def data_chunk(flags: int, tsn: int, stream: int, ssn: int, identifier: int, payload: bytes) -> bytes:
    """Make a DATA chunk (RFC 9260 section 3.3.1), padded to a multiple of four bytes."""
    size = len(payload)
    header = _DATA.pack(DATA, flags, DATA_HEADER_BYTES + size, tsn, stream, ssn, identifier)
    return header + payload + _PADDING[size % 4]


def plain_sack(cumulative_tsn: int, window: int) -> bytes:
    """Make a SACK without gaps and duplicates."""
    return _SACK.pack(SACK, 0, _SACK.size, cumulative_tsn, window, 0, 0)


def shutdown_chunk(cumulative_tsn: int) -> bytes:
    """Make a SHUTDOWN chunk (RFC 9260 section 3.3.8)."""
    return chunk(SHUTDOWN, 0, _TSN.pack(cumulative_tsn))


def packet(source: int, destination: int, tag: int, chunks: Iterable[bytes]) -> bytes:
    """Make a packet (RFC 9260 section 3.1).

    Args:
        source: The port of this end.
        destination: The port of the peer.
        tag: The verification tag.
        chunks: The padded chunks.
    """
    header = _PACKET_HEADER.pack(source, destination, tag)
    body = b"".join(chunks)
    return header + _CHECKSUM.pack(crc32c(header + _NO_CHECKSUM + body)) + body


def parse_packet(datagram: bytes, source: int, destination: int) -> tuple[int, list[RawChunk]]:
    """Parse a packet.

    Args:
        datagram: The packet.
        source: The source port that it must have.
        destination: The destination port that it must have.

    Returns:
        The verification tag, and the chunks.

    Raises:
        MalformedPacket: Its ports, its checksum, or the length of a chunk is wrong.
    """
    size = len(datagram)
    if size < PACKET_HEADER_BYTES + CHUNK_HEADER_BYTES:
        raise MalformedPacket(
            f"a packet must have at least {PACKET_HEADER_BYTES + CHUNK_HEADER_BYTES} bytes, not {size}"
        )
    from_port, to_port, tag = _PACKET_HEADER.unpack_from(datagram)
    if (from_port, to_port) != (source, destination):
        raise MalformedPacket(
            f"the ports of a packet must be {source} and {destination}, not {from_port} and {to_port}"
        )
    if crc32c(datagram[:8] + _NO_CHECKSUM + datagram[12:]) != _CHECKSUM.unpack_from(datagram, 8)[0]:
        raise MalformedPacket("the checksum of a packet must be its CRC32c (RFC 9260 section 6.8)")
    chunks = []
    position = PACKET_HEADER_BYTES
    while position <= size - CHUNK_HEADER_BYTES:
        kind, flags, length = _CHUNK_HEADER.unpack_from(datagram, position)
        end = position + length
        if length < CHUNK_HEADER_BYTES or end > size:
            raise MalformedPacket(
                f"the length of a chunk must be {CHUNK_HEADER_BYTES} to {size - position}, not {length}"
            )
        chunks.append((kind, flags, position + CHUNK_HEADER_BYTES, end))
        position = end + (-length & 3)
    return tag, chunks


def parse_cumulative_tsn(value: bytes) -> int:
    """Parse the value of a SHUTDOWN.

    Raises:
        MalformedPacket: It is too short.
    """
    if len(value) < _TSN.size:
        raise MalformedPacket(f"a SHUTDOWN must have at least {_TSN.size} bytes, not {len(value)}")
    tsn: int = _TSN.unpack_from(value)[0]
    return tsn
