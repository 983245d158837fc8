"""`Channel`: a data channel (RFC 8831) with a blocking `send` and `recv`, as callers' threads see it.

`LiveChannel` is behind it. `DataChannel`, in `session`, is a channel that knows its session.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from queue import Empty

from ..errors import ChannelClosed, WaitTimeout
from ..signals import Signal
from ..threads.waiting import Deadline
from .engine.data import ChannelState
from .live_channel import ChannelFace, LiveChannel
from .message import ReceivedMessage, as_message

__all__ = ["Channel", "behind_channel"]


class Channel:
    """A data channel. Every method may be called from any thread and from callbacks.

    Args:
        make_live: Makes what is behind the channel.
        timeout: Seconds that a blocking call may take by default.
    """

    def __init__(self, make_live: Callable[[ChannelFace], LiveChannel], timeout: float) -> None:
        self._timeout = timeout
        self.resumed = Signal(
            "The session was resumed and the channel is open again: ``(channel, unconfirmed)``, with the list of the messages"
            " that the other end's SCTP had not acknowledged, in the order sent."
        )
        self.closed = Signal("The channel is closed; nothing follows: ``(channel)``.")
        self._live = make_live(self)
        self.message = self._live.inbox.message
        self.received = self._live.inbox.received

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.label!r} {self.state}>"

    @property
    def label(self) -> str:
        """The label, which need not be unique."""
        return self._live.label

    @property
    def protocol(self) -> str:
        """The name of the subprotocol, or the empty string."""
        return self._live.wire.protocol

    @property
    def ordered(self) -> bool:
        """Whether messages arrive in the order in which they were sent."""
        return self._live.wire.ordered

    @property
    def max_retransmits(self) -> int | None:
        """Maximum number of retransmissions of a message; None: no maximum."""
        return self._live.wire.max_retransmits

    @property
    def max_packet_life_time(self) -> int | None:
        """Maximum time for transmissions of a message, in milliseconds; None: no maximum."""
        return self._live.wire.max_packet_life_time

    @property
    def max_age(self) -> float | None:
        """Maximum age of a message in seconds; older ones are dropped at either end. None: no maximum.

        If the other end created the channel, this is known from the first message on.
        """
        return self._live.wire.max_age

    @property
    def dated(self) -> bool:
        """Whether this end tells a peer of this library when each message was sent.

        If the other end created the channel with ``dated=True``, this is True from the first message on.
        """
        return self._live.wire.tells_time

    @property
    def expired(self) -> int:
        """The number of messages, sent or received, that were dropped at this end because they were older than `max_age`.

        On a channel that is not reliable, messages that were queued here while the session was interrupted count too.
        """
        return self._live.expired

    @property
    def state(self) -> ChannelState:
        """``"connecting"``, ``"open"``, ``"closing"`` or ``"closed"``. It is closed in a child that inherited it by `fork`."""
        return self._live.state

    @property
    def buffered_amount(self) -> int:
        """Bytes of sent messages that are not yet with the network."""
        return self._live.sending.buffered_amount

    def send(self, data: str | bytes | bytearray | memoryview, timeout: float | None = None) -> None:
        """Send a message. It is queued, also before the channel is open.

        This blocks while more than 1 MiB or 8192 messages are queued.

        Args:
            data: String or bytes; the other end receives the same type.
            timeout: Seconds to wait for room. Defaults to the session's timeout.

        Raises:
            TypeError: `data` is neither a string nor bytes.
            ValueError: The string cannot be encoded in UTF-8.
            MessageTooLarge: The other end accepts no message of that size.
            ChannelClosed: The channel or its session is closed, or was closed meanwhile; the message was not sent.
            WaitTimeout: The queue stayed full; the message was not sent.
            RuntimeError: The channel was inherited by `fork`, or this would block the event loop.
        """
        live = self._live
        live.process.check()
        message, size = as_message(data)
        live.send(message, size, self._timeout if timeout is None else timeout)

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
            message = self._live.inbox.take(seconds)
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
            message = self._live.inbox.take_with_time(seconds)
        except Empty:
            raise self._nothing_came(seconds) from None
        if message is None:
            raise self._nothing_follows()
        return message

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
        self._live.process.check()
        self._live.sending.wait_open(self._deadline(timeout))

    def close(self, timeout: float | None = None) -> None:
        """Send what is queued, then close the channel at both ends; idempotent.

        Args:
            timeout: Seconds; messages that are still queued by then are lost, which is logged. Defaults to the session's
                timeout.

        Raises:
            RuntimeError: The channel was inherited by `fork`, or this would block the event loop.
        """
        self._live.process.check()
        self._live.close(self._deadline(timeout))

    def _seconds_to_wait(self, timeout: float | None) -> float:
        live = self._live
        live.process.check()
        if live.is_on_loop and live.inbox.is_empty:
            raise RuntimeError("recv() on the event loop thread would wait for itself forever")
        return self._timeout if timeout is None else timeout

    def _nothing_came(self, seconds: float) -> WaitTimeout:
        return WaitTimeout(f"waiting for a message on {self._live.named}: none within {seconds:g} s")

    def _nothing_follows(self) -> ChannelClosed:
        return ChannelClosed(f"no more messages on {self._live.named}: {self._live.sending.end_reason}")

    def _deadline(self, timeout: float | None) -> Deadline:
        return Deadline(self._timeout if timeout is None else timeout)


def behind_channel(channel: Channel) -> LiveChannel:
    """What is behind a channel that users hold."""
    return channel._live
