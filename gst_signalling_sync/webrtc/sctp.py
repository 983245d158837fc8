"""aiortc's SCTP with what it leaves out: bundled chunks and delayed acknowledgements (RFC 9260 sections 6.10 and 6.2).

aiortc 1.16 sends every chunk in a packet of its own, every acknowledgement at once and every message from a task of its
own. Encryption and system calls are paid per packet, so a message and its echo cost four packets where two do, and small
messages fourteen where one does. `use_bundling` gives one connection the class below instead; nothing else is touched. It
rests on aiortc's internals, which is why setup.cfg admits one minor version of it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from typing import Final

from aiortc import RTCDataChannel, RTCPeerConnection, RTCSctpTransport
from aiortc.rtcsctptransport import (
    SCTP_COMMON_HEADER_LENGTH,
    SCTP_MAX_PACKET_LENGTH,
    USERDATA_MAX_LENGTH,
    WEBRTC_BINARY,
    WEBRTC_BINARY_EMPTY,
    WEBRTC_DCEP,
    WEBRTC_STRING,
    WEBRTC_STRING_EMPTY,
    Chunk,
    DataChunk,
    SackChunk,
)
from aiortc.utils import uint32_gte

from .eager import run_eagerly

__all__ = ["BundlingSctpTransport", "use_bundling"]

logger = logging.getLogger(__name__)

SACK_DELAY_SECONDS: Final = 0.01
"""RFC 9260 section 6.2 allows 0.2 s; less delays the end of a session less."""

PACKETS_PER_SACK: Final = 2
"""RFC 9260 section 6.2: at least every second packet is acknowledged at once."""

_BURST_PACKETS: Final = 4
"""Packets sent at once; ``Max.Burst`` of RFC 9260 section 16."""

_FAST_RECOVERY_PACKETS: Final = 2

_MOST_BEYOND_WINDOW: Final = 2**20
"""Bytes of messages not complete yet that are taken from a peer beyond what it was told there is room for. An honest one
goes beyond by what was under way, a hostile one sends a message without an end."""


class _Bundle(Chunk):
    """Several chunks as aiortc serialises one."""

    def __init__(self, chunks: list[bytes]) -> None:
        self._chunks = chunks

    def __bytes__(self) -> bytes:
        return b"".join(self._chunks)


class BundlingSctpTransport(RTCSctpTransport):
    """An SCTP transport that fills its packets; lives on the loop.

    Made by `use_bundling` from aiortc's own, hence no constructor.
    """

    _corked = False
    _sack_is_due = False
    _packets_to_acknowledge = 0
    _sack_timer: asyncio.TimerHandle | None = None
    # Held here because asyncio holds tasks only weakly.
    _flush_task: asyncio.Task[None] | None = None
    _sack_task: asyncio.Task[None] | None = None
    # Whether any chunk may be marked for retransmission, so that not all are looked at for every packet.
    _may_retransmit = False

    def enqueue(self, channel: RTCDataChannel, message: str | bytes) -> None:
        """Queue a message of an open channel; `flush` sends what is queued."""
        if isinstance(message, str):
            data = message.encode()
            kind = WEBRTC_STRING if data else WEBRTC_STRING_EMPTY
        else:
            data = message
            kind = WEBRTC_BINARY if data else WEBRTC_BINARY_EMPTY
        # SCTP has no empty messages (RFC 8831 section 6.6).
        data = data or b"\0"
        channel._addBufferedAmount(len(data))
        self._data_channel_queue.append((channel, kind, data))

    def flush(self) -> None:
        """Send what is queued, at once as far as the network takes it."""
        self._flush_task = run_eagerly(self._flush_once())

    async def _flush_once(self) -> None:
        try:
            await self._data_channel_flush()
        except ConnectionError:
            # The transport below closed first, which ends this one too.
            return

    async def _data_channel_flush(self) -> None:
        if self._association_state != self.State.ESTABLISHED:
            return
        while self._data_channel_queue and not self._outbound_queue:
            await self._fill_window()
            await self._transmit()
        await self._transmit_reconfig()

    async def _fill_window(self) -> None:
        """Make chunks of as many messages as the congestion window takes, of one at least."""
        room = self._cwnd - self._flight_size
        self._corked = True
        try:
            while self._data_channel_queue:
                channel, protocol, data = self._data_channel_queue.popleft()
                await self._send_message(channel, protocol, data)
                room -= len(data)
                if room <= 0:
                    break
        finally:
            self._corked = False

    async def _send_message(self, channel: RTCDataChannel, protocol: int, data: bytes) -> None:
        stream_id = channel.id
        if stream_id is None:
            stream_id = self._assign_stream(channel)
        if protocol == WEBRTC_DCEP:
            await self._send(stream_id, protocol, data)
            return
        life_time = channel.maxPacketLifeTime
        await self._send(
            stream_id,
            protocol,
            data,
            expiry=None if life_time is None else time.time() + life_time / 1000,
            max_retransmits=channel.maxRetransmits,
            ordered=channel.ordered,
        )
        channel._addBufferedAmount(-len(data))

    def _assign_stream(self, channel: RTCDataChannel) -> int:
        # Even or odd by the DTLS role (RFC 8832 section 6), which aiortc has put into the first.
        stream_id = self._data_channel_id
        assert stream_id is not None, "established without a role"
        while stream_id in self._data_channels:
            stream_id += 2
        self._data_channels[stream_id] = channel
        channel._setId(stream_id)
        return stream_id

    async def _transmit(self) -> None:
        if self._corked or not (self._outbound_queue or self._sent_queue or self._forward_tsn_chunk):
            return
        if self._forward_tsn_chunk is not None:
            forward_tsn, self._forward_tsn_chunk = self._forward_tsn_chunk, None
            await self._send_chunk(forward_tsn)
            self._ensure_retransmission_timer()
        packet: list[bytes] = []
        room = 0
        for chunk in self._due_chunks():
            data = bytes(chunk)
            if len(data) > room:
                await self._send_packet(packet)
                # Control chunks come first (RFC 9260 section 6.10).
                packet = self._due_sack()
                room = SCTP_MAX_PACKET_LENGTH - SCTP_COMMON_HEADER_LENGTH - sum(map(len, packet))
                if len(data) > room:
                    await self._send_packet(packet)
                    packet = []
                    room = SCTP_MAX_PACKET_LENGTH - SCTP_COMMON_HEADER_LENGTH
            packet.append(data)
            room -= len(data)
        await self._send_packet(packet)

    async def _send_packet(self, chunks: list[bytes]) -> None:
        if chunks:
            await self._send_chunk(_Bundle(chunks))

    def _due_chunks(self) -> Iterator[DataChunk]:
        """The chunks to send now, taken note of as sent: those to retransmit, then new ones as the window allows."""
        burst = _BURST_PACKETS if self._fast_recovery_exit is None else _FAST_RECOVERY_PACKETS
        window = min(self._flight_size + burst * USERDATA_MAX_LENGTH, self._cwnd)
        for position, chunk in enumerate(self._sent_queue if self._may_retransmit else ()):
            if not chunk._retransmit:
                continue
            if self._fast_recovery_transmit:
                # The first lost chunk goes out whatever the window is (RFC 9260 section 7.2.4).
                self._fast_recovery_transmit = False
            elif self._flight_size >= window:
                return
            self._flight_size_increase(chunk)
            chunk._misses = 0
            chunk._retransmit = False
            chunk._sent_count += 1
            if position == 0:
                self._t3_restart()
            yield chunk
        self._may_retransmit = False
        while self._outbound_queue and self._flight_size < window:
            chunk = self._outbound_queue.popleft()
            self._sent_queue.append(chunk)
            self._flight_size_increase(chunk)
            chunk._sent_count += 1
            chunk._sent_time = time.time()
            self._ensure_retransmission_timer()
            yield chunk

    def _ensure_retransmission_timer(self) -> None:
        if self._t3_handle is None:
            self._t3_start()

    def _t3_expired(self) -> None:
        self._may_retransmit = True
        super()._t3_expired()

    async def _receive_sack_chunk(self, chunk: SackChunk) -> None:
        if chunk.gaps:
            self._may_retransmit = True
        await super()._receive_sack_chunk(chunk)

    def _mark_received(self, tsn: int) -> bool:
        """Take note of a chunk that was received; aiortc's own walks over all that are out of order.

        Returns:
            Whether it is a duplicate.
        """
        assert self._last_received_tsn is not None
        if uint32_gte(self._last_received_tsn, tsn) or tsn in self._sack_misordered:
            self._sack_duplicates.append(tsn)
            return True
        self._sack_misordered.add(tsn)
        while (following := (self._last_received_tsn + 1) % 2**32) in self._sack_misordered:
            self._sack_misordered.discard(following)
            self._last_received_tsn = following
        return False

    async def _send_sack(self) -> None:
        """Acknowledge a packet that was received: at once, or with what is sent next."""
        self._sack_needed = False
        self._sack_is_due = True
        self._packets_to_acknowledge += 1
        out_of_order = bool(self._sack_misordered or self._sack_duplicates)
        if out_of_order or self._packets_to_acknowledge >= PACKETS_PER_SACK:
            await self._send_packet(self._due_sack())
        elif self._sack_timer is None:
            self._sack_timer = asyncio.get_running_loop().call_later(SACK_DELAY_SECONDS, self._on_sack_timer)

    def _on_sack_timer(self) -> None:
        self._sack_timer = None
        if self._sack_is_due and self._association_state == self.State.ESTABLISHED:
            self._sack_task = asyncio.ensure_future(self._send_late_sack())

    async def _send_late_sack(self) -> None:
        if self._association_state != self.State.ESTABLISHED:
            return
        try:
            await self._send_packet(self._due_sack())
        except ConnectionError:
            return

    def _due_sack(self) -> list[bytes]:
        """The acknowledgement, if one is due, which it then no longer is."""
        if not self._sack_is_due:
            return []
        self._sack_is_due = False
        self._packets_to_acknowledge = 0
        # The timer is left to run: to find nothing due costs less than to cancel and set it for every message.
        assert self._last_received_tsn is not None
        sack = SackChunk()
        sack.cumulative_tsn = self._last_received_tsn
        sack.advertised_rwnd = max(0, self._advertised_rwnd)
        sack.duplicates = self._sack_duplicates[:]
        sack.gaps = list(self._received_gaps())
        self._sack_duplicates.clear()
        return [bytes(sack)]

    def _received_gaps(self) -> Iterator[tuple[int, int]]:
        """Runs received beyond the cumulative TSN, as offsets from it (RFC 9260 section 3.3.4)."""
        acknowledged = self._last_received_tsn
        assert acknowledged is not None
        start = end = 0
        for offset in sorted((tsn - acknowledged) % 2**32 for tsn in self._sack_misordered):
            if offset == end + 1 and end:
                end = offset
                continue
            if end:
                yield start, end
            start = end = offset
        if end:
            yield start, end

    async def _receive_data_chunk(self, chunk: DataChunk) -> None:
        if self._association_state == self.State.CLOSED:
            return
        if self._advertised_rwnd < -_MOST_BEYOND_WINDOW:
            logger.warning("a peer ignores the receive window: its data channels are closed")
            await self._abort()
            self._set_state(self.State.CLOSED)
            return
        await super()._receive_data_chunk(chunk)

    def _set_state(self, state: RTCSctpTransport.State) -> None:
        super()._set_state(state)
        if state == self.State.CLOSED and self._sack_timer is not None:
            self._sack_timer.cancel()
            self._sack_timer = None


def use_bundling(connection: RTCPeerConnection) -> None:
    """Have a connection's SCTP fill its packets, if it has an SCTP transport; on the loop, before it is connected."""
    if type(connection.sctp) is RTCSctpTransport:
        connection.sctp.__class__ = BundlingSctpTransport
