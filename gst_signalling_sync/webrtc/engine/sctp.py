"""aiortc's SCTP with bundled chunks (RFC 9260 section 6.10), dates, lifetimes and acknowledgements of messages.

aiortc 1.16 sends every chunk in a separate packet, and every message from a separate task. Encryption and system calls cost the
same for each packet, and small messages take fourteen packets instead of one.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final, Protocol

from aiortc import RTCDataChannel, RTCSctpTransport
from aiortc.rtcsctptransport import (
    SCTP_COMMON_HEADER_LENGTH,
    SCTP_DATA_FIRST_FRAG,
    SCTP_DATA_LAST_FRAG,
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
from ..message import Message
from ..message_age import MessageAges
from ..message_dates import IDENTIFIERS, DatedPayload, Dating, dated, undated
from ..sender_clock import told_time_of_date
from .capabilities import rebound
from .data import Goodbye, SentMessage
from .eager import run_eagerly
from .sack import DelayedSacks
from .stream_resets import StreamResets

__all__ = ["MAX_PACKET", "BundlingSctpTransport", "ChannelUser"]

logger = logging.getLogger(__name__)

MAX_PACKET: Final = 1128
"""Maximum of a packet, in bytes: a datagram of `MAX_DATAGRAM`, less the maximum overhead of a DTLS record, which is that of CBC
(RFC 6347 section 4.1): the header (13), an initial vector (16), a MAC (20) and padding (16). It is a multiple of 4."""

MAX_USER_DATA: Final = MAX_PACKET - SCTP_COMMON_HEADER_LENGTH - 16
"""Maximum of a message's bytes in one chunk, whose header has 16 bytes."""

_BURST_PACKETS: Final = 4
"""Maximum number of packets that are sent at once: ``Max.Burst`` of RFC 9260 section 16."""

_FAST_RECOVERY_PACKETS: Final = 2

_HEARTBEAT_INFORMATION: Final = 1
"""The parameter that the answer contains too (RFC 9260 section 3.3.5)."""

_HEARTBEAT_BYTES: Final = 8

_MAX_BEYOND_WINDOW: Final = 2**20
"""Maximum of bytes of incomplete messages beyond the receive window. An honest peer exceeds the window by what was under way; a
hostile one sends a message without an end."""


class ChannelUser(Protocol):
    """The user of a channel, which counts expired messages."""

    expired: int

    on_message: Callable[[Message], None]
    """Called with each message that arrives, by a transport that does not emit events for users."""

    def accepts(self, message: DatedPayload, age: float) -> bool:
        """Record the date of the message that is delivered next, and return whether to deliver it."""

    def forget_date(self) -> None:
        """Forget the date, since the next message may have none."""


class _Waiting(bytes):
    """The payload of a queued message, with its date, for which aiortc's queue has no place."""

    date: float
    """Time at which the program sent it, on `threads.clock`."""

    dating: Dating
    """The date that the peer gets."""


_send: Final = rebound(RTCSctpTransport._send, RTCSctpTransport, USERDATA_MAX_LENGTH=MAX_USER_DATA).__func__
"""aiortc's method, with a smaller maximum for chunks."""


