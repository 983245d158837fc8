"""`Channels`: the data channels of a session. The loop adds and removes them; any thread reads the list and waits for one."""

from __future__ import annotations

import time
from collections import deque
from typing import Final, Protocol

from ..errors import ChannelClosed, MessageTooLarge, WaitTimeout
from ..protocol.session_limits import SessionLimits
from ..signals import Signal
from ..threads.callbacks import Callbacks
from ..threads.waiting import Deadline
from .channel_options import ChannelOptions
from .clock_offset import ClockOffset
from .engine.data import WireChannel
from .live_channel import LiveChannel
from .media.received_media import ReceivedMedia
from .message import Message
from .session_state import SessionState
from .session_status import SessionStatus
from .unread import overflows

__all__ = ["Channels", "ChannelsSession", "WireSource"]

_MAX_UNREAD_CHANNELS: Final = 16


class ChannelsSession(Protocol):
    """The session of the channels, as far as they need it."""

    @property
    def max_message_size(self) -> int | None:
        """Maximum size of a message that the other end accepts, in bytes; None: it is not known yet, or there is none."""

    @property
    def clock_offset(self) -> ClockOffset | None:
        """How far the peer's clock is ahead; None: it is not known."""

    @property
    def is_asked_for_by_peer(self) -> bool:
        """Whether the other end started the session."""

    def make_channel(self, wire: WireChannel, options: ChannelOptions | None) -> LiveChannel:
        """Make a channel with the object that users hold; called on the loop."""

    def on_adopted(self, channel: LiveChannel) -> None:
        """Handle a new channel before anything arrives on it; called on the loop."""

    def note_limit(self, limit: str) -> None:
        """Count that the peer has met a limit; called on the loop."""


class WireSource(Protocol):
    """The peer connection, which carries channels."""

    @property
    def takes_data(self) -> bool:
        """Whether the peer has not refused data channels."""

    def create_channel(self, options: ChannelOptions) -> WireChannel:
        """Create a channel."""


