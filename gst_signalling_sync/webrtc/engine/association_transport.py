"""`AssociationTransport`: this library's SCTP (`webrtc.sctp`, RFC 9260) in the place of aiortc's, for the same data channels.

An `RTCPeerConnection` and its `RTCDataChannel` objects are not changed. Their calls of an `RTCSctpTransport` are served by an
`Association`, which this drives: datagrams and the time go in, packets and events come out.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from itertools import chain
from typing import Final, cast

from aiortc import RTCDataChannel, RTCDataChannelParameters, RTCSctpCapabilities, RTCSctpTransport

from ...threads import clock
from ..message import Message
from ..message_age import MessageAges
from ..message_dates import IDENTIFIERS, Dating, undated
from ..sctp import (
    Acknowledged,
    Association,
    Closed,
    Established,
    Event,
    Expired,
    HeartbeatAnswered,
    IncomingReset,
    MalformedPacket,
    OutgoingReset,
    PeerLeft,
    Received,
    Sent,
    Settings,
    State,
)
from ..sctp import Message as SctpMessage
from ..sctp.dcep import (
    ACK,
    BINARY,
    BINARY_EMPTY,
    DCEP,
    STRING,
    STRING_EMPTY,
    MalformedOpen,
    Open,
    is_ack,
    is_open,
)
from .data import Goodbye, SentMessage
from .dtls import RobustDtlsTransport
from .outgoing import (
    Dated,
    as_sent,
    channel_of,
    count_buffered,
    has_expired,
    outgoing,
    put_date,
    uncount_buffered,
)
from .sctp import MAX_PACKET, ChannelUser
from .stream_resets import StreamResets

__all__ = ["AssociationTransport"]

logger = logging.getLogger(__name__)


_MAX_BATCH: Final = 8
"""Maximum number of packets of a peer of this library that one acknowledgement is for, if they come together. The peer's
``Max.Burst``, and the maximum growth of its window, are the same number."""

_MAX_FOREIGN_BATCH: Final = 2
"""The same for other peers, whose window may grow by a packet for each acknowledgement (RFC 9260 sections 6.2 and 7.2.1)."""


class AssociationTransport(RTCSctpTransport):
    """An SCTP transport whose association is one of `webrtc.sctp`. Lives on the loop.

    There is no constructor: `adopt` makes it from aiortc's own transport.
    """

    users: dict[RTCDataChannel, ChannelUser]
    goodbye: Goodbye | None
    on_goodbye: Callable[[Goodbye], None] | None
    _peer_reads_dates: bool
    _ages: MessageAges
    _resets: StreamResets
    # Messages that wait for the association or for a stream. The context of each message is its channel or a `Dated`.
    _queued: deque[SctpMessage]
    _heartbeats: dict[int, asyncio.Future[float]]
    # The stream that a channel without one got last.
    _last_stream: int | None = None
    # Streams of channels that this end has closed, whose reset has to wait.
    _closing: list[int]
    _core: Association | None = None
    _dtls: RobustDtlsTransport | None = None
    _told_state = "new"
    _alarm: asyncio.TimerHandle | None = None
    _alarm_at = 0.0
    _reset_timer: asyncio.TimerHandle | None = None
    _is_driving = False
    _drives_again = False
    # The number of packets received since the association was driven.
    _undriven = 0
    _has_complained = False

    @classmethod
    def adopt(cls, transport: RTCSctpTransport) -> None:
        """Give one of aiortc's transports this class, before it is started."""
        transport.__class__ = cls
        assert isinstance(transport, cls)
        transport._peer_reads_dates = False
        transport.users = {}
        transport.goodbye = None
        transport.on_goodbye = None
        transport._ages = MessageAges()
        transport._resets = StreamResets()
        transport._queued = deque()
        transport._heartbeats = {}
        transport._closing = []

    # What follows is called by the engine; see `DataTransport` and `WireChannel`.

    @property
    def peer_reads_dates(self) -> bool:
        """Whether the peer reads dated messages, so that it is a peer of this library."""
        return self._peer_reads_dates

    @peer_reads_dates.setter
    def peer_reads_dates(self, reads: bool) -> None:
        self._peer_reads_dates = reads
        if self._core is not None:
            # Acknowledgements matter only for resets that have to wait.
            self._core.tells_of_acknowledgements = not reads

    @property
    def state(self) -> str:
        """``"new"``, ``"connecting"``, ``"connected"`` or ``"closed"``."""
        return self._told_state

    @property
    def association(self) -> Association | None:
        """The association; None before it has begun."""
        return self._core

    @property
    def maxChannels(self) -> int | None:
        """Maximum number of channels; None before the association has begun."""
        return self._core.streams if self._core is not None else None

    @property
    def is_acknowledged(self) -> bool:
        """Whether the peer's SCTP has acknowledged everything that was sent."""
        return not self._queued and (self._core is None or self._core.is_acknowledged)

    @property
    def has_ended(self) -> bool:
        """Whether the association has ended. No other one begins."""
        return self._told_state == "closed" and self._core is not None

    def unacknowledged(self, channel: RTCDataChannel) -> list[SentMessage]:
        """The messages of a channel that the peer's SCTP has not acknowledged, in the order sent; known after the end too."""
        sent = [] if self._core is None else list(self._core.unacknowledged)
        now = clock.now()
        return [
            as_sent(each)
            for each in [*sent, *self._queued]
            if channel_of(each) is channel and each.identifier != DCEP and not has_expired(each, now)
        ]

    async def refuse(self) -> None:
        """Close all channels, including those that the peer has not been told of."""
        unannounced = {channel for each in self._queued if (channel := channel_of(each)).id is None}
        self._queued.clear()
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
        if self._core is None or self._core.state is not State.ESTABLISHED:
            return None
        number = self._core.heartbeat(clock.now())
        answered = self._heartbeats[number] = asyncio.get_running_loop().create_future()
        try:
            self._drive()
            return await asyncio.wait_for(answered, seconds)
        except TimeoutError:
            return None
        finally:
            del self._heartbeats[number]

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
        self._queued.append(outgoing(channel, message, date, dating))

    def flush(self) -> None:
        """Send queued messages, as far as the network takes them now."""
        queued, core = self._queued, self._core
        is_established = core is not None and core.state is State.ESTABLISHED
        given: list[SctpMessage] = []
        if core is not None and is_established:
            while queued:
                message = queued.popleft()
                if self._give(core, message):
                    given.append(message)
            self._drive()
        # Messages that are sent already do not count as buffered.
        for message in given if is_established else queued:
            is_waiting = message.offset < len(message.data) and not message.is_abandoned
            if is_waiting and not message.tells_when_sent and message.identifier != DCEP:
                count_buffered(message)

    def _give(self, core: Association, message: SctpMessage) -> bool:
        """Give a message to the association.

        Returns:
            Whether there is a stream for its channel. If not, the channel was closed.
        """
        channel = channel_of(message)
        stream = channel.id if channel.id is not None else self._assign_stream(channel)
        if stream is None:
            return False
        message.stream = stream
        if isinstance(message.context, Dated):
            put_date(message, message.context, self._peer_reads_dates)
        core.push(message)
        return True

    def _assign_stream(self, channel: RTCDataChannel) -> int | None:
        # Streams are even or odd by the DTLS role (RFC 8832 section 6). A stream that was reset is used again last: two
        # channels on one that webrtcbin 1.22 had just reset were never acknowledged.
        first = self._data_channel_id
        assert first is not None, "established without a role"
        end = 0 if self._core is None else self._core.streams
        after_last = first if self._last_stream is None else self._last_stream + 2
        streams = chain(range(after_last, end, 2), range(first, min(after_last, end), 2))
        stream = next((each for each in streams if each not in self._data_channels), None)
        if stream is None:
            channel._setReadyState("closed")
            return None
        self._last_stream = stream
        self._data_channels[stream] = channel
        channel._setId(stream)
        return stream

    def drop_waiting(self, channel: RTCDataChannel) -> None:
        """Drop the messages of a channel of which nothing was sent."""
        queued, self._queued = self._queued, deque()
        dropped: list[SctpMessage] = []
        for each in queued:
            is_meant = channel_of(each) is channel and each.identifier != DCEP
            (dropped if is_meant else self._queued).append(each)
        if self._core is not None and channel.id is not None:
            dropped += self._core.drop(lambda message: message.identifier != DCEP, channel.id)
        for each in dropped:
            self._count_expired(channel)
            uncount_buffered(each)

    def _count_expired(self, channel: RTCDataChannel) -> None:
        user = self.users.get(channel)
        if user is not None:
            user.expired += 1

    # What follows is called by aiortc's peer connection and data channels.

    async def start(self, remoteCaps: RTCSctpCapabilities | None, remotePort: int) -> None:
        """Begin the association, as the peer does too (RFC 8841 section 9.3)."""
        if self._told_state != "new":
            return
        self._told_state = "connecting"
        if remoteCaps is not None:
            self._remote_max_message_size = remoteCaps.maxMessageSize
        self._data_channel_id = 1 if self.is_server else 0
        # No maximum of retransmissions: `Liveness` decides whether a silent peer is gone.
        self._core = Association(
            Settings(
                port=self.port,
                peer_port=remotePort,
                max_packet=MAX_PACKET,
                max_init_retransmits=None,
                max_retransmits=None,
            )
        )
        self._core.tells_of_acknowledgements = not self._peer_reads_dates
        self._dtls = cast(RobustDtlsTransport, self.transport)
        self._dtls._register_data_receiver(self)
        self._dtls.on_data = self._take_packet
        self._dtls.on_batch_end = self._end_batch
        now = clock.now()
        self._core.connect(now)
        self._drive(now)

    async def stop(self) -> None:
        """Abort the association."""
        if self._core is not None:
            self._core.abort()
            self._drive()
        if self._dtls is not None:
            self._dtls.on_data = self._dtls.on_batch_end = None
            self._dtls._unregister_data_receiver(self)
        self._close()

    async def _handle_data(self, data: bytes) -> None:
        # Called for packets that DTLS does not give to `_take_packet`.
        self._take_packet(data, False)

    def _take_packet(self, packet: bytes, more_follows: bool) -> None:
        core = self._core
        if core is None:
            return
        now = clock.now()
        try:
            core.receive(packet, now)
        except MalformedPacket as error:
            logger.debug("dropped a packet of SCTP: %s", error)
        self._undriven += 1
        # One acknowledgement is sent for packets that come together.
        if not more_follows or self._undriven >= (_MAX_BATCH if self._peer_reads_dates else _MAX_FOREIGN_BATCH):
            self._drive(now)

    def _end_batch(self) -> None:
        if self._undriven:
            self._drive()

    def _data_channel_add_negotiated(self, channel: RTCDataChannel) -> None:
        self._register(channel)
        if self._told_state == "connected":
            channel._setReadyState("open")

    def _data_channel_open(self, channel: RTCDataChannel) -> None:
        if channel.id is not None:
            self._register(channel)
        announced = Open(
            channel.label, channel.protocol, channel.ordered, channel.maxRetransmits, channel.maxPacketLifeTime
        )
        self._queue_dcep(channel, announced.serialize())
        self.flush()

    def _queue_dcep(self, channel: RTCDataChannel, data: bytes) -> None:
        self._queued.append(SctpMessage(-1, DCEP, data, context=channel, tells_when_sent=False))

    def _register(self, channel: RTCDataChannel) -> None:
        assert channel.id is not None
        if channel.id in self._data_channels:
            raise ValueError(f"Data channel with ID {channel.id} already registered")
        self._data_channels[channel.id] = channel

    def _data_channel_send(self, channel: RTCDataChannel, data: bytes | str) -> None:
        size = len(data.encode() if isinstance(data, str) else data)
        # 0 means any size (RFC 8841 section 6.1).
        if self._remote_max_message_size and size > self._remote_max_message_size:
            raise ValueError(
                f"Cannot send message of {size} bytes, the remote party only supports messages up to"
                f" {self._remote_max_message_size} bytes"
            )
        self.enqueue(channel, data)
        self.flush()

    def _data_channel_close(self, channel: RTCDataChannel) -> None:
        if channel.readyState in ("closing", "closed"):
            return
        channel._setReadyState("closing")
        if self._told_state == "connected" and channel.id is not None:
            self._closing.append(channel.id)
            self._reset_streams()
            return
        self._queued = deque(each for each in self._queued if channel_of(each) is not channel)
        if channel.id is not None:
            self._data_channels.pop(channel.id, None)
        channel._setReadyState("closed")

    # Closing channels (RFC 8831 section 6.7).

    def _reset_streams(self) -> None:
        if self._core is None or self._reset_timer is not None or not self._closing:
            return
        closing = [self._data_channels[stream] for stream in self._closing if stream in self._data_channels]
        now = asyncio.get_running_loop().time()
        seconds = 0.0
        # A peer of this library delivers messages before it resets a stream.
        if not self.peer_reads_dates:
            channels = (channel_of(each) for each in self._core.unacknowledged if each.identifier != DCEP)
            seconds = self._resets.seconds_until(closing, channels, now)
        if not seconds:
            streams, self._closing = self._closing, []
            self._core.reset(streams)
            self._drive()
        elif seconds != float("inf"):
            self._reset_timer = asyncio.get_running_loop().call_later(seconds, self._reset_late)

    def _reset_late(self) -> None:
        self._reset_timer = None
        self._reset_streams()

    def _on_incoming_reset(self, event: IncomingReset) -> None:
        for stream in event.streams or list(self._data_channels):
            channel = self._data_channels.get(stream)
            if channel is not None:
                self._data_channel_inbound_reset.add(stream)
                self._data_channel_close(channel)
                self._close_if_reset(stream)

    def _on_outgoing_reset(self, event: OutgoingReset) -> None:
        for stream in event.streams:
            if stream not in self._data_channels:
                continue
            self._data_channel_outbound_reset.add(stream)
            if not event.is_performed:
                # The peer cannot reset streams. The channel is closed at this end only.
                self._data_channel_inbound_reset.add(stream)
            self._close_if_reset(stream)

    def _close_if_reset(self, stream: int) -> None:
        if stream in self._data_channel_inbound_reset and stream in self._data_channel_outbound_reset:
            self._forget(stream)

    def _forget(self, stream: int) -> None:
        self._data_channel_inbound_reset.discard(stream)
        self._data_channel_outbound_reset.discard(stream)
        channel = self._data_channels.pop(stream)
        self._resets.forget(channel)
        channel._setReadyState("closed")

    # Driving the association.

    def _drive(self, now: float | None = None) -> None:
        """Send the association's packets, and handle its events.

        Args:
            now: The time, if it was just read. Defaults to None: it is read here.
        """
        if self._is_driving:
            self._drives_again = True
            return
        core, dtls = self._core, self._dtls
        assert core is not None
        assert dtls is not None
        self._is_driving = self._drives_again = True
        self._undriven = 0
        try:
            while self._drives_again:
                # Events come first, so that answers share a packet with the acknowledgement.
                if core.events:
                    self._tell(core)
                self._drives_again = False
                packets = core.take_packets(clock.now() if now is None else now)
                if packets:
                    dtls.send_data(packets)
                if core.events:
                    self._tell(core)
                now = None
        except ConnectionError:
            # The DTLS transport closed first, which ends this one too.
            self._cancel()
            return
        finally:
            self._is_driving = False
        self._set_alarm(core)

    def _set_alarm(self, core: Association) -> None:
        at = core.next_timeout()
        # A timer that finds nothing due costs less than setting one for every message.
        if at is None or (self._alarm is not None and self._alarm_at <= at):
            return
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm_at = at
        self._alarm = asyncio.get_running_loop().call_later(max(0.0, at - clock.now()), self._on_alarm)

    def _on_alarm(self) -> None:
        self._alarm = None
        if self._core is not None:
            now = clock.now()
            self._core.handle_timeout(now)
            self._drive(now)

    def _cancel(self) -> None:
        for timer in (self._alarm, self._reset_timer):
            if timer is not None:
                timer.cancel()
        self._alarm = self._reset_timer = None

    def _close(self) -> None:
        if self._told_state == "closed":
            return
        self._told_state = "closed"
        self._cancel()
        for stream in list(self._data_channels):
            self._forget(stream)
        # No more events follow, so the listeners are released.
        self.remove_all_listeners()

    # The association's events.

    def _tell(self, core: Association) -> None:
        while core.events:
            for event in core.take_events():
                try:
                    if type(event) is Received:
                        self._on_received(event)
                    else:
                        self._on_event(event)
                except Exception:
                    # A listener of one of aiortc's objects raised. The association and its acknowledgements go on.
                    logger.exception("a receiver raised for %s of a data channel", type(event).__name__)

    def _on_event(self, event: Event) -> None:
        match event:
            case Sent(messages):
                for message in messages:
                    uncount_buffered(message)
            case Acknowledged(streams):
                now = asyncio.get_running_loop().time()
                for stream in streams:
                    channel = self._data_channels.get(stream)
                    if channel is not None:
                        self._resets.acknowledged(channel, now)
                self._reset_streams()
            case Expired(messages):
                for message in messages:
                    self._count_expired(channel_of(message))
                    if message.offset < len(message.data):
                        uncount_buffered(message)
            case Established():
                self._on_established()
            case IncomingReset():
                self._on_incoming_reset(event)
            case OutgoingReset():
                self._on_outgoing_reset(event)
            case HeartbeatAnswered(number, round_trip):
                answered = self._heartbeats.get(number)
                if answered is not None and not answered.done():
                    answered.set_result(round_trip)
            case PeerLeft(by):
                self.goodbye = by
                if self.on_goodbye is not None:
                    self.on_goodbye(by)
            case Closed(error):
                if error is not None:
                    logger.warning("%s: its data channels are closed", error)
                self._close()

    def _on_established(self) -> None:
        self._told_state = "connected"
        for channel in list(self._data_channels.values()):
            if channel.negotiated and channel.readyState != "open":
                channel._setReadyState("open")
        self.flush()

    def _on_received(self, received: Received) -> None:
        stream, kind, data = received
        channel = self._data_channels.get(stream)
        if kind == DCEP:
            self._on_dcep(stream, data, channel)
        elif channel is None:
            logger.debug("dropped a message of stream %d, which has no channel", stream)
        elif kind == BINARY:
            self._deliver(channel, data)
        elif kind == STRING:
            self._on_string(channel, data)
        elif kind == STRING_EMPTY:
            self._deliver(channel, "")
        elif kind == BINARY_EMPTY:
            self._deliver(channel, b"")
        elif kind in IDENTIFIERS:
            self._on_dated(channel, kind, data)

    def _on_string(self, channel: RTCDataChannel, data: bytes) -> None:
        try:
            text = data.decode()
        except UnicodeDecodeError as error:
            self._complain(error)
            return
        self._deliver(channel, text)

    def _deliver(self, channel: RTCDataChannel, message: Message) -> None:
        user = self.users.get(channel)
        if user is not None:
            user.on_message(message)
        # Emitting an event without listeners would take longer than the rest of this method.
        if "message" in channel.event_names():
            channel.emit("message", message)

    def _on_dated(self, channel: RTCDataChannel, kind: int, data: bytes) -> None:
        user = self.users.get(channel)
        read = undated(kind, data)
        if user is None or read is None:
            return
        try:
            if user.accepts(read, self._ages.age(read.sent, clock.now())):
                if read.is_text:
                    self._on_string(channel, read.data)
                else:
                    self._deliver(channel, read.data)
        finally:
            user.forget_date()

    def _on_dcep(self, stream: int, data: bytes, channel: RTCDataChannel | None) -> None:
        if is_ack(data):
            # A closing channel is not opened again (W3C WebRTC section 6.2.2).
            if channel is not None and channel.readyState == "connecting":
                channel._setReadyState("open")
            return
        if not is_open(data) or channel is not None:
            logger.debug("dropped a message of DCEP on stream %d", stream)
            return
        try:
            announced = Open.parse(data)
        except MalformedOpen as error:
            self._complain(error)
            return
        parameters = RTCDataChannelParameters(
            label=announced.label,
            maxPacketLifeTime=announced.life_time,
            maxRetransmits=announced.max_retransmits,
            ordered=announced.ordered,
            protocol=announced.protocol,
            id=stream,
        )
        opened = RTCDataChannel(self, parameters, False)
        opened._setReadyState("open")
        self._data_channels[stream] = opened
        self._queue_dcep(opened, ACK)
        self.flush()
        self.emit("datachannel", opened)

    def _complain(self, error: Exception) -> None:
        # One warning per connection, so that a peer cannot fill the log.
        level = logging.DEBUG if self._has_complained else logging.WARNING
        self._has_complained = True
        logger.log(level, "dropped a malformed message: %r", error)
