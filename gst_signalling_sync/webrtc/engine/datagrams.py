"""DTLS records in datagrams (RFC 6347 sections 4.1 and 4.1.1): how large both may be, and which of them are sent together."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import Final

__all__ = ["MAX_DATAGRAM", "MAX_PACKET", "datagrams_of", "record_bytes", "runs_of"]

MAX_DATAGRAM: Final = 1196
"""Maximum of a datagram, in bytes: the UDP payload of 1200 bytes that every path takes, less the header of a TURN channel."""

MAX_PACKET: Final = 1128
"""Maximum of a packet of SCTP, in bytes: a datagram of `MAX_DATAGRAM`, less the maximum overhead of a DTLS record, which is
that of CBC (RFC 6347 section 4.1): the header (13), an initial vector (16), a MAC (20) and padding (16). It is a multiple of
4."""

_MAX_RUN: Final = 32
"""Maximum number of packets that are sent at once. Linux takes 64, of some 64 KiB in all."""

_RECORD_HEADER: Final = struct.Struct("!11xH")
"""The length field in the record header of 13 bytes (RFC 6347 section 4.1)."""


def runs_of(packets: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """Split packets into runs of the same size, of which the last packet may be smaller, as segmentation offload needs it."""
    start = 0
    for position in range(1, len(packets) + 1):
        size = len(packets[start])
        is_over = position == len(packets) or position - start == _MAX_RUN
        if is_over or len(packets[position]) > size or len(packets[position - 1]) < size:
            yield packets[start:position]
            start = position


def record_bytes(records: bytes) -> int:
    """The size of the first record, in bytes."""
    return _RECORD_HEADER.size + int(_RECORD_HEADER.unpack_from(records)[0])


def datagrams_of(records: bytes) -> list[bytes]:
    """Put records into datagrams of at most `MAX_DATAGRAM` bytes."""
    datagrams = [b""]
    while records:
        length = record_bytes(records)
        record, records = records[:length], records[length:]
        if len(datagrams[-1]) + len(record) > MAX_DATAGRAM and datagrams[-1]:
            datagrams.append(b"")
        datagrams[-1] += record
    return datagrams
