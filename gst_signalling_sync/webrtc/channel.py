"""`DataChannel`: a data channel (RFC 8831) with a blocking `send` and `recv`.

The `WireChannel` belongs to the loop. Two queues are between it and the callers' threads: `_outgoing`, which `send` fills and
the loop empties, and the `Inbox`. The lock of `_outgoing` guards the state too.
"""

from __future__ import annotations

import logging
import math
import threading
from collections import deque
from collections.abc import Callable, Iterator
from queue import Empty
from typing import TYPE_CHECKING, Any, Final

from ..errors import ChannelClosed, MessageTooLarge, WaitTimeout
from ..signals import Signal
from ..threads import clock
from ..threads.callbacks import Callbacks
from ..threads.interruptible import Condition
from ..threads.loop_thread import LoopThread
from ..threads.owner import Owner
from ..threads.waiting import Deadline, wait_for
from .channel_options import ChannelOptions
from .engine.data import ChannelState, SentMessage, WireChannel
from .inbox import Inbox
from .message import Message, ReceivedMessage, as_message, message_size

if TYPE_CHECKING:
    from .session import Session

__all__ = ["SEND_LIMIT", "DataChannel"]

logger = logging.getLogger(__name__)

SEND_LIMIT: Final = 1024 * 1024
"""Queued bytes above which `DataChannel.send` blocks."""

_ROOM_AGAIN: Final = SEND_LIMIT // 2
"""Queued bytes at which a blocked `send` is woken. If each message woke it, it would compete with the loop for the GIL."""

_SEND_MESSAGES: Final = 8192
"""Queued messages above which `DataChannel.send` blocks too, since empty messages cost memory as well."""

_MESSAGE_COST: Final = 200
"""Bytes that an unread message counts in addition to its own."""

_LOOK_BYTES: Final = 16 * 1024
"""Received bytes after which the unread bytes of the session are counted."""

_HANDED_OVER: Final = 128 * 1024
"""Maximum of bytes that SCTP has queued. It is enough to keep SCTP busy; the messages beyond it wait in `_outgoing`."""


