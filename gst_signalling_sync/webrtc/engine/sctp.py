"""aiortc's SCTP with bundled chunks, dates, lifetimes and acknowledgements of messages, and without a task for each message."""

from __future__ import annotations

import asyncio
import logging
import math
import os
from collections import deque
from typing import Final, Self

from aiortc import RTCDataChannel, RTCSctpTransport
from aiortc.rtcsctptransport import (
    WEBRTC_BINARY,
    WEBRTC_BINARY_EMPTY,
    WEBRTC_DCEP,
    WEBRTC_STRING,
    WEBRTC_STRING_EMPTY,
    AbortChunk,
    Chunk,
    DataChunk,
    HeartbeatAckChunk,
    HeartbeatChunk,
    SackChunk,
    ShutdownChunk,
)

from ...threads import clock
from ..message_dates import IDENTIFIERS, DatedPayload, Dating, dated, undated
from ..sender_clock import told_time_of_date
from .bundling import MAX_USER_DATA, Bundling
from .capabilities import rebound
from .data import SentMessage
from .eager import run_eagerly
from .lifetimes import WaitingPayload
from .outgoing import decoded

__all__ = ["BundlingSctpTransport"]

logger = logging.getLogger(__name__)

_HEARTBEAT_INFORMATION: Final = 1
"""The parameter that the answer contains too (RFC 9260 section 3.3.5)."""

_HEARTBEAT_BYTES: Final = 8

_MAX_BEYOND_WINDOW: Final = 2**20
"""Maximum of bytes of incomplete messages beyond the receive window. An honest peer exceeds the window by what was under way; a
hostile one sends a message without an end."""


_send: Final = rebound(RTCSctpTransport._send, RTCSctpTransport, USERDATA_MAX_LENGTH=MAX_USER_DATA).__func__
"""aiortc's method, with a smaller maximum for chunks."""