class Channels:
    """The data channels of a session, which go on with its next peer connection when it is resumed.

    Args:
        session: The session.
        status: Its ids and its state.
        media: Its recordings, which may take messages.
        limits: What the peer may use.
        opened: The signal that a channel is open.
        sender: Its sender, the session that users hold.
        callbacks: The callback threads.
    """

    def __init__(
        self,
        session: ChannelsSession,
        status: SessionStatus,
        media: ReceivedMedia,
        limits: SessionLimits,
        opened: Signal,
        sender: object,
        callbacks: Callbacks,
    ) -> None:
        self._session = session
        self._status = status
        self._media = media
        self._limits = limits
        self._channel_opened = opened
        self._sender = sender
        self._callbacks = callbacks
        # Guarded by `SessionStatus.changed`, as the next one is.
        self._channels: list[LiveChannel] = []
        # Channels with unread messages that the other end closed before a caller here asked for them.
        self._unread: deque[LiveChannel] = deque(maxlen=_MAX_UNREAD_CHANNELS)
        # Written on the loop only. Closed channels stay here, so that one that was closed on purpose is not created again.
        self._of_role: dict[ChannelOptions, LiveChannel] = {}

    @property
    def all(self) -> list[LiveChannel]:
        """The channels that are not closed, in the order in which they were created."""
        with self._status.changed:
            return list(self._channels)

    def of_role(self, options: ChannelOptions) -> LiveChannel | None:
        """The channel that `ensure` has created with these options, which may be closed. Callable from any thread."""
        return self._of_role.get(options)

    def wait_for(self, label: str | None, deadline: Deadline) -> LiveChannel:
        """Wait until a channel is open.

        Args:
            label: The channel's label; None: the first channel there is.
            deadline: For the channel.

        Returns:
            The channel, which is open, or closed with messages on it that nobody has read.

        Raises:
            WaitTimeout: No such channel opened in time.
            SessionClosed: The session is closed, or was closed meanwhile.
            RuntimeError: This would block the event loop.
        """
        status = self._status

        def found() -> LiveChannel | None:
            candidates = (*self._unread, *(channel for channel in self._channels if channel.state == "open"))
            return next((channel for channel in candidates if label is None or channel.label == label), None)

        def done() -> bool:
            return status.state is SessionState.CLOSED or found() is not None

        with status.changed:
            status.wait_for(done, deadline)
            channel = found()
            if channel is not None:
                channel.is_given_out = True
                if channel in self._unread:
                    self._unread.remove(channel)
                return channel
            named = "a data channel" if label is None else f"data channel {label!r}"
            if status.state is SessionState.CLOSED:
                raise status.closed_error(f"waiting for {named}")
            known = ", ".join(f"{channel.label!r} ({channel.state})" for channel in self._channels) or "none"
        raise WaitTimeout(
            f"waiting for {named} with peer {status.peer_id}: not open within {deadline}; channels: {known}"
        )

    # What follows is called on the loop.

    def create(self, options: ChannelOptions, connection: WireSource) -> LiveChannel:
        """Create a channel.

        Raises:
            ChannelClosed: The peer accepts no data channels.
        """
        if not connection.takes_data:
            raise ChannelClosed(f"creating data channel {options.label!r} on {self._status.named}: the peer takes none")
        return self._add(connection.create_channel(options), options)

    def ensure(self, options: ChannelOptions, connection: WireSource) -> LiveChannel:
        """Create one of the role's channels, unless this session has it or has had it.

        Args:
            options: The channel's options, which no other channel of the role has.
            connection: The peer connection.

        Returns:
            The channel, which may be closed.

        Raises:
            ChannelClosed: The peer accepts no data channels.
        """
        channel = self._of_role.get(options)
        if channel is None:
            channel = self._of_role[options] = self.create(options, connection)
        return channel

    def adopt(self, wire: WireChannel) -> None:
        """Add a channel that the other end has created and that is open.

        In a resumed session, a suspended channel of the same label goes on with it.
        """
        for waiting in self.all:
            if waiting.is_suspended and waiting.label == wire.label:
                waiting.resume(wire)
                self.on_channel_open(waiting)
                return
        self.on_channel_open(self._add(wire, None))

    def resume(self, connection: WireSource) -> None:
        """Create the suspended channels again that this end created, on another peer connection."""
        for channel in self.all:
            if channel.is_suspended and channel.options is not None:
                channel.resume(connection.create_channel(channel.options))

    def suspend(self, resend: bool) -> None:
        """Have all channels wait for another peer connection; see `LiveChannel.suspend`."""
        for channel in self.all:
            channel.suspend(resend)

    def drop_queued(self) -> None:
        """Drop messages that were queued during an interruption on channels that are not reliable."""
        for channel in self.all:
            channel.drop_queued()

    def end(self, reason: str) -> None:
        """Close this end of all channels, because the session is closed."""
        for channel in self.all:
            channel.end(reason)

    def _add(self, wire: WireChannel, options: ChannelOptions | None) -> LiveChannel:
        added = self._session.make_channel(wire, options)
        with self._status.changed:
            self._channels.append(added)
        self._session.on_adopted(added)
        return added

    # What follows is called by the channels.

    @property
    def peer_id(self) -> str:
        """The id of the peer, for messages."""
        return self._status.peer_id

    def check_message_size(self, size: int) -> None:
        """Raise `MessageTooLarge` if a message has more bytes than the other end accepts."""
        limit = self._session.max_message_size
        if limit is not None and size > limit:
            raise MessageTooLarge(
                f"a message of {size} bytes is too large for peer {self.peer_id}, which accepts up to {limit} bytes."
                " Send it in parts."
            )

    def on_channel_open(self, channel: LiveChannel) -> None:
        """Tell waiting threads and receivers that a channel is open."""
        with self._status.changed:
            self._status.changed.notify_all()
        self._callbacks.emit(self._channel_opened, self._sender, channel=channel.face)

    def on_channel_closed(self, channel: LiveChannel) -> None:
        """Remove a closed channel from the list."""
        with self._status.changed:
            if channel in self._channels:
                self._channels.remove(channel)
                if channel.inbox.waiting > 0 and not channel.is_given_out:
                    self._unread.append(channel)
            self._status.changed.notify_all()

    def on_channel_message(self, label: str, message: Message, sent_at: float | None) -> None:
        """Give a message to the recordings that take messages, with the time at which it was sent by the peer's clock."""
        recorders = self._media.message_recorders
        if not recorders:
            return
        if sent_at is None:
            # The peer does not say, so the time of arrival is taken.
            offset = self._session.clock_offset
            sent_at = time.time() + (0.0 if offset is None else offset.seconds)
        for recorder in recorders:
            recorder.add_message(label, message, sent_at)

    def check_unread(self) -> None:
        """Close channels on which more unread bytes wait than the limits allow."""
        with self._status.changed:
            channels = (*self._unread, *self._channels)
        unread = {channel: channel.inbox.waiting_size for channel in channels}
        # Channels in a session that the peer started, on which nobody here receives.
        is_unasked = self._session.is_asked_for_by_peer and not self._channel_opened.receivers
        unasked = [channel for channel in unread if is_unasked and not channel.is_asked_for]
        for overflow in overflows(unread, unasked, self._limits):
            self._session.note_limit(overflow.limit)
            if not self._forget_unread(overflow.channel):
                text = f"more than {overflow.maximum} bytes had arrived that nobody received"
                overflow.channel.overflow(text)

    def _forget_unread(self, channel: LiveChannel) -> bool:
        """Forget a closed channel with unread messages, and return whether it is one."""
        with self._status.changed:
            is_there = channel in self._unread
            if is_there:
                self._unread.remove(channel)
            return is_there
