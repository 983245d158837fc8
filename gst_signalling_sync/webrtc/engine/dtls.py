"""DTLS (RFC 6347) that bears lost and malformed packets, and tells of a peer's close_notify (RFC 5246 section 7.2.1).

OpenSSL sends a flight again after a second, then after two (RFC 6347 section 4.2.4.1), which is long for a session that takes
a tenth of one. Browsers begin with 50 ms, and so does this, beside OpenSSL: the same datagram once more, which the other end
drops when it has it already. Worst is the last flight, which nothing answers: one end is connected and the other is not.

aiortc takes a session down with the first packet that one of its parsers stumbles over in an unforeseen way, be it an empty
datagram from a stranger's port scan. Here such a packet is dropped.
"""

from __future__ import annotations

import asyncio
import logging
import struct
import time
from collections.abc import Callable
from typing import Any, Final

from aiortc import RTCDtlsTransport
from aiortc.rtcdtlstransport import State
from OpenSSL import SSL

from .data import Goodbye
from .eager import run_eagerly
from .header_extensions import ExtensionsMap
from .rtp import RtpPacket
from .transport_arrivals import TransportArrivals
from .transport_departures import TransportDepartures, split_feedback

__all__ = ["RobustDtlsTransport"]

logger = logging.getLogger(__name__)

_REPEAT_SECONDS: Final = (0.05, 0.1, 0.2, 0.4)
"""Between the repetitions of a flight, which end with the next one. The server's last has none: it is sent five times.

That a datagram came is no answer to it, as it may be the other end's own repetition, which OpenSSL drops without a word.
"""

_HANDSHAKE_RECORDS: Final = (20, 22)
"""Types of records (RFC 5246 section 6.2.1): a change of ciphers, with which a last flight begins, and the handshake."""

MAX_DATAGRAM: Final = 1196
"""Bytes of a datagram: the UDP payload of 1200 bytes that every path takes, less the header of a TURN channel (4)."""

_READ_BYTES: Final = 1500
_RECORD_HEADER: Final = struct.Struct("!11xH")
"""The length of what follows the 13 bytes of the header (RFC 6347 section 4.1)."""

_PARSER_ERRORS: Final = (ValueError, IndexError, KeyError, AssertionError, struct.error)


