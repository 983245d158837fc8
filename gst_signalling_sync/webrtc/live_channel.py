"""`LiveChannel`: what is behind a `DataChannel`, for its session and for roles.

The `WireChannel` belongs to the loop. Two queues are between it and the callers' threads: the `Outbox`, which `send` fills and
the loop empties, and the `Inbox`. The lock of the outbox guards the state too.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from typing import Any, Final, Protocol

from ..errors import ChannelClosed, MessageTooLarge, WaitTimeout
from ..signals import Signal
from ..threads import clock
from ..threads.callbacks import Callbacks
from ..threads.interruptible import Condition
from ..threads.loop_thread import LoopThread
from ..threads.owner import Owner
from ..threads.waiting import Deadline, wait_for
from .channel_options import ChannelOptions
from .engine.data import ChannelState, WireChannel
from .inbox import Inbox
from .message import Message
from .outbox import Outbox
from .wire_observer import WireObserver

__all__ = ["ChannelFace", "ChannelOwner", "LiveChannel"]

logger = logging.getLogger(__name__)

_MESSAGE_COST: Final = 200
"""Bytes that an unread message counts in addition to its own."""

_LOOK_BYTES: Final = 16 * 1024
"""Received bytes after which the unread bytes of the session are counted."""

_HANDED_OVER: Final = 128 * 1024
"""Maximum of bytes that SCTP has queued. It is enough to keep SCTP busy; the messages beyond it wait in the outbox."""


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
        self._state: ChannelState = wire.state
        self._reason = "it was closed"

        # Guards the state and the outbox; notified when waiting threads may go on.
        self._changed = Condition()
        self._outbox = Outbox(_life_time(wire), wire.tells_time)
        self._flush_is_due = False
        # The number of threads that wait for room.
        self._blocked = 0
        # Bytes received since the unread bytes were last counted.
        self._uncounted = 0
        # The messages that were not acknowledged, from `suspend` until the next wire opens; None at other times.
        self._unconfirmed: list[Message] | None = None

        self._observer: WireObserver | None = None
        self._observe(wire)

    @property
    def state(self) -> ChannelState:
        """The state, which is ``"closed"`` in a child that inherited the channel by `fork`."""
        return self._state if self.process.is_here else "closed"

    @property
    def named(self) -> str:
        """The name of the channel in errors and log lines."""
        return f"channel {self.label!r} with peer {self._owner.peer_id}"

    @property
    def end_reason(self) -> str:
        """Why the channel is closed, or will be, for an error message."""
        return self._reason

    @property
    def is_on_loop(self) -> bool:
        """Whether the caller is the loop's thread, which must not wait."""
        return self._loop.is_current

    @property
    def buffered_amount(self) -> int:
        """Bytes of sent messages that are not yet with the network."""
        # `is_suspended` is inlined: this is read several times for each message.
        return self._outbox.size + (0 if self._observer is None else self.wire.buffered_amount)

    @property
    def expired(self) -> int:
        """The number of messages, sent or received, that were dropped at this end."""
        return self._outbox.expired + self.wire.expired + self.inbox.expired

    @property
    def is_suspended(self) -> bool:
        """Whether the channel waits for a wire of the next peer connection."""
        return self._observer is None

    @property
    def is_drained(self) -> bool:
        """Whether all sent messages are with SCTP, and none of them is buffered there."""
        return not len(self._outbox) and not self.wire.buffered_amount

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
        if not self.offer(message, size):
            self._send_when_there_is_room(message, size, Deadline(timeout))

    def offer(self, message: Message, size: int) -> bool:
        """Queue a message whose size the other end accepts, if there is room; does not wait.

        Args:
            message: String or bytes.
            size: Its size on the wire, in bytes.

        Returns:
            Whether it was queued.

        Raises:
            ChannelClosed: The channel or its session is closed.
        """
        outbox = self._outbox
        with self._changed.lock:
            if self._state in ("closing", "closed"):
                raise ChannelClosed(f"cannot send on {self.named}: {self._reason}")
            if outbox.life_time is not None:
                outbox.drop_expired(clock.now())
            if outbox.is_full(0 if self._observer is None else self.wire.buffered_amount):
                return False
            flush_is_due = self._put(message, size)
        if not flush_is_due:
            self._loop.call(self._flush)
        return True

    def wait_open(self, deadline: Deadline) -> None:
        """Wait until the channel is open.

        Raises:
            ChannelClosed: The channel is closed.
            WaitTimeout: The channel did not open in time.
            RuntimeError: This would block the event loop.
        """
        with self._changed:
            opened = self._wait_for_state(lambda: self._state != "connecting", deadline)
        if not opened:
            raise WaitTimeout(f"waiting for {self.named} to open: it did not within {deadline}")
        if self._state != "open":
            raise ChannelClosed(f"{self.named} cannot open: {self._reason}")

    def close(self, deadline: Deadline) -> None:
        """Send what is queued, then close the channel at both ends; idempotent.

        Raises:
            RuntimeError: This would block the event loop.
        """
        with self._changed:
            if self._state in ("connecting", "open"):
                self._state = "closing"
        self._loop.call(self.close_when_flushed)
        with self._changed:
            self._wait_for_state(lambda: self._state == "closed", deadline)
            lost = self.buffered_amount
        if self._state != "closed":
            logger.warning("%s: not closed within %g s, %d bytes were not sent", self.named, deadline.seconds, lost)
        self._loop.call(self._give_up)

    def _put(self, message: Message, size: int) -> bool:
        """Put a message into the outbox, and return whether a flush was due already; `_changed` is held."""
        outbox = self._outbox
        outbox.put(message, size, clock.now() if outbox.keeps_dates else 0.0)
        flush_was_due, self._flush_is_due = self._flush_is_due, True
        return flush_was_due

    def _send_when_there_is_room(self, message: Message, size: int, deadline: Deadline) -> None:
        def can_go_on() -> bool:
            self._outbox.drop_expired(clock.now())
            return self._state in ("closing", "closed") or not self._outbox.is_full(
                0 if self._observer is None else self.wire.buffered_amount
            )

        with self._changed:
            self._blocked += 1
            try:
                has_room = self._wait_for_state(can_go_on, deadline)
            finally:
                self._blocked -= 1
            if not has_room:
                raise WaitTimeout(
                    f"sending on {self.named}: {self.buffered_amount} bytes were still queued after {deadline};"
                    " this message was not sent. The other end, or the network, is slower than what is sent."
                )
            if self._state in ("closing", "closed"):
                raise ChannelClosed(f"cannot send on {self.named}: {self._reason}")
            flush_is_due = self._put(message, size)
        if not flush_is_due:
            self._loop.call(self._flush)

    def _wait_for_state(self, predicate: Callable[[], bool], deadline: Deadline) -> bool:
        if predicate():
            return True
        if self._loop.is_current:
            raise RuntimeError(f"{self.named}: a blocking call on the event loop thread would wait for itself forever")
        return wait_for(self._changed, predicate, deadline)

    # What follows is called on the loop.

    def suspend(self, resend: bool) -> None:
        """Wait for a wire of another peer connection, since this one's connection broke.

        Args:
            resend: Whether messages that the peer's SCTP has not acknowledged are sent again on the next wire, if the channel
                is reliable.
        """
        if self._state not in ("connecting", "open"):
            self.on_close()
            return
        if self._observer is not None:
            self._observer.forget()
            self._observer = None
        under_way = self.wire.unacknowledged
        with self._changed:
            sent = [*under_way, *self._outbox.clear()]
            unconfirmed = [message for message, _ in sent]
            if resend and self._is_reliable:
                self._outbox.put_again(sent)
                self._unconfirmed = unconfirmed
            else:
                # A wire that never opened was given no messages, so those of the wire before are still not acknowledged.
                self._unconfirmed = [*(self._unconfirmed or ()), *unconfirmed]
            self._state = "connecting"
            self._flush_is_due = False
            self._changed.notify_all()

    def resume(self, wire: WireChannel) -> None:
        """Go on with the wire of another peer connection."""
        self.wire = wire
        self._outbox.keep_dates(_life_time(wire), wire.tells_time)
        self._observe(wire)
        if wire.state == "open":
            self.on_open()

    def refuse_sends(self) -> None:
        """Have `send` raise from now on."""
        with self._changed:
            if self._state in ("connecting", "open"):
                self._state = "closing"
            self._changed.notify_all()

    def close_when_flushed(self) -> None:
        """Close the channel at both ends after the queued messages were sent; the state is then ``"closed"``."""
        if self.wire.state == "open" and len(self._outbox):
            self._flush()
            return
        if self.wire.state == "connecting" and len(self._outbox):
            return
        self.wire.close()
        if self.wire.state == "closed":
            self.on_close()

    def end(self, reason: str) -> None:
        """Close this end of the channel, because its session is closed."""
        if self._state != "closed":
            self._reason = reason
        self.on_close()

    def overflow(self, reason: str) -> None:
        """Close the channel, because too many unread bytes wait on it."""
        self._reason = reason
        logger.error("%s: closed: %s", self.named, self._reason)
        self.wire.stop_receiving()
        self.wire.close()

    def drop_queued(self) -> None:
        """Drop messages that were queued during an interruption, unless the channel is reliable."""
        if self._is_reliable:
            return
        with self._changed:
            self._outbox.drop_all()
            self._changed.notify_all()
        self.wire.drop_waiting()

    def stats(self) -> dict[str, Any]:
        """The W3C's ``RTCDataChannelStats``, with its names and units."""
        return {
            "type": "data-channel",
            "label": self.label,
            "protocol": self.wire.protocol,
            "dataChannelIdentifier": self.wire.id,
            "state": self._state,
            "messagesSent": self._outbox.messages_put,
            "bytesSent": self._outbox.bytes_put,
            "messagesReceived": self.inbox.messages,
            "bytesReceived": self.inbox.size,
        }

    # What follows is called by the wire, on the loop.

    def on_open(self) -> None:
        """Handle the opening of the wire."""
        with self._changed:
            if self._state == "connecting":
                self._state = "open"
            self._changed.notify_all()
        unconfirmed, self._unconfirmed = self._unconfirmed, None
        if unconfirmed is None:
            self._owner.on_channel_open(self)
        else:
            self._callbacks.emit(self.face.resumed, self.face, unconfirmed=unconfirmed)
        if not self._has_too_large():
            self._flush()

    def on_message(self, message: Message) -> None:
        """Handle a message: put it into the inbox."""
        wire = self.wire
        sent_at = wire.message_sent_at
        if (max_age := wire.max_age) is None and sent_at is None:
            self.inbox.put(message)
        else:
            # Whether the other end created the channel with ``dated`` is known from the first message only.
            self._outbox.keeps_dates |= wire.tells_time
            until = math.inf if max_age is None else clock.now() + max_age - wire.message_age
            self.inbox.put_noted(message, until, sent_at)
        self._owner.on_channel_message(self.label, message, sent_at)
        self._uncounted += len(message) + _MESSAGE_COST
        if self._uncounted > _LOOK_BYTES:
            self._uncounted = 0
            self._owner.check_unread()

    def on_room(self) -> None:
        """Handle that SCTP has room for more messages."""
        self._flush()

    def on_close(self) -> None:
        """Handle the end of the wire."""
        with self._changed:
            if self._state == "closed":
                return
            self._state = "closed"
            if unsent := len(self._outbox):
                logger.info("%s: closed with %d messages not sent", self.named, unsent)
            self._outbox.clear()
            self._changed.notify_all()
        self.inbox.end()
        self._callbacks.emit(self.face.closed, self.face)
        self._owner.on_channel_closed(self)

    @property
    def _is_reliable(self) -> bool:
        return self._outbox.life_time is None and self.wire.max_retransmits is None

    def _observe(self, wire: WireChannel) -> None:
        self._observer = WireObserver(self)
        wire.observe(self._observer, room_below=_HANDED_OVER // 2)

    def _has_too_large(self) -> bool:
        """Close the channel if a queued message exceeds the other end's maximum, which was not known when it was queued."""
        with self._changed:
            largest = self._outbox.largest
        try:
            self._owner.check_message_size(largest)
        except MessageTooLarge as error:
            self._reason = str(error)
            logger.error("%s: closed: %s", self.named, error)
            self.wire.close()
            return True
        return False

    def _flush(self) -> None:
        """Give messages to SCTP until `_HANDED_OVER` bytes are buffered there."""
        wire, outbox = self.wire, self._outbox
        # The wire of a suspended channel may still be open, while its peer connection is being closed.
        if self._observer is None or wire.state != "open":
            with self._changed.lock:
                self._flush_is_due = False
            return
        has_more = True
        # Once that much is buffered, `on_room` is called later and continues here.
        while has_more and (room := _HANDED_OVER - wire.buffered_amount) > 0:
            with self._changed.lock:
                if outbox.life_time is not None:
                    outbox.drop_expired(clock.now())
                messages, dates = outbox.take(room)
                has_more = self._flush_is_due = bool(len(outbox))
            wire.transmit(messages, dates if outbox.keeps_dates else ())
        if self._blocked and outbox.is_half_empty(wire.buffered_amount):
            with self._changed:
                self._changed.notify_all()
        if self._state == "closing" and not len(outbox):
            wire.close()

    def _give_up(self) -> None:
        self.wire.close()
        self.on_close()


def _life_time(wire: WireChannel) -> float | None:
    """Seconds after which a message is given up; None: never."""
    if wire.max_age is not None:
        return wire.max_age
    return None if wire.max_packet_life_time is None else wire.max_packet_life_time / 1000
