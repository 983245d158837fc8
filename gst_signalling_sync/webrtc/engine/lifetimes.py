"""`Lifetimes`: messages with a date or a lifetime in aiortc's SCTP, and their end (RFC 3758).

aiortc counts a lifetime from the moment at which a message is split into chunks, on a clock that jumps when the system's clock
is set.
"""

from __future__ import annotations

from aiortc import RTCDataChannel
from aiortc.rtcsctptransport import (
    SCTP_DATA_FIRST_FRAG,
    SCTP_DATA_LAST_FRAG,
    WEBRTC_BINARY,
    WEBRTC_BINARY_EMPTY,
    WEBRTC_DCEP,
    WEBRTC_STRING,
    WEBRTC_STRING_EMPTY,
    DataChunk,
)

from ...threads import clock
from ..message_dates import Dating
from .channel_transport import ChannelTransport

__all__ = ["Lifetimes", "WaitingPayload"]


class WaitingPayload(bytes):
    """The payload of a queued message, with its date, for which aiortc's queue has no place."""

    date: float
    """Time at which the program sent it, on `threads.clock`."""

    dating: Dating
    """The date that the peer gets."""


class Lifetimes(ChannelTransport):
    """An SCTP transport of aiortc's whose messages have lifetimes on `threads.clock`. Lives on the loop."""

    def enqueue(
        self, channel: RTCDataChannel, message: str | bytes, date: float | None = None, dating: Dating = Dating.NONE
    ) -> None:
        """Queue a message of an open channel."""
        if isinstance(message, str):
            data = message.encode()
            kind = WEBRTC_STRING if data else WEBRTC_STRING_EMPTY
        else:
            data = message
            kind = WEBRTC_BINARY if data else WEBRTC_BINARY_EMPTY
        # SCTP has no empty messages (RFC 8831 section 6.6).
        data = data or b"\0"
        if channel.maxPacketLifeTime is not None or dating is Dating.TIME:
            data = WaitingPayload(data)
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
            is_old = before is None or (isinstance(data, WaitingPayload) and data.date < before)
            if owner is channel and kind != WEBRTC_DCEP and is_old:
                self._count_expired(channel)
                channel._addBufferedAmount(-len(data))
            else:
                kept.append(entry)
        self._data_channel_queue = kept

    def _drop_expired(self) -> None:
        """Drop the messages that have expired and are not split into chunks yet."""
        now = clock.now()
        for channel in {channel for channel, *_ in self._data_channel_queue}:
            if channel.maxPacketLifeTime is not None:
                self.drop_waiting(channel, before=now - channel.maxPacketLifeTime / 1000)

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
