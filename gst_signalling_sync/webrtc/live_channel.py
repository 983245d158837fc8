"""`LiveChannel`: what is behind a `DataChannel`, for its session and for roles.

The `WireChannel` belongs to the loop. Two queues are between it and the callers' threads: the outbox of its `ChannelSending`,
which `send` fills and the loop empties, and the `Inbox`.
"""

from __future__ import annotations

import logging
import math
from typing import Any, Final, Protocol

from ..errors import MessageTooLarge
from ..signals import Signal
from ..threads import clock
from ..threads.callbacks import Callbacks
from ..threads.loop_thread import LoopThread
from ..threads.owner import Owner
from ..threads.waiting import Deadline
from .channel_options import ChannelOptions
from .channel_sending import ROOM_BELOW, ChannelSending
from .engine.data import ChannelState, WireChannel
from .inbox import Inbox
from .message import Message
from .wire_observer import WireObserver

__all__ = ["ChannelFace", "ChannelOwner", "LiveChannel"]

logger = logging.getLogger(__name__)

_MESSAGE_COST: Final = 200
"""Bytes that an unread message counts in addition to its own."""

_LOOK_BYTES: Final = 16 * 1024
"""Received bytes after which the unread bytes of the session are counted."""


class ChannelFace(Protocol):
    """The channel that users hold, which is the sender of the signals."""

    resumed: Signal
    closed: Signal


class ChannelOwner(Protocol):
    """The session of a channel, as far as the channel needs it. The methods must not block."""

    @property
    def peer_id(self) -> str:
        """The id of the peer, for messages."""

    def check_message_size(self, size: int) -> None:
        """Check a message that is sent; called on any thread.

        Raises:
            MessageTooLarge: The message has more bytes than the other end accepts.
        """

    def on_channel_open(self, channel: LiveChannel) -> None:
        """Handle that a channel is open for the first time; called on the loop."""

    def on_channel_closed(self, channel: LiveChannel) -> None:
        """Handle that a channel is closed; called on the loop."""

    def on_channel_message(self, label: str, message: Message, sent_at: float | None) -> None:
        """Handle a message, which is in the inbox already; called on the loop.

        Args:
            label: Label of the channel.
            message: The message.
            sent_at: Time at which it was sent, as Unix time by the peer's clock; None: the peer does not say.
        """

    def check_unread(self) -> None:
        """Check how much unread there is on all channels; called on the loop."""


