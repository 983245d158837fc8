"""`ChannelStreams`: the streams of data channels, assigned (RFC 8832 section 6) and reset on closing (RFC 8831 section 6.7)."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable
from itertools import chain

from aiortc import RTCDataChannel

from ..sctp import IncomingReset, OutgoingReset
from ..sctp.dcep import DCEP
from .association_driver import AssociationDriver
from .outgoing import channel_of

__all__ = ["ChannelStreams"]


class ChannelStreams(AssociationDriver):
    """An SCTP transport that assigns and resets the streams of its channels. Lives on the loop."""

    # The stream that a channel without one got last.
    _last_stream: int | None = None
    # Streams of channels that this end has closed, whose reset has to wait.
    _closing: list[int]
    _reset_timer: asyncio.TimerHandle | None = None

    def _register(self, channel: RTCDataChannel) -> None:
        assert channel.id is not None
        if channel.id in self._data_channels:
            raise ValueError(f"the id of a data channel must be free, not {channel.id}, which another channel has")
        self._data_channels[channel.id] = channel

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

    def _close_stream(self, stream: int) -> None:
        """Reset the stream of a closing channel, as soon as this is possible."""
        self._closing.append(stream)
        self._reset_streams()

    def _reset_streams(self) -> None:
        if self._core is None or self._reset_timer is not None or not self._closing:
            return
        closing = [self._data_channels[stream] for stream in self._closing if stream in self._data_channels]
        loop = asyncio.get_running_loop()
        seconds = 0.0
        # A peer of this library delivers messages before it resets a stream.
        if not self.peer_reads_dates:
            channels = (channel_of(each) for each in self._core.unacknowledged if each.identifier != DCEP)
            seconds = self._resets.seconds_until(closing, channels, loop.time())
        if not seconds:
            streams, self._closing = self._closing, []
            self._core.reset(streams)
            self._drive()
        elif seconds < math.inf:
            self._reset_timer = loop.call_later(seconds, self._reset_late)

    def _reset_late(self) -> None:
        self._reset_timer = None
        self._reset_streams()

    def _on_acknowledged(self, streams: Iterable[int]) -> None:
        now = asyncio.get_running_loop().time()
        for stream in streams:
            channel = self._data_channels.get(stream)
            if channel is not None:
                self._resets.acknowledged(channel, now)
        if self._closing:
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

    def _on_closed(self) -> None:
        for stream in list(self._data_channels):
            self._forget(stream)

    def _cancel(self) -> None:
        super()._cancel()
        if self._reset_timer is not None:
            self._reset_timer.cancel()
            self._reset_timer = None
