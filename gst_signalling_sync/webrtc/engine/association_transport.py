"""`AssociationTransport`: this library's SCTP (`webrtc.sctp`, RFC 9260) in the place of aiortc's, for the same data channels.

An `RTCPeerConnection` and its `RTCDataChannel` objects are not changed. Their calls of an `RTCSctpTransport` are served by an
`Association`.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import Self

from aiortc import RTCDataChannel, RTCDataChannelParameters, RTCSctpTransport

from ...threads import clock
from ..message_dates import Dating
from ..sctp import (
    Acknowledged,
    Association,
    Closed,
    Established,
    Event,
    Expired,
    HeartbeatAnswered,
    IncomingReset,
    OutgoingReset,
    PeerLeft,
    Sent,
    State,
)
from ..sctp import Message as SctpMessage
from ..sctp.dcep import ACK, DCEP, MalformedOpen, Open, is_ack, is_open
from .channel_streams import ChannelStreams
from .data import SentMessage
from .incoming import IncomingMessages
from .outgoing import (
    Dated,
    as_sent,
    channel_of,
    count_buffered,
    has_expired,
    outgoing,
    set_date,
    uncount_buffered,
)

__all__ = ["AssociationTransport"]

logger = logging.getLogger(__name__)


class AssociationTransport(IncomingMessages, ChannelStreams):
    """An SCTP transport whose association is one of `webrtc.sctp`. Lives on the loop.

    There is no constructor: `adopt` makes it from aiortc's own transport. It is a `DataTransport`.
    """

    # Messages that wait for the association or for a stream. The context of each message is its channel or a `Dated`.
    _queued: deque[SctpMessage]
    _heartbeats: dict[int, asyncio.Future[float]]

    @classmethod
    def adopt(cls, transport: RTCSctpTransport) -> Self:
        """Give one of aiortc's transports this class, before it is started."""
        adopted = super().adopt(transport)
        adopted._queued = deque()
        adopted._heartbeats = {}
        adopted._closing = []
        return adopted

    # What follows is called by the engine.

    @property
    def is_acknowledged(self) -> bool:
        """Whether the peer's SCTP has acknowledged everything that was sent."""
        return not self._queued and (self._core is None or self._core.is_acknowledged)

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
        """Send a HEARTBEAT to the peer and wait for the answer, as `DataTransport.heartbeat` says."""
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
        self, channel: RTCDataChannel, message: str | bytes, date: float | None = None, dating: Dating = Dating.NONE
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
            set_date(message, message.context, self._peer_reads_dates)
        core.put(message)
        return True

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

    # What follows is called by aiortc's data channels.

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

    def _data_channel_send(self, channel: RTCDataChannel, data: bytes | str) -> None:
        size = len(data.encode() if isinstance(data, str) else data)
        # 0 means any size (RFC 8841 section 6.1).
        if self._remote_max_message_size and size > self._remote_max_message_size:
            maximum = self._remote_max_message_size
            raise ValueError(f"a message must have at most {maximum} bytes, the maximum of the peer, not {size}")
        self.enqueue(channel, data)
        self.flush()

    def _data_channel_close(self, channel: RTCDataChannel) -> None:
        if channel.readyState in ("closing", "closed"):
            return
        channel._setReadyState("closing")
        if self._told_state == "connected" and channel.id is not None:
            self._close_stream(channel.id)
            return
        self._queued = deque(each for each in self._queued if channel_of(each) is not channel)
        if channel.id is not None:
            self._data_channels.pop(channel.id, None)
        channel._setReadyState("closed")

    # The association's events.

    def _on_event(self, event: Event) -> None:
        match event:
            case Sent(messages):
                for message in messages:
                    uncount_buffered(message)
            case Acknowledged(streams):
                self._on_acknowledged(streams)
            case Expired(messages):
                for message in messages:
                    self._count_expired(channel_of(message))
                    if message.offset < len(message.data):
                        uncount_buffered(message)
                # A reset may have waited for one of them, whose acknowledgement does not come.
                if self._closing:
                    self._reset_streams()
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
                self._note_goodbye(by)
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