class BundlingSctpTransport(DelayedSacks):
    """An SCTP transport that fills its packets. Lives on the loop.

    There is no constructor: `adopt` makes it from aiortc's own transport.
    """

    peer_reads_dates: bool
    users: dict[RTCDataChannel, ChannelUser]
    _ages: MessageAges
    goodbye: Goodbye | None
    on_goodbye: Callable[[Goodbye], None] | None
    # Messages that are split into chunks, each with the TSN of its last chunk, until the peer's cumulative TSN reaches it.
    _unacknowledged: deque[tuple[int, RTCDataChannel, int, bytes]]
    _heartbeats: dict[bytes, asyncio.Future[None]]
    _resets: StreamResets

    _corked = False
    # Held here, since asyncio holds tasks only weakly.
    _flush_task: asyncio.Task[None] | None = None
    # Whether a chunk may be marked for retransmission, so that chunks are not searched for every packet.
    _may_retransmit = False
    _reset_timer: asyncio.TimerHandle | None = None

    @classmethod
    def adopt(cls, transport: RTCSctpTransport) -> None:
        """Give one of aiortc's transports this class, before it is started."""
        transport.__class__ = cls
        assert isinstance(transport, cls)
        transport.peer_reads_dates = False
        transport.users = {}
        transport._ages = MessageAges()
        transport.goodbye = None
        transport.on_goodbye = None
        transport._unacknowledged = deque()
        transport._heartbeats = {}
        transport._resets = StreamResets()

    @property
    def is_acknowledged(self) -> bool:
        """Whether the peer's SCTP has acknowledged everything that was sent."""
        return not (self._data_channel_queue or self._outbound_queue or self._sent_queue)

    @property
    def has_ended(self) -> bool:
        """Whether the association has ended. aiortc begins no other one."""
        return self.state == "closed" and self._data_channel_id is not None

    def unacknowledged(self, channel: RTCDataChannel) -> list[SentMessage]:
        """The messages of a channel that the peer's SCTP has not acknowledged, in the order sent; known after the end too."""
        life_time = math.inf if channel.maxPacketLifeTime is None else channel.maxPacketLifeTime / 1000
        oldest = clock.now() - life_time
        under_way = [(kind, data) for _, each, kind, data in self._unacknowledged if each is channel]
        waiting = [(kind, data) for each, kind, data in self._data_channel_queue if each is channel]
        return [
            SentMessage(_message(kind, data), data.date if isinstance(data, _Waiting) else None)
            for kind, data in under_way + waiting
            if kind != WEBRTC_DCEP and not (isinstance(data, _Waiting) and data.date < oldest)
        ]

    async def refuse(self) -> None:
        """Close all channels, including those that the peer has not been told of."""
        unannounced = {channel for channel, *_ in self._data_channel_queue if channel.id is None}
        self._data_channel_queue.clear()
        await self.stop()
        for channel in unannounced:
            channel._setReadyState("closed")

    async def heartbeat(self, seconds: float) -> float | None:
        """Send a HEARTBEAT to the peer (RFC 9260 section 8.3), and wait for the answer.

        Args:
            seconds: Maximum time to wait.

        Returns:
            The round trip, in seconds; None: no answer came in time.
        """
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

    def enqueue(
        self,
        channel: RTCDataChannel,
        message: str | bytes,
        date: float | None = None,
        dating: Dating = Dating.NONE,
    ) -> None:
        """Queue a message of an open channel; `flush` sends what is queued.

        Args:
            channel: The channel.
            message: The message.
            date: Time at which the program sent it, on `threads.clock`. Defaults to now.
            dating: The date that the message gets if the peer reads dates. Defaults to none.
        """
        if isinstance(message, str):
            data = message.encode()
            kind = WEBRTC_STRING if data else WEBRTC_STRING_EMPTY
        else:
            data = message
            kind = WEBRTC_BINARY if data else WEBRTC_BINARY_EMPTY
        # SCTP has no empty messages (RFC 8831 section 6.6).
        data = data or b"\0"
        if channel.maxPacketLifeTime is not None or dating is Dating.TIME:
            data = _Waiting(data)
            data.date = clock.now() if date is None else date
            data.dating = dating
        channel._addBufferedAmount(len(data))
        self._data_channel_queue.append((channel, kind, data))

    def drop_waiting(self, channel: RTCDataChannel, before: float | None = None) -> None:
        """Drop the messages of a channel that are not split into chunks yet.

        Args:
            channel: The channel.
            before: Drop only messages that the program sent before this time, on `threads.clock`. Defaults to all messages.
        """
        kept = type(self._data_channel_queue)()
        for entry in self._data_channel_queue:
            owner, kind, data = entry
            is_old = before is None or (isinstance(data, _Waiting) and data.date < before)
            if owner is channel and kind != WEBRTC_DCEP and is_old:
                self._count_expired(channel)
                channel._addBufferedAmount(-len(data))
            else:
                kept.append(entry)
        self._data_channel_queue = kept

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
        if isinstance(data, _Waiting):
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

    def _abandon_unsent(self) -> bool:
        """Abandon messages that expired before their first chunk was sent (RFC 3758 section 3.5).

        Returns:
            Whether there were any.
        """
        abandons = False
        for chunk in self._outbound_queue:
            if chunk.flags & SCTP_DATA_FIRST_FRAG:
                abandons = chunk._expiry is not None and chunk._expiry < clock.now() and not chunk._abandoned
            if not abandons:
                break
            chunk._abandoned = True
            if chunk.flags & SCTP_DATA_LAST_FRAG:
                self._count_abandoned(chunk)
        return bool(self._outbound_queue) and self._outbound_queue[0]._abandoned

    def _maybe_abandon(self, chunk: DataChunk) -> bool:
        expiry = chunk._expiry
        if expiry is None or chunk._abandoned:
            return super()._maybe_abandon(chunk)
        if expiry < clock.now():
            # A time in the past on aiortc's clock, which jumps when the system's clock is set.
            chunk._expiry = 0.0
            self._count_abandoned(chunk)
            return super()._maybe_abandon(chunk)
        chunk._expiry = None
        try:
            return super()._maybe_abandon(chunk)
        finally:
            chunk._expiry = expiry

    def _count_abandoned(self, chunk: DataChunk) -> None:
        channel = self._data_channels.get(chunk.stream_id)
        if channel is not None:
            self._count_expired(channel)

    def _count_expired(self, channel: RTCDataChannel) -> None:
        user = self.users.get(channel)
        if user is not None:
            user.expired += 1

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

    def _ensure_retransmission_timer(self) -> None:
        if self._t3_handle is None:
            self._t3_start()

    def _t3_expired(self) -> None:
        self._may_retransmit = True
        # The window may stay closed for long. Expired messages must not take the room of new ones.
        now = clock.now()
        for channel in {channel for channel, *_ in self._data_channel_queue}:
            if channel.maxPacketLifeTime is not None:
                self.drop_waiting(channel, before=now - channel.maxPacketLifeTime / 1000)
        super()._t3_expired()

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
            self._take_goodbye("abort")
        elif isinstance(chunk, ShutdownChunk):
            self._take_goodbye("shutdown")
        await super()._receive_chunk(chunk)

    def _take_goodbye(self, goodbye: Goodbye) -> None:
        if self.goodbye is None:
            self.goodbye = goodbye
            if self.on_goodbye is not None:
                self.on_goodbye(goodbye)

    async def _receive_data_chunk(self, chunk: DataChunk) -> None:
        if self._association_state == self.State.CLOSED:
            return
        if self._advertised_rwnd < -_MAX_BEYOND_WINDOW:
            logger.warning("a peer ignores the receive window: its data channels are closed")
            await self._abort()
            self._set_state(self.State.CLOSED)
            return
        await super()._receive_data_chunk(chunk)


def _message(kind: int, data: bytes) -> Message:
    """The message that was given to `enqueue`."""
    if kind in (WEBRTC_STRING, WEBRTC_STRING_EMPTY):
        return data.decode() if kind == WEBRTC_STRING else ""
    return data if kind == WEBRTC_BINARY else b""
