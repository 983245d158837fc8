"""`IncomingMessages`: messages of data channels that arrive, by their payload protocol identifiers (RFC 8831 section 8)."""

from __future__ import annotations

import logging

from aiortc import RTCDataChannel

from ...threads import clock
from ..message import Message
from ..message_dates import IDENTIFIERS, undated
from ..sctp import Received
from ..sctp.dcep import BINARY, BINARY_EMPTY, DCEP, STRING, STRING_EMPTY
from .channel_transport import ChannelTransport

__all__ = ["IncomingMessages"]

logger = logging.getLogger(__name__)


class IncomingMessages(ChannelTransport):
    """An SCTP transport that gives messages to the users of its channels. Lives on the loop."""

    _has_complained = False

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

    def _on_dcep(self, stream: int, data: bytes, channel: RTCDataChannel | None) -> None:
        """Handle a message of DCEP.

        Args:
            stream: Its stream.
            data: Its payload.
            channel: The channel of the stream; None: there is none yet.
        """
        raise NotImplementedError

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

    def _complain(self, error: Exception) -> None:
        # One warning per connection, so that a peer cannot fill the log.
        level = logging.DEBUG if self._has_complained else logging.WARNING
        self._has_complained = True
        logger.log(level, "dropped a malformed message: %r", error)