class BundlingSctpTransport(Bundling):
    """aiortc's SCTP for the data channels of this library. Lives on the loop.

    There is no constructor: `adopt` makes it from aiortc's own transport.
    """

    # Messages that are split into chunks, each with the TSN of its last chunk, until the peer's cumulative TSN reaches it.
    _unacknowledged: deque[tuple[int, RTCDataChannel, int, bytes]]
    _heartbeats: dict[bytes, asyncio.Future[None]]
    # Held here, since asyncio holds tasks only weakly.
    _flush_task: asyncio.Task[None] | None = None
    _reset_timer: asyncio.TimerHandle | None = None

    @classmethod
    def adopt(cls, transport: RTCSctpTransport) -> Self:
        """Give one of aiortc's transports this class, before it is started."""
        adopted = super().adopt(transport)
        adopted._unacknowledged = deque()
        adopted._heartbeats = {}
        return adopted

    @property
    def is_acknowledged(self) -> bool:
        """Whether the peer's SCTP has acknowledged everything that was sent."""
        return not (self._data_channel_queue or self._outbound_queue or self._sent_queue)

    @property
    def has_ended(self) -> bool:
        """Whether the association has ended. aiortc begins no other one."""
        return self.state == "closed" and self._data_channel_id is not None

    def unacknowledged(self, channel: RTCDataChannel) -> list[SentMessage]:
        """The messages of a channel that the peer's SCTP has not acknowledged."""
        life_time = math.inf if channel.maxPacketLifeTime is None else channel.maxPacketLifeTime / 1000
        oldest = clock.now() - life_time
        under_way = [(kind, data) for _, each, kind, data in self._unacknowledged if each is channel]
        waiting = [(kind, data) for each, kind, data in self._data_channel_queue if each is channel]
        return [
            SentMessage(decoded(kind, data), data.date if isinstance(data, WaitingPayload) else None)
            for kind, data in under_way + waiting
            if kind != WEBRTC_DCEP and not (isinstance(data, WaitingPayload) and data.date < oldest)
        ]

    def _take_unannounced(self) -> set[RTCDataChannel]:
        unannounced = {channel for channel, *_ in self._data_channel_queue if channel.id is None}
        self._data_channel_queue.clear()
        return unannounced

    async def heartbeat(self, seconds: float) -> float | None:
        """Send a HEARTBEAT to the peer (RFC 9260 section 8.3), and wait for the answer."""
        if self._association_state != self.State.ESTABLISHED:
            return None
        information = os.urandom(_HEARTBEAT_BYTES)
        loop = asyncio.get_running_loop()
        answered = self._heartbeats[information] = loop.create_future()
        chunk = HeartbeatChunk()
        chunk.params.append((_HEARTBEAT_INFORMATION, information))
        sent = loop.time()
        try:
            await self._send_chunk(chunk)
            await asyncio.wait_for(answered, seconds)
        except (ConnectionError, TimeoutError):
            return None
        finally:
            del self._heartbeats[information]
        return loop.time() - sent

    def flush(self) -> None:
        """Send queued messages, as far as the network takes them now."""
        self._flush_task = run_eagerly(self._flush_once())

    async def _flush_once(self) -> None:
        try:
            await self._data_channel_flush()
        except ConnectionError:
            # The DTLS transport closed first, which ends this one too.
            return

    async def _data_channel_flush(self) -> None:
        if self._association_state != self.State.ESTABLISHED:
            return
        while self._data_channel_queue and not self._outbound_queue:
            await self._fill_window()
            await self._transmit()
        await self._transmit_reconfig()

    async def _fill_window(self) -> None:
        """Split as many messages into chunks as the congestion window takes, at least one."""
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
            await _send(self, stream_id, protocol, data)
            return
        expiry: float | None = None
        payload, identifier = data, protocol
        if isinstance(data, WaitingPayload):
            if channel.maxPacketLifeTime is not None:
                expiry = data.date + channel.maxPacketLifeTime / 1000
                if expiry < clock.now():
                    self._count_expired(channel)
                    channel._addBufferedAmount(-len(data))
                    return
            if data.dating is not Dating.NONE and self.peer_reads_dates:
                is_text = protocol in (WEBRTC_STRING, WEBRTC_STRING_EMPTY)
                is_empty = protocol in (WEBRTC_STRING_EMPTY, WEBRTC_BINARY_EMPTY)
                sent_at = told_time_of_date(data.date) if data.dating is Dating.TIME else None
                identifier, payload = dated(DatedPayload(b"" if is_empty else data, is_text, data.date, sent_at))
        # `expiry` is a time on `threads.clock`, for `_maybe_abandon`.
        await _send(
            self,
            stream_id,
            identifier,
            payload,
            expiry=expiry,
            max_retransmits=channel.maxRetransmits,
            ordered=channel.ordered,
        )
        self._unacknowledged.append(((self._local_tsn - 1) % 2**32, channel, protocol, data))
        channel._addBufferedAmount(-len(data))

    async def _transmit_reconfig(self) -> None:
        # Called for every message.
        if not self._reconfig_queue or self._reset_timer is not None:
            return
        seconds = self._seconds_until_reset()
        if not seconds:
            await super()._transmit_reconfig()
        elif seconds < math.inf:
            self._reset_timer = asyncio.get_running_loop().call_later(seconds, self._reset_late)

    def _seconds_until_reset(self) -> float:
        if self.peer_reads_dates:
            return 0.0
        closing = [self._data_channels[stream] for stream in self._reconfig_queue if stream in self._data_channels]
        unacknowledged = (channel for _, channel, _, _ in self._unacknowledged)
        return self._resets.seconds_until(closing, unacknowledged, asyncio.get_running_loop().time())

    def _reset_late(self) -> None:
        self._reset_timer = None
        # A flush also performs the resets that are due.
        self.flush()

    def _data_channel_closed(self, stream_id: int) -> None:
        self._resets.forget(self._data_channels[stream_id])
        super()._data_channel_closed(stream_id)

    def _assign_stream(self, channel: RTCDataChannel) -> int:
        # Streams are even or odd by the DTLS role (RFC 8832 section 6). aiortc has set the first one by it.
        stream_id = self._data_channel_id
        assert stream_id is not None, "established without a role"
        while stream_id in self._data_channels:
            stream_id += 2
        self._data_channels[stream_id] = channel
        channel._setId(stream_id)
        return stream_id

    async def _data_channel_receive(self, stream_id: int, pp_id: int, data: bytes) -> None:
        if pp_id not in IDENTIFIERS:
            await super()._data_channel_receive(stream_id, pp_id, data)
            return
        channel = self._data_channels.get(stream_id)
        user = None if channel is None else self.users.get(channel)
        read = undated(pp_id, data)
        if user is None or read is None:
            return
        try:
            if user.accepts(read, self._ages.age(read.sent, clock.now())):
                kind = WEBRTC_STRING if read.is_text else WEBRTC_BINARY
                await super()._data_channel_receive(stream_id, kind, read.data)
        finally:
            user.forget_date()

    async def _receive_sack_chunk(self, chunk: SackChunk) -> None:
        if chunk.gaps:
            self._may_retransmit = True
        # Before aiortc sends more messages, which this SACK does not acknowledge.
        unacknowledged, cumulative_tsn = self._unacknowledged, chunk.cumulative_tsn
        # A peer of this library delivers messages before it resets a stream.
        resets = None if self.peer_reads_dates else self._resets
        now = 0.0 if resets is None else asyncio.get_running_loop().time()
        # aiortc's `uint32_gte` is inlined, since this runs for every message.
        while unacknowledged and (cumulative_tsn - unacknowledged[0][0]) & 0xFFFFFFFF < 0x80000000:
            channel = unacknowledged.popleft()[1]
            if resets is not None:
                resets.acknowledged(channel, now)
        await super()._receive_sack_chunk(chunk)

    async def _receive_chunk(self, chunk: Chunk) -> None:
        if isinstance(chunk, DataChunk):
            await self._receive_data_chunk(chunk)
            return
        if isinstance(chunk, HeartbeatAckChunk):
            for _, information in chunk.params:
                answered = self._heartbeats.get(information)
                if answered is not None and not answered.done():
                    answered.set_result(None)
            return
        if isinstance(chunk, AbortChunk):
            self._note_goodbye("abort")
        elif isinstance(chunk, ShutdownChunk):
            self._note_goodbye("shutdown")
        await super()._receive_chunk(chunk)

    async def _receive_data_chunk(self, chunk: DataChunk) -> None:
        if self._association_state == self.State.CLOSED:
            return
        if self._advertised_rwnd < -_MAX_BEYOND_WINDOW:
            logger.warning("a peer ignores the receive window: its data channels are closed")
            await self._abort()
            self._set_state(self.State.CLOSED)
            return
        await super()._receive_data_chunk(chunk)
