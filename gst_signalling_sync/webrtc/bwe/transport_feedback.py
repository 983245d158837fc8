"""`TransportFeedback`: the RTCP message of TWCC (draft-holmer-rmcat-transport-wide-cc-extensions-01).

A receiver reports for each packet of a transport, whichever stream it belongs to, its arrival time, or that it is missing.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

__all__ = ["MAX_PACKETS", "TICKS_PER_SECOND", "TransportFeedback"]

TICKS_PER_SECOND: Final = 4000
"""Unit of arrival times: 250 us."""

_REFERENCE_TICKS: Final = 256
"""Unit of the reference time: 64 ms."""

_REFERENCE_MASK: Final = (1 << 24) - 1

MAX_PACKETS: Final = 400
"""Maximum number of packets of one message, which then has at most a kilobyte; the format would exceed a datagram."""

_HEADER: Final = struct.Struct("!HHI")

# Symbols (section 3.1.1).
_LOST, _SMALL, _LARGE = 0, 1, 2

_MAX_RUN: Final = (1 << 13) - 1
_ONE_BIT_SYMBOLS: Final = 14
_TWO_BIT_SYMBOLS: Final = 7
_VECTOR: Final = 1 << 15
_TWO_BITS: Final = 1 << 14

_MAX_SMALL: Final = (1 << 8) - 1
_MAX_DELTA: Final = (1 << 15) - 1


@dataclass(frozen=True, slots=True)
class TransportFeedback:
    """The arrival times of a transport's packets.

    Attributes:
        base: Transport-wide sequence number of the first packet, 16 bits.
        number: Feedback packet count, 8 bits.
        reference: Reference time near the first arrival, in units of 64 ms, 24 bits.
        arrivals: For each packet from the first on: its arrival in ticks after the reference; None: it has not arrived.
            Successive arrivals differ by less than 8 s.
    """

    base: int
    number: int
    reference: int
    arrivals: tuple[int | None, ...]

    def pack(self) -> bytes:
        """The feedback control information (RFC 4585 section 6.1), a multiple of four bytes.

        Raises:
            ValueError: Two successive arrivals are too far apart, or there are too many packets.
        """
        if not 0 < len(self.arrivals) <= 0xFFFF:
            raise ValueError(f"feedback must be on 1 to 65535 packets, not on {len(self.arrivals)}")
        symbols: list[int] = []
        deltas: list[bytes] = []
        last = 0
        for arrival in self.arrivals:
            if arrival is None:
                symbols.append(_LOST)
                continue
            delta, last = arrival - last, arrival
            if 0 <= delta <= _MAX_SMALL:
                symbols.append(_SMALL)
                deltas.append(bytes([delta]))
            elif -_MAX_DELTA <= delta <= _MAX_DELTA:
                symbols.append(_LARGE)
                deltas.append(struct.pack("!h", delta))
            else:
                raise ValueError(f"successive arrivals must be at most {_MAX_DELTA} ticks apart, not {delta}")
        head = _HEADER.pack(self.base, len(self.arrivals), (self.reference & _REFERENCE_MASK) << 8 | self.number & 0xFF)
        body = head + b"".join(struct.pack("!H", chunk) for chunk in _chunks(symbols)) + b"".join(deltas)
        return body + bytes(-len(body) % 4)

    @staticmethod
    def packets_in(data: bytes) -> int:
        """Number of packets that feedback control information says that it reports; 0: it is truncated."""
        return data[2] << 8 | data[3] if len(data) >= _HEADER.size else 0

    @classmethod
    def parse(cls, data: bytes) -> TransportFeedback:
        """Parse feedback control information. The sender is not trusted.

        Raises:
            ValueError: It is truncated, or has reserved symbols.
        """
        if len(data) < _HEADER.size:
            raise ValueError("transport-wide feedback is truncated")
        base, count, times = _HEADER.unpack_from(data)
        symbols: list[int] = []
        position = _HEADER.size
        while len(symbols) < count:
            if position + 2 > len(data):
                raise ValueError("transport-wide feedback is truncated in its packet chunks")
            symbols += _symbols(data[position] << 8 | data[position + 1])
            position += 2
        arrivals: list[int | None] = []
        last = 0
        for symbol in symbols[:count]:
            size = (0, 1, 2, 0)[symbol]
            if symbol == _SMALL | _LARGE or position + size > len(data):
                raise ValueError("transport-wide feedback is truncated in its deltas, or has reserved symbols")
            last += int.from_bytes(data[position : position + size], "big", signed=symbol == _LARGE)
            arrivals.append(None if symbol == _LOST else last)
            position += size
        return cls(base, times & 0xFF, times >> 8, tuple(arrivals))

    @property
    def ticks(self) -> Iterator[tuple[int, int | None]]:
        """The sequence number of each packet, 16 bits, and its arrival in ticks, which wrap as `reference` does."""
        origin = self.reference * _REFERENCE_TICKS
        for index, arrival in enumerate(self.arrivals):
            yield (self.base + index) & 0xFFFF, None if arrival is None else origin + arrival


def _chunks(symbols: Sequence[int]) -> Iterator[int]:
    """Packet chunks (sections 3.1.3 and 3.1.4): run lengths where these are not longer than status vectors."""
    position = 0
    while position < len(symbols):
        first = symbols[position]
        run = 1
        while position + run < len(symbols) and run < _MAX_RUN and symbols[position + run] == first:
            run += 1
        left = len(symbols) - position
        ones = symbols[position : position + _ONE_BIT_SYMBOLS]
        if run >= min(left, _ONE_BIT_SYMBOLS if _LARGE not in ones else _TWO_BIT_SYMBOLS):
            yield first << 13 | run
            position += run
        elif _LARGE not in ones:
            yield _VECTOR | sum(symbol << 13 - index for index, symbol in enumerate(ones))
            position += len(ones)
        else:
            twos = symbols[position : position + _TWO_BIT_SYMBOLS]
            yield _VECTOR | _TWO_BITS | sum(symbol << 12 - 2 * index for index, symbol in enumerate(twos))
            position += len(twos)


def _symbols(chunk: int) -> list[int]:
    if not chunk & _VECTOR:
        return [chunk >> 13 & 3] * (chunk & _MAX_RUN)
    if chunk & _TWO_BITS:
        return [chunk >> 12 - 2 * index & 3 for index in range(_TWO_BIT_SYMBOLS)]
    return [chunk >> 13 - index & 1 for index in range(_ONE_BIT_SYMBOLS)]