class DataChannel:
    """A data channel of a session. Every method may be called from any thread and from callbacks.

    Iterating over it yields messages until the channel is closed.

    Example:
        channel = session.channel("commands")
        channel.send("home")
        print(channel.recv(timeout=2))

        channel.message.connect(lambda channel, data: print(data))  # instead of recv()

    Signals:
        message(channel, data): A message arrived, str or bytes.
        received(channel, message): A message arrived; a `ReceivedMessage`, which has the time at which it was sent. Both
            signals are emitted for each message.
        resumed(channel, unconfirmed): The session was resumed and the channel is open again; see `resumed`.
        closed(channel): The channel is closed. This is the last signal.
    """

    def __init__(
        self,
        session: Session,
        wire: WireChannel,
        loop: LoopThread,
        callbacks: Callbacks,
        timeout: float,
        options: ChannelOptions | None = None,
    ) -> None:
        self._session = session
        self._wire = wire
        self._loop = loop
        self._callbacks = callbacks
        self._timeout = timeout
        self._label = wire.label
        self.options = options
        """Options with which this end created the channel; None: the other end created it. For the session."""
        self._owner = Owner(f"data channel {self._label!r}")
        self._state: ChannelState = wire.state
        self._reason = "it was closed"

        # Guards the state and the outgoing queue; notified when waiting threads may go on.
        self._changed = Condition()
        self._outgoing: deque[tuple[Message, int, float]] = deque()
        self._outgoing_bytes = 0
        # Bytes received since the unread bytes were last counted.
        self._unlooked = 0
        self._flush_is_due = False
        # The number of threads that wait for room.
        self._blocked = 0
        self._messages_sent = self._bytes_sent = 0

        self._expired = 0
        # Seconds after which a queued message is dropped; None: never.
        self._life_time = _life_time(wire)
        # Whether queued messages need the time at which they were sent.
        self._keeps_dates = self._life_time is not None or wire.tells_time
        self._inbox = Inbox(self, callbacks)
        self.is_given_out = False
        """Whether a caller has the channel; for the session."""
        self.message = self._inbox.message
        self.received = self._inbox.received
        self.resumed = Signal(
            "The session was resumed and the channel is open again: ``(channel, unconfirmed)``, with the list of the messages"
            " that the other end's SCTP had not acknowledged, in the order sent."
        )
        self.closed = Signal("The channel is closed; nothing follows: ``(channel)``.")
        # The messages that were not acknowledged, from `suspend` until the next wire opens; None at other times.
        self._unconfirmed: list[Message] | None = None

        self._observer: _WireObserver | None = None
        self._observe(wire)

    def __repr__(self) -> str:
        return f"<DataChannel {self._label!r} {self.state} of session {self._session.id}>"

    @property
    def session(self) -> Session:
        """The session that the channel belongs to."""
        return self._session

    @property
    def label(self) -> str:
        """The label, which need not be unique."""
        return self._label

    @property
    def protocol(self) -> str:
        """The name of the subprotocol, or the empty string."""
        return self._wire.protocol

    @property
    def ordered(self) -> bool:
        """Whether messages arrive in the order in which they were sent."""
        return self._wire.ordered

    @property
    def max_retransmits(self) -> int | None:
        """Maximum number of retransmissions of a message; None: no maximum."""
        return self._wire.max_retransmits

    @property
    def max_packet_life_time(self) -> int | None:
        """Maximum time for transmissions of a message, in milliseconds; None: no maximum."""
        return self._wire.max_packet_life_time

    @property
    def max_age(self) -> float | None:
        """Maximum age of a message in seconds; older ones are dropped at either end. None: no maximum.

        If the other end created the channel, this is known from the first message on.
        """
        return self._wire.max_age

    @property
    def dated(self) -> bool:
        """Whether this end tells a peer of this library when each message was sent.

        If the other end created the channel with ``dated=True``, this is True from the first message on.
        """
        return self._wire.tells_time

    @property
    def expired(self) -> int:
        """The number of messages, sent or received, that were dropped at this end because they were older than `max_age`.

        On a channel that is not reliable, messages that were queued here while the session was interrupted count too.
        """
        return self._expired + self._wire.expired + self._inbox.expired

    @property
    def state(self) -> ChannelState:
        """``"connecting"``, ``"open"``, ``"closing"`` or ``"closed"``. It is closed in a child that inherited it by `fork`."""
        return self._state if self._owner.is_here else "closed"

    @property
    def buffered_amount(self) -> int:
        """Bytes of sent messages that are not yet with the network."""
        # `is_suspended` is inlined: this is read several times for each message.
        return self._outgoing_bytes + (0 if self._observer is None else self._wire.buffered_amount)

    def send(self, data: str | bytes | bytearray | memoryview, timeout: float | None = None) -> None:
        """Send a message. It is queued, also before the channel is open.

        This blocks while more than 1 MiB or 8192 messages are queued.

        Args:
            data: String or bytes; the other end receives the same type.
            timeout: Seconds to wait for room. Defaults to the session's timeout.

        Raises:
            TypeError: `data` is neither a string nor bytes.
            MessageTooLarge: The other end accepts no message of that size.
            ChannelClosed: The channel or its session is closed, or was closed meanwhile; the message was not sent.
            WaitTimeout: The queue stayed full; the message was not sent.
            RuntimeError: The channel was inherited by `fork`, or this would block the event loop.
        """
        self._owner.check()
        message, size = as_message(data)
        self._session.check_message_size(size)
        if not self.offer(message, size):
            self._send_when_there_is_room(message, size, Deadline(self._timeout if timeout is None else timeout))

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
        with self._changed.lock:
            if self._state in ("closing", "closed"):
                raise ChannelClosed(f"cannot send on {self._named}: {self._reason}")
            if self._life_time is not None:
                self._drop_expired()
            if self._is_full:
                return False
            flush_is_due = self._queue(message, size)
        if not flush_is_due:
            self._loop.call(self._flush)
        return True

    def recv(self, timeout: float | None = None) -> str | bytes:
        """Wait for the next message that no receiver of `message` or `received` got.

        Args:
            timeout: Seconds. Defaults to the session's timeout.

        Returns:
            String or bytes, as the other end sent it.

        Raises:
            WaitTimeout: No message came in time.
            ChannelClosed: The channel is closed, and all messages that arrived were received.
            RuntimeError: The channel was inherited by `fork`, or this would block the event loop.
        """
        seconds = self._seconds_to_wait(timeout)
        try:
            message = self._inbox.take(seconds)
        except Empty:
            raise self._nothing_came(seconds) from None
        if message is None:
            raise self._nothing_follows()
        return message

    def recv_message(self, timeout: float | None = None) -> ReceivedMessage:
        """Wait for the next message, as `recv` does, and return it with the time at which it was sent.

        Args:
            timeout: Seconds. Defaults to the session's timeout.

        Returns:
            The message. Its time is known if both ends are this library's and the channel was created with ``dated=True``.

        Raises:
            WaitTimeout: No message came in time.
            ChannelClosed: The channel is closed, and all messages that arrived were received.
            RuntimeError: The channel was inherited by `fork`, or this would block the event loop.
        """
        seconds = self._seconds_to_wait(timeout)
        try:
            message = self._inbox.take_with_time(seconds)
        except Empty:
            raise self._nothing_came(seconds) from None
        if message is None:
            raise self._nothing_follows()
        return message

    def _seconds_to_wait(self, timeout: float | None) -> float:
        self._owner.check()
        if self._loop.is_current and self._inbox.is_empty:
            raise RuntimeError("recv() on the event loop thread would wait for itself forever")
        return self._timeout if timeout is None else timeout

    def _nothing_came(self, seconds: float) -> WaitTimeout:
        return WaitTimeout(f"waiting for a message on {self._named}: none within {seconds:g} s")

    def _nothing_follows(self) -> ChannelClosed:
        return ChannelClosed(f"no more messages on {self._named}: {self._reason}")

    def __iter__(self) -> Iterator[str | bytes]:
        """Yield messages as they arrive, without a timeout, until the channel is closed."""
        while True:
            try:
                yield self.recv(timeout=threading.TIMEOUT_MAX)
            except ChannelClosed:
                return

    def wait_open(self, timeout: float | None = None) -> None:
        """Wait until the channel is open.

        Args:
            timeout: Seconds. Defaults to the session's timeout.

        Raises:
            ChannelClosed: The channel is closed.
            WaitTimeout: The channel did not open in time.
            RuntimeError: The channel was inherited by `fork`, or this would block the event loop.
        """
        self._owner.check()
        self._wait_until_open(Deadline(self._timeout if timeout is None else timeout))

    def close(self, timeout: float | None = None) -> None:
        """Send what is queued, then close the channel at both ends; idempotent.

        Args:
            timeout: Seconds; messages that are still queued by then are lost, which is logged. Defaults to the session's
                timeout.

        Raises:
            RuntimeError: The channel was inherited by `fork`, or this would block the event loop.
        """
        self._owner.check()
        deadline = Deadline(self._timeout if timeout is None else timeout)
        with self._changed:
            if self._state in ("connecting", "open"):
                self._state = "closing"
        self._loop.call(self.close_when_flushed)
        with self._changed:
            self._wait_for_state(lambda: self._state == "closed", deadline)
            lost = self.buffered_amount
        if self._state != "closed":
            logger.warning("%s: not closed within %g s, %d bytes were not sent", self._named, deadline.seconds, lost)
        self._loop.call(self._give_up)

    # What follows is called by the session and by the wire, on the loop.

    @property
    def is_suspended(self) -> bool:
        """Whether the channel waits for a wire of the next peer connection."""
        return self._observer is None

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
        under_way = self._wire.unacknowledged
        is_reliable = self._life_time is None and self.max_retransmits is None
        with self._changed:
            sent = [*under_way, *(SentMessage(message, date) for message, _, date in self._outgoing)]
            unconfirmed = [message for message, _ in sent]
            self._outgoing.clear()
            self._outgoing_bytes = 0
            if resend and is_reliable:
                for message, date in sent:
                    self._outgoing.append((message, message_size(message), date or 0.0))
                    self._outgoing_bytes += message_size(message)
                self._unconfirmed = unconfirmed
            else:
                # A wire that never opened was given no messages, so those of the wire before are still not acknowledged.
                self._unconfirmed = [*(self._unconfirmed or ()), *unconfirmed]
            self._state = "connecting"
            self._flush_is_due = False
            self._changed.notify_all()

    def resume(self, wire: WireChannel) -> None:
        """Go on with the wire of another peer connection."""
        self._wire = wire
        self._life_time = _life_time(wire)
        self._keeps_dates = self._life_time is not None or wire.tells_time
        self._observe(wire)
        if wire.state == "open":
            self.on_open()

    def _observe(self, wire: WireChannel) -> None:
        self._observer = _WireObserver(self)
        wire.observe(self._observer, room_below=_HANDED_OVER // 2)

    @property
    def has_unread_messages(self) -> bool:
        """Whether there are unread messages; for the session."""
        return self._inbox.waiting > 0

    @property
    def is_drained(self) -> bool:
        """Whether all sent messages are with SCTP, and none of them is buffered there."""
        return not self._outgoing and not self._wire.buffered_amount

    def forward_messages_to(self, signal: Signal, sender: object, **named: object) -> None:
        """Emit another signal for every message too; see `Inbox.forward_to`."""
        self._inbox.forward_to(signal, sender, **named)

    def refresh_receivers(self) -> None:
        """Handle that receivers of that other signal were connected or disconnected."""
        self._inbox.refresh()

    def refuse_sends(self) -> None:
        """Have `send` raise from now on."""
        with self._changed:
            if self._state in ("connecting", "open"):
                self._state = "closing"
            self._changed.notify_all()

    def end(self, reason: str) -> None:
        """Close this end of the channel, because its session is closed."""
        if self._state != "closed":
            self._reason = reason
        self.on_close()

    def stats(self) -> dict[str, Any]:
        """The W3C's ``RTCDataChannelStats``, with its names and units."""
        return {
            "type": "data-channel",
            "label": self._label,
            "protocol": self.protocol,
            "dataChannelIdentifier": self._wire.id,
            "state": self._state,
            "messagesSent": self._messages_sent,
            "bytesSent": self._bytes_sent,
            "messagesReceived": self._inbox.messages,
            "bytesReceived": self._inbox.size,
        }

    @property
    def _named(self) -> str:
        return f"channel {self._label!r} with peer {self._session.peer_id}"

    def on_open(self) -> None:
        """Handle the opening of the wire."""
        with self._changed:
            if self._state == "connecting":
                self._state = "open"
            self._changed.notify_all()
        unconfirmed, self._unconfirmed = self._unconfirmed, None
        if unconfirmed is None:
            self._session.announce_channel(self)
        else:
            self._callbacks.emit(self.resumed, self, unconfirmed=unconfirmed)
        if not self._has_too_large():
            self._flush()

    def on_message(self, message: Message) -> None:
        """Handle a message: put it into the inbox."""
        wire = self._wire
        if (max_age := wire.max_age) is None and wire.message_sent_at is None:
            self._inbox.put(message)
        else:
            # Whether the other end created the channel with ``dated`` is known from the first message only.
            self._keeps_dates |= wire.tells_time
            until = math.inf if max_age is None else clock.now() + max_age - wire.message_age
            self._inbox.put_noted(message, until, wire.message_sent_at)
        if recorders := self._session.media.message_recorders:
            at = self._session.sent_at(wire.message_sent_at)
            for recorder in recorders:
                recorder.add_message(self._label, message, at)
        self._unlooked += len(message) + _MESSAGE_COST
        if self._unlooked > _LOOK_BYTES:
            self._unlooked = 0
            self._session.look_at_unread()

    def on_room(self) -> None:
        """Handle that SCTP has room for more messages."""
        self._flush()

    def on_close(self) -> None:
        """Handle the end of the wire."""
        with self._changed:
            if self._state == "closed":
                return
            self._state = "closed"
            if self._outgoing:
                logger.info("%s: closed with %d messages not sent", self._named, len(self._outgoing))
            self._outgoing.clear()
            self._outgoing_bytes = 0
            self._changed.notify_all()
        self._inbox.end()
        self._callbacks.emit(self.closed, self)
        self._session.forget_channel(self)

    @property
    def unread(self) -> int:
        """Approximate number of unread bytes; for the session."""
        return self._inbox.waiting_size

    @property
    def is_asked_for(self) -> bool:
        """Whether a caller has the channel, or its signals have receivers; for the session."""
        return self.options is not None or self.is_given_out or self._inbox.has_receivers

    def overflow(self, reason: str) -> None:
        """Close the channel, because too many unread bytes wait on it; for the session."""
        self._reason = reason
        logger.error("%s: closed: %s", self._named, self._reason)
        self._wire.stop_receiving()
        self._wire.close()

    def _has_too_large(self) -> bool:
        """Close the channel if a queued message exceeds the other end's maximum, which was not known when it was queued."""
        with self._changed:
            largest = max((size for _, size, _ in self._outgoing), default=0)
        try:
            self._session.check_message_size(largest)
        except MessageTooLarge as error:
            self._reason = str(error)
            logger.error("%s: closed: %s", self._named, error)
            self._wire.close()
            return True
        return False

    def _flush(self) -> None:
        """Give messages to SCTP until `_HANDED_OVER` bytes are buffered there."""
        wire, outgoing = self._wire, self._outgoing
        # The wire of a suspended channel may still be open, while its peer connection is being closed.
        if self._observer is None or wire.state != "open":
            with self._changed.lock:
                self._flush_is_due = False
            return
        has_more = True
        # Once that much is buffered, `on_room` is called later and continues here.
        while has_more and (room := _HANDED_OVER - wire.buffered_amount) > 0:
            messages: list[Message] = []
            dates: list[float] = []
            with self._changed.lock:
                if self._life_time is not None:
                    self._drop_expired()
                while outgoing and room > 0:
                    message, size, date = outgoing.popleft()
                    self._outgoing_bytes -= size
                    room -= size or 1
                    messages.append(message)
                    dates.append(date)
                has_more = self._flush_is_due = bool(outgoing)
            wire.transmit(messages, dates if self._keeps_dates else ())
        if self._blocked and self.buffered_amount <= _ROOM_AGAIN and len(outgoing) <= _SEND_MESSAGES // 2:
            with self._changed:
                self._changed.notify_all()
        if self._state == "closing" and not self._outgoing:
            self._wire.close()

    def close_when_flushed(self) -> None:
        """Close the channel at both ends after the queued messages were sent; the state is then ``"closed"``."""
        if self._wire.state == "open" and self._outgoing:
            self._flush()
            return
        if self._wire.state == "connecting" and self._outgoing:
            return
        self._wire.close()
        if self._wire.state == "closed":
            self.on_close()

    def _give_up(self) -> None:
        self._wire.close()
        self.on_close()

    def _drop_expired(self) -> None:
        """Drop messages that were queued for longer than their lifetime; `_changed` is held."""
        if self._life_time is None or not self._outgoing:
            return
        oldest = clock.now() - self._life_time
        while self._outgoing and self._outgoing[0][2] < oldest:
            self._outgoing_bytes -= self._outgoing.popleft()[1]
            self._expired += 1

    def drop_queued(self) -> None:
        """Drop messages that were queued during an interruption, unless the channel is reliable; on the loop."""
        if self._life_time is None and self.max_retransmits is None:
            return
        with self._changed:
            self._expired += len(self._outgoing)
            self._outgoing.clear()
            self._outgoing_bytes = 0
            self._changed.notify_all()
        self._wire.drop_waiting()

    @property
    def _is_full(self) -> bool:
        return self.buffered_amount > SEND_LIMIT or len(self._outgoing) > _SEND_MESSAGES

    def _queue(self, message: Message, size: int) -> bool:
        """Queue a message, and return whether a flush was due already; `_changed` is held."""
        self._outgoing.append((message, size, clock.now() if self._keeps_dates else 0.0))
        self._outgoing_bytes += size
        self._messages_sent += 1
        self._bytes_sent += size
        flush_was_due, self._flush_is_due = self._flush_is_due, True
        return flush_was_due

    def _send_when_there_is_room(self, message: Message, size: int, deadline: Deadline) -> None:
        def can_go_on() -> bool:
            self._drop_expired()
            return self._state in ("closing", "closed") or not self._is_full

        with self._changed:
            self._blocked += 1
            try:
                has_room = self._wait_for_state(can_go_on, deadline)
            finally:
                self._blocked -= 1
            if not has_room:
                raise WaitTimeout(
                    f"sending on {self._named}: {self.buffered_amount} bytes were still queued after {deadline};"
                    " this message was not sent. The other end, or the network, is slower than what is sent."
                )
            if self._state in ("closing", "closed"):
                raise ChannelClosed(f"cannot send on {self._named}: {self._reason}")
            flush_is_due = self._queue(message, size)
        if not flush_is_due:
            self._loop.call(self._flush)

    def _wait_until_open(self, deadline: Deadline) -> None:
        with self._changed:
            opened = self._wait_for_state(lambda: self._state != "connecting", deadline)
        if not opened:
            raise WaitTimeout(f"waiting for {self._named} to open: it did not within {deadline}")
        if self._state != "open":
            raise ChannelClosed(f"{self._named} cannot open: {self._reason}")

    def _wait_for_state(self, predicate: Callable[[], bool], deadline: Deadline) -> bool:
        if predicate():
            return True
        if self._loop.is_current:
            raise RuntimeError(f"{self._named}: a blocking call on the event loop thread would wait for itself forever")
        return wait_for(self._changed, predicate, deadline)


class _WireObserver:
    """Passes the calls of a wire to its channel, until the channel waits for another wire.

    Args:
        channel: The channel.
    """

    def __init__(self, channel: DataChannel) -> None:
        self._channel: DataChannel | None = channel

    def forget(self) -> None:
        """Pass no more calls."""
        self._channel = None

    def on_open(self) -> None:
        if self._channel is not None:
            self._channel.on_open()

    def on_message(self, message: Message) -> None:
        if self._channel is not None:
            self._channel.on_message(message)

    def on_room(self) -> None:
        if self._channel is not None:
            self._channel.on_room()

    def on_close(self) -> None:
        if self._channel is not None:
            self._channel.on_close()


def _life_time(wire: WireChannel) -> float | None:
    """Seconds after which a message is given up; None: never."""
    if wire.max_age is not None:
        return wire.max_age
    return None if wire.max_packet_life_time is None else wire.max_packet_life_time / 1000
