"""`Reconfiguration`: resets of streams (RFC 6525), by which data channels are closed (RFC 8831 section 6.7)."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

from .chunks import RE_CONFIG, MalformedPacket, chunk
from .events import OutgoingReset
from .parameters import parameter, parse_parameters
from .round_trips import RoundTrips
from .serial import TSN_MASK, nearest_tsn

__all__ = ["Reconfiguration", "ResetRequest"]

_RESET_OUTGOING: Final = 13
_RESET_INCOMING: Final = 14
_RESET_TSNS: Final = 15
_RESPONSE: Final = 16
_ADD_OUTGOING: Final = 17
_ADD_INCOMING: Final = 18

_NOTHING_TO_DO: Final = 0
"""Results of RFC 6525 section 4.4; this one is "Success - Nothing to do"."""
_PERFORMED: Final = 1
_DENIED: Final = 2
_ALREADY_IN_PROGRESS: Final = 4
_BAD_SEQUENCE_NUMBER: Final = 5
_IN_PROGRESS: Final = 6

_OUTGOING_REQUEST: Final = struct.Struct("!LLL")
_TWO_NUMBERS: Final = struct.Struct("!LL")
_NUMBER: Final = struct.Struct("!L")

_MAX_STREAMS: Final = 64
"""Maximum number of streams in one request. More would fit into a packet, but libdatachannel closes only some channels of a
request with 256."""


class ResetRequest(NamedTuple):
    """A request of the peer to reset its outgoing streams."""

    number: int
    last_tsn: int
    """The last TSN before the reset, which does not wrap."""
    streams: tuple[int, ...]
    """The streams; empty: all streams."""


class _Chosen(NamedTuple):
    """The streams that the next request of this end is for.

    Attributes:
        last_tsn: The last TSN before their reset.
        streams: The streams.
    """

    last_tsn: int
    streams: tuple[int, ...]


class _Pending(NamedTuple):
    """A request of this end without an answer."""

    number: int
    streams: tuple[int, ...]
    wire: bytes


class Reconfiguration:
    """The requests of both ends, of which each end has one at a time (RFC 6525 section 5.1.1).

    Args:
        first_number: The first TSN of this end, which is the number of its first request.
        first_peer_number: The first TSN of the peer, which is the number of its first request.
        round_trips: Gives the time after which a request is repeated.
    """

    def __init__(self, first_number: int, first_peer_number: int, round_trips: RoundTrips) -> None:
        self._next_number = first_number
        self._expected = first_peer_number
        self._round_trips = round_trips
        self.wanted: list[int] = []
        """Outgoing streams to reset for which no request was sent yet."""

        self._chosen: _Chosen | None = None
        self._pending: _Pending | None = None
        self.is_due = False
        """Whether the outstanding request has to be repeated."""

        self._last_result = _NOTHING_TO_DO
        self.deferred: ResetRequest | None = None
        """A request of the peer that waits until all chunks before it were received."""

        self.timeouts = 0
        """The number of repetitions since the last answer."""

        self.resend_at: float | None = None
        """When the outstanding request is repeated; None: there is none."""

    # This end's requests.

    def want(self, streams: Iterable[int]) -> None:
        """Request a reset of outgoing streams."""
        self.wanted += [stream for stream in streams if stream not in self.wanted]

    def take_request(
        self, last_tsn: int, cumulative_tsn: int, waits: Callable[[int], bool], now: float
    ) -> bytes | None:
        """Take the request to send now.

        A request is sent once the peer has all chunks before the reset, so that it need not answer "In progress". This is for
        dcsctp, whose versions of some years repeat that answer forever when the request is repeated as in RFC 6525 section
        5.2.7.

        Args:
            last_tsn: The last TSN that was sent.
            cumulative_tsn: The peer's cumulative TSN.
            waits: Returns whether a stream has queued messages, which must precede its reset.
            now: The time, in seconds.

        Returns:
            The chunk; None: there is nothing to send.
        """
        if self._pending is None:
            if self._chosen is None:
                ready = tuple(stream for stream in self.wanted if not waits(stream))[:_MAX_STREAMS]
                if not ready:
                    return None
                self._chosen = _Chosen(last_tsn, ready)
            if cumulative_tsn < self._chosen.last_tsn:
                return None
            chosen, self._chosen = self._chosen, None
            self._pending = self._request(chosen)
            self.wanted = [stream for stream in self.wanted if stream not in chosen.streams]
            self.timeouts = 0
        elif not self.is_due:
            return None
        self.is_due = False
        self.resend_at = now + self._round_trips.backed_off(self.timeouts)
        return self._pending.wire

    def _request(self, chosen: _Chosen) -> _Pending:
        number, streams = self._next_number, chosen.streams
        self._next_number = (number + 1) & TSN_MASK
        numbers = _OUTGOING_REQUEST.pack(number, (self._expected - 1) & TSN_MASK, chosen.last_tsn & TSN_MASK)
        content = numbers + struct.pack(f"!{len(streams)}H", *streams)
        return _Pending(number, streams, chunk(RE_CONFIG, 0, parameter(_RESET_OUTGOING, content)))

    def on_time(self, now: float) -> None:
        """Have the request repeated if its answer is overdue."""
        if self.resend_at is not None and self.resend_at <= now:
            self.resend_at = None
            self.timeouts += 1
            self.is_due = True

    def _on_response(self, number: int, result: int) -> OutgoingReset | None:
        pending = self._pending
        if pending is None or number != pending.number:
            return None
        self.timeouts = 0
        if result == _IN_PROGRESS:
            # The request is repeated until it has been performed (RFC 6525 section 5.2.7).
            return None
        self._pending = None
        self.resend_at = None
        self.is_due = False
        return OutgoingReset(pending.streams, result in (_NOTHING_TO_DO, _PERFORMED))

    # The peer's requests.

    def on_chunk(self, value: bytes, cumulative_tsn: int) -> Iterator[OutgoingReset | ResetRequest | bytes]:
        """Handle a RE-CONFIG chunk.

        Args:
            value: The value of the chunk.
            cumulative_tsn: The TSN up to which all chunks of the peer were received.

        Yields:
            Answers to this end's requests; requests, for which the caller has to call `perform` or `defer`; and chunks to send.

        Raises:
            MalformedPacket: One of its parameters is too short.
        """
        for kind, content in parse_parameters(value):
            if kind == _RESPONSE:
                if len(content) < _TWO_NUMBERS.size:
                    raise _too_short("a response to a reconfiguration", _TWO_NUMBERS.size, content)
                reset = self._on_response(*_TWO_NUMBERS.unpack_from(content))
                if reset is not None:
                    yield reset
            elif _RESET_OUTGOING <= kind <= _ADD_INCOMING:
                if len(content) < _NUMBER.size:
                    raise _too_short("a reconfiguration", _NUMBER.size, content)
                yield from self._on_request(kind, content, cumulative_tsn)

    def _on_request(self, kind: int, content: bytes, cumulative_tsn: int) -> Iterator[ResetRequest | bytes]:
        number = _NUMBER.unpack_from(content)[0]
        if number == (self._expected - 1) & TSN_MASK:
            # A repetition is answered again (RFC 6525 section 5.2.1).
            yield _response(number, self._last_result)
        elif number != self._expected:
            yield _response(number, _BAD_SEQUENCE_NUMBER)
        elif kind == _RESET_OUTGOING:
            request = _parse_reset(number, content, cumulative_tsn)
            # dcsctp gives a request another number when it repeats it because of the answer "In progress".
            if self.deferred is not None and request.streams != self.deferred.streams:
                yield _response(number, _ALREADY_IN_PROGRESS)
                return
            self._expect_next()
            yield request
        elif self.deferred is not None:
            yield _response(number, _ALREADY_IN_PROGRESS)
        else:
            self._expect_next()
            # All possible streams are open from the beginning. Data channels need no other request.
            self._last_result = _PERFORMED if kind == _ADD_OUTGOING else _DENIED
            yield _response(number, self._last_result)

    def _expect_next(self) -> None:
        self._expected = (self._expected + 1) & TSN_MASK

    def perform(self, request: ResetRequest) -> bytes:
        """Record that a request was performed.

        Returns:
            The answer, as a chunk.
        """
        self.deferred = None
        self._last_result = _PERFORMED
        return _response(request.number, _PERFORMED)

    def defer(self, request: ResetRequest) -> bytes:
        """Record that a request waits for chunks before it (RFC 6525 section 5.2.2, E2).

        Returns:
            The answer, as a chunk.
        """
        self.deferred = request
        self._last_result = _IN_PROGRESS
        return _response(request.number, _IN_PROGRESS)


def _response(number: int, result: int) -> bytes:
    return chunk(RE_CONFIG, 0, parameter(_RESPONSE, _TWO_NUMBERS.pack(number, result)))


def _parse_reset(number: int, content: bytes, cumulative_tsn: int) -> ResetRequest:
    if len(content) < _OUTGOING_REQUEST.size:
        raise _too_short("a reset of streams", _OUTGOING_REQUEST.size, content)
    last_tsn = _OUTGOING_REQUEST.unpack_from(content)[2]
    count = (len(content) - _OUTGOING_REQUEST.size) // 2
    streams = struct.unpack_from(f"!{count}H", content, _OUTGOING_REQUEST.size)
    return ResetRequest(number, nearest_tsn(last_tsn, cumulative_tsn), streams)


def _too_short(what: str, minimum: int, content: bytes) -> MalformedPacket:
    return MalformedPacket(f"{what} must have at least {minimum} bytes, not {len(content)}")