class RobustDtlsTransport(RTCDtlsTransport):
    """A DTLS transport that repeats the flights of its handshake and drops malformed packets; lives on the loop.

    Made by `adopt` from aiortc's own, hence no constructor.
    """

    goodbye: Goodbye | None = None
    """``"close_notify"`` once the peer has closed in order."""

    on_goodbye: Callable[[Goodbye], None] | None = None
    """Is told when the peer closes in order."""

    _alarm: asyncio.TimerHandle | None = None
    # Held here because asyncio holds tasks only weakly.
    _repetition: asyncio.Task[None] | None = None
    _has_complained = False

    arrivals: TransportArrivals
    """Tells the sender when the packets of this transport came."""

    departures: TransportDepartures
    """Learns from the receiver when the packets of this transport came."""

    @classmethod
    def adopt(cls, transport: RTCDtlsTransport) -> None:
        """Give one of aiortc's transports this class; before it is started."""
        transport.__class__ = cls
        transport._rtp_header_extensions_map = ExtensionsMap()
        assert isinstance(transport, cls)
        transport.arrivals = TransportArrivals(transport._send_rtp)
        transport.departures = TransportDepartures()

    async def _handle_rtp_data(self, data: bytes, arrival_time_ms: int) -> None:
        try:
            packet = RtpPacket.parse(data, self._rtp_header_extensions_map)
        except ValueError as error:
            logger.debug("dropped a malformed packet of RTP: %s", error)
            return
        number = packet.extensions.transport_sequence_number
        if number is not None:
            self.arrivals.add(number, packet.ssrc, time.monotonic())
        receiver = self._receiver_of(packet)
        if receiver is not None:
            await receiver._handle_rtp_packet(packet, arrival_time_ms=arrival_time_ms)

    def _receiver_of(self, packet: RtpPacket) -> Any:
        """Whose a packet is: by the section that it names, if it does (RFC 9143 section 9.2), else as aiortc finds it.

        What comes before its section is described is nobody's: aiortc takes it for the only other track of that codec.
        """
        router, mid = self._rtp_router, packet.extensions.mid
        if mid is None:
            return router.route_rtp(packet)
        receiver = router.mid_table.get(mid)
        if receiver is not None:
            # For the packets that do not name it.
            router.ssrc_table.setdefault(packet.ssrc, receiver)
        return receiver

    async def _handle_rtcp_data(self, data: bytes) -> None:
        rest, feedback = split_feedback(data)
        for message in feedback:
            self.departures.on_feedback(message)
        if rest:
            await super()._handle_rtcp_data(rest)

    async def _recv_next(self) -> None:
        try:
            await super()._recv_next()
        except ConnectionError:
            # Of both ends that aiortc tells in this way, ICE's and the peer's, OpenSSL knows one.
            if self._ssl is not None and self._ssl.get_shutdown() & SSL.RECEIVED_SHUTDOWN:
                self._take_goodbye()
            raise
        except _PARSER_ERRORS as error:
            # Once per connection: a peer shall not fill the log of this machine.
            level = logging.DEBUG if self._has_complained else logging.WARNING
            self._has_complained = True
            logger.log(level, "dropped a malformed packet: %r", error, exc_info=logger.isEnabledFor(logging.DEBUG))

    def _take_goodbye(self) -> None:
        if self.goodbye is None:
            self.goodbye = "close_notify"
            if self.on_goodbye is not None:
                self.on_goodbye(self.goodbye)

    async def _write_ssl(self) -> None:
        assert self._ssl is not None
        try:
            data = self._ssl.bio_read(_READ_BYTES)
        except SSL.Error:
            # OpenSSL's way to say that there is nothing.
            return
        if not data:
            return
        datagrams = [data] if len(data) <= MAX_DATAGRAM else _datagrams(data + self._rest())
        for datagram in datagrams:
            await self.transport._send(datagram)
        if data[0] in _HANDSHAKE_RECORDS:
            self._repeat_later(datagrams, 0)

    def _rest(self) -> bytes:
        """What OpenSSL has to send beyond what was read."""
        assert self._ssl is not None
        rest = b""
        while True:
            try:
                rest += self._ssl.bio_read(_READ_BYTES)
            except SSL.Error:
                return rest

    def _repeat_later(self, flight: list[bytes], times: int) -> None:
        self._cancel()
        loop = asyncio.get_running_loop()
        self._alarm = loop.call_later(_REPEAT_SECONDS[times], self._repeat, flight, times)

    def _repeat(self, flight: list[bytes], times: int) -> None:
        self._alarm = None
        # The client is connected when its last flight has been answered.
        if self._role == "client" and self._state == State.CONNECTED:
            return
        self._repetition = run_eagerly(self._send_again(flight))
        if times + 1 < len(_REPEAT_SECONDS):
            self._repeat_later(flight, times + 1)

    async def _send_again(self, flight: list[bytes]) -> None:
        try:
            for datagram in flight:
                await self.transport._send(datagram)
        except ConnectionError:
            self._cancel()

    def _set_state(self, state: State) -> None:
        super()._set_state(state)
        if state == State.CONNECTING and self._ssl is not None:
            # OpenSSL cuts the messages of the handshake by it.
            self._ssl.set_ciphertext_mtu(MAX_DATAGRAM)
        elif state in (State.CLOSED, State.FAILED):
            self._cancel()
            self.arrivals.close()

    def _cancel(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None


def _datagrams(records: bytes) -> list[bytes]:
    """Records, in datagrams of at most `MAX_DATAGRAM` bytes."""
    datagrams = [b""]
    while records:
        length = _RECORD_HEADER.size + _RECORD_HEADER.unpack_from(records)[0]
        record, records = records[:length], records[length:]
        if len(datagrams[-1]) + len(record) > MAX_DATAGRAM and datagrams[-1]:
            datagrams.append(b"")
        datagrams[-1] += record
    return datagrams
