"""`ChannelSending`: the state of a channel, and the way of its messages from callers' threads to SCTP.

Callers fill the `Outbox`, and the loop empties it into the `WireChannel`, which belongs to the loop.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from ..errors import ChannelClosed, WaitTimeout
from ..threads import clock
from ..threads.interruptible import Condition
from ..threads.loop_thread import LoopThread
from ..threads.waiting import Deadline, wait_for
from .engine.data import ChannelState, WireChannel
from .message import Message
from .outbox import Outbox

__all__ = ["ROOM_BELOW", "ChannelSending"]

logger = logging.getLogger(__name__)

_HANDED_OVER: Final = 128 * 1024
"""Maximum of bytes that SCTP has queued. It is enough to keep SCTP busy; the messages beyond it wait in the outbox."""

ROOM_BELOW: Final = _HANDED_OVER // 2
"""Bytes with SCTP below which it is given more; see `WireChannel.observe`."""


class ChannelSending:
    """The sending side of a channel.

    Args:
        wire: The channel of the peer connection.
        loop: The loop.
        named: Returns the name of the channel in errors and log lines.
    """

    def __init__(self, wire: WireChannel, loop: LoopThread, named: Callable[[], str]) -> None:
        self._loop = loop
        self._named = named
        self.end_reason = "it was closed"
        """Why the channel is closed, or will be, for an error message. Written on the loop."""
        # None: the channel waits for a wire of the next peer connection. Written on the loop, which alone sends on it.
        self._wire: WireChannel | None = wire
        # Guards all that follows, which callers' threads and the loop write; notified when waiting threads may go on.
        self._changed = Condition()
        self.state: ChannelState = wire.state
        """The state."""
        self.outbox = Outbox(_life_time(wire), wire.tells_time)
        """The messages that SCTP has not taken yet."""
        # Whether the loop has been asked to flush, so that each message does not ask again.
        self._flush_is_due = False
        # The number of threads that wait for room.
        self._blocked = 0

    @property
    def buffered_amount(self) -> int:
        """Bytes of sent messages that are not yet with the network."""
        wire = self._wire
        return self.outbox.size + (0 if wire is None else wire.buffered_amount)

    # What follows is called by callers' threads.

    def send(self, message: Message, size: int, timeout: float) -> None:
        """Queue a message whose size the other end accepts; blocks while the outbox is full.

        Args:
            message: String or bytes.
            size: Its size on the wire, in bytes.
            timeout: Seconds to wait for room.

        Raises:
            ChannelClosed: The channel or its session is closed, or was closed meanwhile; the message was not sent.
            WaitTimeout: The outbox stayed full; the message was not sent.
            RuntimeError: This would block the event loop.
        """
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
        outbox = self.outbox
        try:
            with self._changed.lock:
                if self.state in ("closing", "closed"):
                    raise self._cannot_send()
                if outbox.life_time is not None:
                    outbox.drop_expired(clock.now())
                wire = self._wire
                if outbox.is_full(0 if wire is None else wire.buffered_amount):
                    return False
                flush_is_due = self._put(message, size)
            if not flush_is_due:
                self._loop.call(self.flush)
        except BaseException:
            self._forget_flush()
            raise
        return True

    def wait_open(self, deadline: Deadline) -> None:
        """Wait until the channel is open.

        Raises:
            ChannelClosed: The channel is closed.
            WaitTimeout: The channel did not open in time.
            RuntimeError: This would block the event loop.
        """
        with self._changed:
            opened = self._wait_for(lambda: self.state != "connecting", deadline)
        if not opened:
            raise WaitTimeout(f"waiting for {self._named()} to open: it did not within {deadline}")
        if self.state != "open":
            raise ChannelClosed(f"{self._named()} cannot open: {self.end_reason}")

    def wait_closed(self, deadline: Deadline) -> None:
        """Wait until the channel is closed, or the deadline, at which what was not sent is logged.

        Raises:
            RuntimeError: This would block the event loop.
        """
        with self._changed:
            self._wait_for(lambda: self.state == "closed", deadline)
            lost = self.buffered_amount
        if self.state != "closed":
            logger.warning("%s: not closed within %g s, %d bytes were not sent", self._named(), deadline.seconds, lost)

    def refuse(self) -> None:
        """Have `send` raise from now on."""
        with self._changed:
            if self.state in ("connecting", "open"):
                self.state = "closing"
            self._changed.notify_all()

    def _cannot_send(self) -> ChannelClosed:
        return ChannelClosed(f"cannot send on {self._named()}: {self.end_reason}")

    def _put(self, message: Message, size: int) -> bool:
        """Put a message into the outbox, and return whether a flush was due already; `_changed` is held."""
        outbox = self.outbox
        outbox.put(message, size, clock.now() if outbox.keeps_dates else 0.0)
        flush_was_due, self._flush_is_due = self._flush_is_due, True
        return flush_was_due

    def _send_when_there_is_room(self, message: Message, size: int, deadline: Deadline) -> None:
        def can_go_on() -> bool:
            self.outbox.drop_expired(clock.now())
            wire = self._wire
            is_full = self.outbox.is_full(0 if wire is None else wire.buffered_amount)
            return not is_full or self.state in ("closing", "closed")

        try:
            with self._changed:
                self._blocked += 1
                try:
                    has_room = self._wait_for(can_go_on, deadline)
                finally:
                    self._blocked -= 1
                if not has_room:
                    raise WaitTimeout(
                        f"sending on {self._named()}: {self.buffered_amount} bytes were still queued after {deadline};"
                        " this message was not sent. The other end, or the network, is slower than what is sent."
                    )
                if self.state in ("closing", "closed"):
                    raise self._cannot_send()
                flush_is_due = self._put(message, size)
            if not flush_is_due:
                self._loop.call(self.flush)
        except BaseException:
            self._forget_flush()
            raise

    def _forget_flush(self) -> None:
        """Have the next caller ask for a flush again: Ctrl-C may have come before this one had asked."""
        self._flush_is_due = False

    def _wait_for(self, predicate: Callable[[], bool], deadline: Deadline) -> bool:
        if predicate():
            return True
        if self._loop.is_current:
            raise RuntimeError(
                f"{self._named()}: a blocking call on the event loop thread would wait for itself forever"
            )
        return wait_for(self._changed, predicate, deadline)

    # What follows is called on the loop.

    def opened(self) -> None:
        """Handle the opening of the wire."""
        with self._changed:
            if self.state == "connecting":
                self.state = "open"
            self._changed.notify_all()

    def closed(self) -> bool:
        """Handle the end of the wire, or of the session.

        Returns:
            Whether the channel was not closed before.
        """
        with self._changed:
            if self.state == "closed":
                return False
            self.state = "closed"
            if unsent := len(self.outbox):
                logger.info("%s: closed with %d messages not sent", self._named(), unsent)
            self.outbox.clear()
            self._changed.notify_all()
        return True

    def suspend(self, resend: bool) -> list[Message]:
        """Wait for a wire of another peer connection. The channel is connecting or open.

        Args:
            resend: Whether messages that the peer's SCTP has not acknowledged are sent again on the next wire.

        Returns:
            These messages, in the order sent.
        """
        wire, self._wire = self._wire, None
        under_way = () if wire is None else wire.unacknowledged
        with self._changed:
            sent = [*under_way, *self.outbox.clear()]
            if resend:
                self.outbox.put_again(sent)
            self.state = "connecting"
            self._flush_is_due = False
            self._changed.notify_all()
        return [message for message, _ in sent]

    def resume(self, wire: WireChannel) -> None:
        """Go on with the wire of another peer connection."""
        self.outbox.keep_dates(_life_time(wire), wire.tells_time)
        self._wire = wire

    def drop_queued(self) -> None:
        """Drop what is in the outbox, because of an interruption."""
        with self._changed:
            self.outbox.drop_all()
            self._changed.notify_all()

    def largest(self) -> int:
        """Bytes of the largest message in the outbox; 0: there is none."""
        with self._changed:
            return self.outbox.largest

    def flush(self) -> None:
        """Give messages to SCTP until `_HANDED_OVER` bytes are buffered there."""
        wire, outbox = self._wire, self.outbox
        # The wire of a suspended channel may still be open, while its peer connection is being closed.
        if wire is None or wire.state != "open":
            with self._changed.lock:
                self._flush_is_due = False
            return
        has_more = True
        # Once that much is buffered, the wire has room again later, and this is called then.
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
        if self.state == "closing" and not len(outbox):
            wire.close()


def _life_time(wire: WireChannel) -> float | None:
    """Seconds after which a message is given up; None: never."""
    if wire.max_age is not None:
        return wire.max_age
    return None if wire.max_packet_life_time is None else wire.max_packet_life_time / 1000
