"""`AiortcChannel`: an `RTCDataChannel` as a `WireChannel`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

from aiortc import RTCDataChannel, RTCPeerConnection

from ..channel_options import ChannelOptions
from ..message import Message
from ..message_dates import DatedPayload, Dating
from .association_transport import AssociationTransport
from .data import ChannelObserver, ChannelState, SentMessage

__all__ = ["AiortcChannel"]


class AiortcChannel:
    """A data channel of aiortc's. Lives on the loop. `WireChannel` documents its members.

    Args:
        channel: Channel of a peer connection whose SCTP transport is one of this package.
    """

    def __init__(self, channel: RTCDataChannel) -> None:
        self._channel = channel
        self._transport = cast(AssociationTransport, channel.transport)
        self.on_message: Callable[[Message], None] = _ignore
        self._is_ours = False
        self._max_age: float | None = None
        self.expired = 0
        self.message_age = 0.0
        self.message_sent_at: float | None = None
        self.tells_time = False
        self.label = str.__str__(channel.label)
        self.protocol = str.__str__(channel.protocol)
        self.ordered = channel.ordered
        self.max_retransmits = channel.maxRetransmits
        self.max_packet_life_time = channel.maxPacketLifeTime

    @classmethod
    def create(cls, connection: RTCPeerConnection, options: ChannelOptions) -> AiortcChannel:
        """Create a channel on a peer connection."""
        channel = connection.createDataChannel(
            _WireText(options.label),
            ordered=options.ordered,
            maxRetransmits=options.max_retransmits,
            maxPacketLifeTime=options.life_time,
            protocol=_WireText(options.protocol),
        )
        created = cls(channel)
        created._is_ours = True
        created._max_age = options.max_age
        created.tells_time = options.dated
        if options.max_age is not None:
            created.max_packet_life_time = None
        return created

    @property
    def max_age(self) -> float | None:
        """Maximum age of a message, in seconds; None: no maximum."""
        return self._max_age

    @property
    def id(self) -> int | None:
        """The SCTP stream identifier."""
        return self._channel.id

    @property
    def state(self) -> ChannelState:
        """The W3C's ``readyState``."""
        return cast(ChannelState, self._channel.readyState)

    @property
    def buffered_amount(self) -> int:
        """Bytes of messages that SCTP has not sent yet."""
        return self._channel.bufferedAmount

    @property
    def unacknowledged(self) -> list[SentMessage]:
        """The messages that the peer's SCTP has not acknowledged."""
        return self._transport.unacknowledged(self._channel)

    def observe(self, observer: ChannelObserver, room_below: int) -> None:
        """Set the observer."""
        self._transport.users[self._channel] = self
        self._channel.on("close", lambda: self._transport.users.pop(self._channel, None))
        self._channel.bufferedAmountLowThreshold = room_below
        self._channel.on("open", observer.on_open)
        self.on_message = observer.on_message
        self._channel.on("bufferedamountlow", observer.on_room)
        self._channel.on("close", observer.on_close)

    def stop_receiving(self) -> None:
        """Drop the messages that arrive from now on."""
        self.on_message = _ignore

    def release(self) -> None:
        """Call the observer no more."""
        self.on_message = _ignore
        self._channel.remove_all_listeners()

    def transmit(self, messages: Sequence[Message], dates: Sequence[float] = ()) -> None:
        """Send messages."""
        channel, enqueue = self._channel, self._transport.enqueue
        # If the peer created the channel, its first message shows whether it dates its messages.
        is_dated = channel.maxPacketLifeTime is not None and (self._max_age is not None or not self._is_ours)
        dating = Dating.TIME if self.tells_time else Dating.AGE if is_dated else Dating.NONE
        for number, message in enumerate(messages):
            # 0: when the message was queued, its date was not needed.
            enqueue(channel, message, (dates[number] or None) if dates else None, dating)
        self._transport.flush()

    def drop_waiting(self) -> None:
        """Drop the messages of which nothing was sent."""
        self._transport.drop_waiting(self._channel)

    # Called by the transport.

    def accepts(self, message: DatedPayload, age: float) -> bool:
        """Record the date of the message that is delivered next.

        Args:
            message: The message.
            age: Its age, in seconds.

        Returns:
            Whether to deliver it, since it is not too old.
        """
        self.message_age, self.message_sent_at = age, message.sent_at
        if message.sent_at is not None:
            self.tells_time = True
        if self._max_age is None and not self._is_ours and self._channel.maxPacketLifeTime is not None:
            self._max_age = self._channel.maxPacketLifeTime / 1000
            self.max_packet_life_time = None
        if self._max_age is not None and age > self._max_age:
            self.expired += 1
            return False
        return True

    def forget_date(self) -> None:
        """Forget the date, since the next message may have none."""
        self.message_age, self.message_sent_at = 0.0, None

    def close(self) -> None:
        """Close the channel at both ends, after sent messages are delivered."""
        self._channel.close()


def _ignore(message: Message) -> None:
    """Drop a message."""


class _WireText(str):
    """A string whose length is that of its UTF-8 bytes.

    aiortc 1.16 announces a channel with ``len(label)``, but RFC 8832 section 5.1 has the length in bytes. A label beyond ASCII
    would arrive truncated.
    """

    __slots__ = ()

    def __len__(self) -> int:
        return len(self.encode())
