"""`Bundling`: aiortc's SCTP with as many chunks in a packet as it takes (RFC 9260 section 6.10).

aiortc 1.16 sends every chunk in a separate packet. Encryption and system calls cost the same for each packet, and small
messages take fourteen packets instead of one.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

from aiortc.rtcsctptransport import SCTP_COMMON_HEADER_LENGTH, DataChunk

from .datagrams import MAX_PACKET
from .lifetimes import Lifetimes
from .sack import DelayedSacks

__all__ = ["MAX_USER_DATA", "Bundling"]

MAX_USER_DATA: Final = MAX_PACKET - SCTP_COMMON_HEADER_LENGTH - 16
"""Maximum of a message's bytes in one chunk, whose header has 16 bytes."""

_BURST_PACKETS: Final = 4
"""Maximum number of packets that are sent at once: ``Max.Burst`` of RFC 9260 section 16."""

_FAST_RECOVERY_PACKETS: Final = 2


class Bundling(DelayedSacks, Lifetimes):
    """An SCTP transport that fills its packets. Lives on the loop."""

    _corked = False
    """Whether chunks are queued that are not to be sent yet."""

    # Whether a chunk may be marked for retransmission, so that chunks are not searched for every packet.
    _may_retransmit = False

    async def _transmit(self) -> None:
        if self._corked or not (self._outbound_queue or self._sent_queue or self._forward_tsn_chunk):
            return
        if self._abandon_unsent():
            self._update_advanced_peer_ack_point()
        if self._forward_tsn_chunk is not None:
            forward_tsn, self._forward_tsn_chunk = self._forward_tsn_chunk, None
            await self._send_packet([bytes(forward_tsn)])
            self._ensure_retransmission_timer()
        packet: list[bytes] = []
        room = 0
        for chunk in self._due_chunks():
            data = bytes(chunk)
            if len(data) > room:
                await self._send_packet(packet)
                # Control chunks come first (RFC 9260 section 6.10).
                packet = self._due_sack()
                room = MAX_PACKET - SCTP_COMMON_HEADER_LENGTH - sum(map(len, packet))
                if len(data) > room:
                    await self._send_packet(packet)
                    packet = []
                    room = MAX_PACKET - SCTP_COMMON_HEADER_LENGTH
            packet.append(data)
            room -= len(data)
        await self._send_packet(packet)

    def _due_chunks(self) -> Iterator[DataChunk]:
        """Take the chunks to send now: those to retransmit, then new ones as the window allows."""
        burst = _BURST_PACKETS if self._fast_recovery_exit is None else _FAST_RECOVERY_PACKETS
        window = min(self._flight_size + burst * MAX_USER_DATA, self._cwnd)
        for position, chunk in enumerate(self._sent_queue if self._may_retransmit else ()):
            if not chunk._retransmit:
                continue
            if self._fast_recovery_transmit:
                # The first lost chunk is sent whatever the window is (RFC 9260 section 7.2.4).
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
        # The window may stay closed for long. Expired messages must not take the room of new ones.
        self._drop_expired()
        super()._t3_expired()