class LiveChannel:
    """A data channel that goes on with other peer connections when its session is resumed.

    Args:
        face: The channel that users hold.
        owner: The channel's session.
        wire: The channel of the peer connection.
        loop: The loop, which owns the wire.
        callbacks: The callback threads.
        options: Options with which this end created the channel; None: the other end created it.
    """

    def __init__(
        self,
        face: ChannelFace,
        owner: ChannelOwner,
        wire: WireChannel,
        loop: LoopThread,
        callbacks: Callbacks,
        options: ChannelOptions | None,
    ) -> None:
        self.face = face
        """The channel that users hold."""
        self.options = options
        """Options with which this end created the channel; None: the other end created it."""
        self.label = wire.label
        """The label."""
        self.process = Owner(f"data channel {self.label!r}")
        """The process that the channel belongs to."""
        self.inbox = Inbox(face, callbacks)
        """The received messages."""
        self.is_given_out = False
        """Whether a caller has the channel."""
        self.wire = wire
        """The channel of the present peer connection, or of the last one. Only the loop changes what it is."""
        self._owner = owner
        self._loop = loop
        self._callbacks = callbacks
        self.sending = ChannelSending(wire, loop, lambda: self.named)
        """The state, and what is sent."""
        # Bytes received since the unread bytes were last counted.
        self._uncounted = 0
        # The messages that were not acknowledged, from `suspend` until the next wire opens; None at other times.
        self._unconfirmed: list[Message] | None = None

        self._observer: WireObserver | None = None
        self._observe(wire)

    @property
    def state(self) -> ChannelState:
        """The state, which is ``"closed"`` in a child that inherited the channel by `fork`."""
        return self.sending.state if self.process.is_here else "closed"

    @property
    def named(self) -> str:
        """The name of the channel in errors and log lines."""
        return f"channel {self.label!r} with peer {self._owner.peer_id}"

    @property
    def is_on_loop(self) -> bool:
        """Whether the caller is the loop's thread, which must not wait."""
        return self._loop.is_current

    @property
    def expired(self) -> int:
        """The number of messages, sent or received, that were dropped at this end."""
        return self.sending.outbox.expired + self.wire.expired + self.inbox.expired

    @property
    def is_suspended(self) -> bool:
        """Whether the channel waits for a wire of the next peer connection."""
        return self._observer is None

    @property
    def is_drained(self) -> bool:
        """Whether all sent messages are with SCTP, and none of them is buffered there."""
        return not len(self.sending.outbox) and not self.wire.buffered_amount

    @property
    def is_asked_for(self) -> bool:
        """Whether a caller has the channel, or its signals have receivers."""
        return self.options is not None or self.is_given_out or self.inbox.has_receivers

    # What follows is called by callers' threads.

    def send(self, message: Message, size: int, timeout: float) -> None:
        """Queue a message; blocks while the outbox is full.

        Args:
            message: String or bytes.
            size: Its size on the wire, in bytes.
            timeout: Seconds to wait for room.

        Raises:
            MessageTooLarge: The other end accepts no message of that size.
            ChannelClosed: The channel or its session is closed, or was closed meanwhile; the message was not sent.
            WaitTimeout: The outbox stayed full; the message was not sent.
            RuntimeError: This would block the event loop.
        """
        self._owner.check_message_size(size)
        self.sending.send(message, size, timeout)

    def close(self, deadline: Deadline) -> None:
        """Send what is queued, then close the channel at both ends; idempotent.

        Raises:
            RuntimeError: This would block the event loop.
        """
        self.sending.refuse()
        self._loop.call(self.close_when_flushed)
        self.sending.wait_closed(deadline)
        self._loop.call(self._give_up)

    # What follows is called on the loop.

    def suspend(self, resend: bool) -> None:
        """Wait for a wire of another peer connection, since this one's connection broke.

        Args:
            resend: Whether messages that the peer's SCTP has not acknowledged are sent again on the next wire, if the channel
                is reliable.
        """
        if self.sending.state not in ("connecting", "open"):
            self.on_close()
            return
        if self._observer is not None:
            self._observer.forget()
            self._observer = None
        if resend and self._is_reliable:
            self._unconfirmed = self.sending.suspend(resend=True)
        else:
            # A wire that never opened was given no messages, so those of the wire before are still not acknowledged.
            self._unconfirmed = [*(self._unconfirmed or ()), *self.sending.suspend(resend=False)]

    def resume(self, wire: WireChannel) -> None:
        """Go on with the wire of another peer connection."""
        self.wire = wire
        self.sending.resume(wire)
        self._observe(wire)
        if wire.state == "open":
            self.on_open()

    def close_when_flushed(self) -> None:
        """Close the channel at both ends after the queued messages were sent; the state is then ``"closed"``."""
        if len(self.sending.outbox) and self.wire.state == "open":
            self.sending.flush()
            return
        if len(self.sending.outbox) and self.wire.state == "connecting":
            return
        self.wire.close()
        if self.wire.state == "closed":
            self.on_close()

    def end(self, reason: str) -> None:
        """Close this end of the channel, because its session is closed."""
        if self.sending.state != "closed":
            self.sending.end_reason = reason
        self.on_close()

    def overflow(self, reason: str) -> None:
        """Close the channel, because too many unread bytes wait on it."""
        self.sending.end_reason = reason
        logger.error("%s: closed: %s", self.named, reason)
        self.wire.stop_receiving()
        self.wire.close()

    def drop_queued(self) -> None:
        """Drop messages that were queued during an interruption, unless the channel is reliable."""
        if not self._is_reliable:
            self.sending.drop_queued()
            self.wire.drop_waiting()

    def stats(self) -> dict[str, Any]:
        """The W3C's ``RTCDataChannelStats``, with its names and units."""
        return {
            "type": "data-channel",
            "label": self.label,
            "protocol": self.wire.protocol,
            "dataChannelIdentifier": self.wire.id,
            "state": self.sending.state,
            "messagesSent": self.sending.outbox.messages_put,
            "bytesSent": self.sending.outbox.bytes_put,
            "messagesReceived": self.inbox.messages,
            "bytesReceived": self.inbox.size,
        }

    # What follows is called by the wire, on the loop.

    def on_open(self) -> None:
        """Handle the opening of the wire."""
        self.sending.opened()
        unconfirmed, self._unconfirmed = self._unconfirmed, None
        if unconfirmed is None:
            self._owner.on_channel_open(self)
        else:
            self._callbacks.emit(self.face.resumed, self.face, unconfirmed=unconfirmed)
        if not self._has_too_large():
            self.sending.flush()

    def on_message(self, message: Message) -> None:
        """Handle a message: put it into the inbox."""
        wire = self.wire
        sent_at = wire.message_sent_at
        if (max_age := wire.max_age) is None and sent_at is None:
            self.inbox.put(message)
        else:
            # Whether the other end created the channel with ``dated`` is known from the first message only.
            self.sending.outbox.keeps_dates |= wire.tells_time
            until = math.inf if max_age is None else clock.now() + max_age - wire.message_age
            self.inbox.put_noted(message, until, sent_at)
        self._owner.on_channel_message(self.label, message, sent_at)
        self._uncounted += len(message) + _MESSAGE_COST
        if self._uncounted > _LOOK_BYTES:
            self._uncounted = 0
            self._owner.check_unread()

    def on_room(self) -> None:
        """Handle that SCTP has room for more messages."""
        self.sending.flush()

    def on_close(self) -> None:
        """Handle the end of the wire."""
        if self.sending.closed():
            self.inbox.end()
            self._callbacks.emit(self.face.closed, self.face)
            self._owner.on_channel_closed(self)

    @property
    def _is_reliable(self) -> bool:
        return self.sending.outbox.life_time is None and self.wire.max_retransmits is None

    def _observe(self, wire: WireChannel) -> None:
        self._observer = WireObserver(self)
        wire.observe(self._observer, ROOM_BELOW)

    def _has_too_large(self) -> bool:
        """Close the channel if a queued message exceeds the other end's maximum, which was not known when it was queued."""
        try:
            self._owner.check_message_size(self.sending.largest())
        except MessageTooLarge as error:
            self.sending.end_reason = str(error)
            logger.error("%s: closed: %s", self.named, error)
            self.wire.close()
            return True
        return False

    def _give_up(self) -> None:
        self.wire.close()
        self.on_close()
