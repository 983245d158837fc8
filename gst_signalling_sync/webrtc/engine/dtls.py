"""DTLS (RFC 6347) that tolerates lost and malformed packets, and reports a peer's close_notify (RFC 5246 section 7.2.1).

In aiortc, a packet for which one of its parsers raises an unexpected error ends the session, such as an empty datagram of a
port scan. Here such a packet is dropped.
"""

from __future__ import annotations

import logging
import struct
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, Self, cast

from aiortc import RTCDtlsTransport
from aiortc.rtcdtlstransport import RtpRouter, State
from OpenSSL import SSL

from .data import Goodbye
from .datagrams import MAX_DATAGRAM, datagrams_of, record_bytes, runs_of
from .flights import Flights
from .header_extensions import ExtensionsMap
from .ice import IceConnection, connection_of
from .rtp import RtpPacket
from .transport_arrivals import TransportArrivals
from .transport_departures import TransportDepartures, split_feedback

__all__ = ["RobustDtlsTransport", "receiver_of"]

logger = logging.getLogger(__name__)

_HANDSHAKE_RECORDS: Final = (20, 22)
"""Types of records (RFC 5246 section 6.2.1): change_cipher_spec, with which a last flight begins, and handshake."""

_APPLICATION_DATA: Final = 23
"""The type of records with application data, to which OpenSSL never sends an answer."""

_READ_BYTES: Final = 1500

_PARSER_ERRORS: Final = (ValueError, IndexError, KeyError, AssertionError, struct.error)


class RobustDtlsTransport(RTCDtlsTransport):
    """A DTLS transport that repeats the flights of its handshake and drops malformed packets. Lives on the loop.

    There is no constructor: `adopt` makes it from aiortc's own transport.
    """

    goodbye: Goodbye | None = None
    """``"close_notify"`` once the peer has sent one."""

    on_goodbye: Callable[[Goodbye], None] | None = None
    """Called when the peer sends a close_notify."""

    _flights: Flights
    _has_complained = False
    # The ICE connection, once DTLS is connected.
    _connection: IceConnection | None = None
    # aiortc's own counters, for its statistics.
    _RTCDtlsTransport__rx_bytes: int
    _RTCDtlsTransport__rx_packets: int

    arrivals: TransportArrivals
    """Records when the packets of this transport arrive, and reports it to the sender."""

    departures: TransportDepartures
    """Paces the packets that leave by this transport, and handles the receiver's reports."""

    on_data: Callable[[bytes, bool], None] | None = None
    """Called with arriving application data, and whether more data came together with it. If it is None, aiortc's task gives
    the data to the data receiver, one iteration of the event loop later."""

    on_batch_end: Callable[[], None] | None = None
    """Called after the last of several datagrams that came together."""

    @classmethod
    def adopt(cls, transport: RTCDtlsTransport) -> Self:
        """Give one of aiortc's transports this class, before it is started."""
        transport.__class__ = cls
        adopted = cast(Self, transport)
        adopted._rtp_header_extensions_map = ExtensionsMap()
        adopted._flights = Flights(adopted.transport._send, adopted._is_answered)
        adopted.arrivals = TransportArrivals(adopted._send_rtp)
        adopted.departures = TransportDepartures()
        return adopted

    def _handle_datagram(self, datagram: bytes) -> bool:
        """Handle an arriving datagram, if it is application data and `on_data` is set.

        Returns:
            Whether it was handled. If not, aiortc's task handles it.
        """
        if self.on_data is None or self._ssl is None or not datagram or datagram[0] != _APPLICATION_DATA:
            return False
        self._RTCDtlsTransport__rx_bytes += len(datagram)
        self._RTCDtlsTransport__rx_packets += 1
        self._ssl.bio_write(datagram)
        try:
            data = self._ssl.recv(_READ_BYTES)
        except SSL.Error:
            # The datagram is not from the peer, or a repetition.
            return True
        try:
            self.on_data(data, self._connection is not None and self._connection.is_in_batch)
        except Exception as error:  # noqa: BLE001 - whatever it is, it shall cost this packet alone
            self._complain(error)
        return True

    def _end_batch(self) -> None:
        if self.on_batch_end is not None:
            self.on_batch_end()

    def send_data(self, packets: Sequence[bytes]) -> None:
        """Encrypt and send packets of application data, in this call.

        Raises:
            ConnectionError: The transport is not connected.
        """
        if self._state != State.CONNECTED or self._ssl is None or self._connection is None:
            raise ConnectionError("cannot send application data: DTLS is not connected")
        try:
            if len(packets) == 1:
                self._ssl.send(packets[0])
                self._connection.send_now(self._ssl.bio_read(_READ_BYTES))
                return
            for run in runs_of(packets):
                for packet in run:
                    self._ssl.send(packet)
                records = self._ssl.bio_read(_READ_BYTES * len(run))
                # Packets of the same size have the same size when they are encrypted.
                self._connection.send_segments_now(records, record_bytes(records))
        except SSL.Error as error:
            raise ConnectionError("cannot send application data: DTLS has been shut down") from error

    async def _handle_rtp_data(self, data: bytes, arrival_time_ms: int) -> None:
        try:
            packet = RtpPacket.parse(data, self._rtp_header_extensions_map)
        except ValueError as error:
            logger.debug("dropped a malformed packet of RTP: %s", error)
            return
        number = packet.extensions.transport_sequence_number
        if number is not None:
            self.arrivals.add(number, packet.ssrc, time.monotonic())
        receiver = receiver_of(packet, self._rtp_router)
        if receiver is not None:
            await receiver._handle_rtp_packet(packet, arrival_time_ms=arrival_time_ms)

    async def _handle_rtcp_data(self, data: bytes) -> None:
        rest, feedback = split_feedback(data)
        for message in feedback:
            try:
                self.departures.on_feedback(message)
            except ValueError as error:
                # The rest of the packet may still be good.
                self._complain(error)
        if rest:
            await super()._handle_rtcp_data(rest)

    async def _recv_next(self) -> None:
        try:
            await super()._recv_next()
        except ConnectionError:
            # aiortc raises this for the end of ICE too. OpenSSL knows whether the peer sent a close_notify.
            if self._ssl is not None and self._ssl.get_shutdown() & SSL.RECEIVED_SHUTDOWN:
                self._note_goodbye()
            raise
        except _PARSER_ERRORS as error:
            self._complain(error)

    def _complain(self, error: Exception) -> None:
        # One warning per connection, so that a peer cannot fill the log.
        level = logging.DEBUG if self._has_complained else logging.WARNING
        self._has_complained = True
        has_traceback = logger.isEnabledFor(logging.DEBUG) or not isinstance(error, _PARSER_ERRORS)
        logger.log(level, "dropped a malformed packet: %r", error, exc_info=has_traceback)

    def _note_goodbye(self) -> None:
        if self.goodbye is None:
            self.goodbye = "close_notify"
            if self.on_goodbye is not None:
                self.on_goodbye(self.goodbye)

    async def _write_ssl(self) -> None:
        assert self._ssl is not None
        try:
            data = self._ssl.bio_read(_READ_BYTES)
        except SSL.Error:
            # OpenSSL raises this if there is nothing to send.
            return
        if not data:
            return
        datagrams = [data] if len(data) <= MAX_DATAGRAM else datagrams_of(data + self._rest())
        for datagram in datagrams:
            await self.transport._send(datagram)
        if data[0] in _HANDSHAKE_RECORDS:
            self._flights.repeat(datagrams)

    def _rest(self) -> bytes:
        """Read everything else that OpenSSL has to send."""
        assert self._ssl is not None
        rest = b""
        while True:
            try:
                rest += self._ssl.bio_read(_READ_BYTES)
            except SSL.Error:
                return rest

    def _is_answered(self) -> bool:
        # A client is connected once its last flight has been answered.
        return self._role == "client" and self._state == State.CONNECTED

    def _set_state(self, state: State) -> None:
        super()._set_state(state)
        if state == State.CONNECTING and self._ssl is not None:
            # OpenSSL fragments the messages of the handshake by this MTU.
            self._ssl.set_ciphertext_mtu(MAX_DATAGRAM)
        elif state == State.CONNECTED:
            self._connection = cast(IceConnection, connection_of(self.transport))
            self._connection.on_datagram = self._handle_datagram
            self._connection.on_batch_end = self._end_batch
        elif state in (State.CLOSED, State.FAILED):
            if self._connection is not None:
                self._connection.on_datagram = self._connection.on_batch_end = None
            self._flights.stop()
            self.arrivals.close()


def receiver_of(packet: RtpPacket, router: RtpRouter) -> Any:
    """The receiver of a packet, by the section that it names (RFC 9143 section 9.2), or as aiortc finds it.

    A packet that comes before its section is described has no receiver. aiortc would give it to another track that is the only
    one with that codec.
    """
    mid = packet.extensions.mid
    if mid is None:
        return router.route_rtp(packet)
    receiver = router.mid_table.get(mid)
    if receiver is not None:
        # For later packets that do not name their section.
        router.ssrc_table.setdefault(packet.ssrc, receiver)
    return receiver
