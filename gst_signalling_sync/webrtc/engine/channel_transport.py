"""`ChannelTransport`: what the two SCTP transports of this package have in common, and what data channels ask of either."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, Self, cast

from aiortc import RTCDataChannel, RTCSctpTransport

from ..message import Message
from ..message_age import MessageAges
from ..message_dates import DatedPayload, Dating
from .data import Goodbye, SentMessage
from .stream_resets import StreamResets

__all__ = ["ChannelTransport", "ChannelUser"]


class ChannelUser(Protocol):
    """The user of a channel, which counts expired messages."""

    expired: int

    on_message: Callable[[Message], None]
    """Called with each message that arrives, by a transport that does not emit events for users."""

    def accepts(self, message: DatedPayload, age: float) -> bool:
        """Record the date of the message that is delivered next, and return whether to deliver it."""

    def forget_date(self) -> None:
        """Forget the date, since the next message may have none."""


class ChannelTransport(RTCSctpTransport):
    """An SCTP transport that carries data channels. Lives on the loop.

    There is no constructor: `adopt` makes it from aiortc's own transport. It is a `DataTransport`.
    """

    calls_users = False
    """Whether messages are given to `ChannelUser.on_message`. If not, aiortc's event ``message`` is emitted."""

    peer_reads_dates: bool
    users: dict[RTCDataChannel, ChannelUser]
    """The users of the channels."""

    goodbye: Goodbye | None
    on_goodbye: Callable[[Goodbye], None] | None
    _ages: MessageAges
    _resets: StreamResets

    @classmethod
    def adopt(cls, transport: RTCSctpTransport) -> Self:
        """Give one of aiortc's transports this class, before it is started."""
        transport.__class__ = cls
        adopted = cast(Self, transport)
        adopted.users = {}
        adopted.goodbye = None
        adopted.on_goodbye = None
        adopted._ages = MessageAges()
        adopted._resets = StreamResets()
        adopted.peer_reads_dates = False
        return adopted

    # For data channels.

    @property
    def is_acknowledged(self) -> bool:
        """Whether the peer's SCTP has acknowledged everything that was sent."""
        raise NotImplementedError

    @property
    def has_ended(self) -> bool:
        """Whether the association has ended. No other one begins."""
        raise NotImplementedError

    def unacknowledged(self, channel: RTCDataChannel) -> list[SentMessage]:
        """The messages of a channel that the peer's SCTP has not acknowledged, in the order sent; known after the end too."""
        raise NotImplementedError

    def enqueue(
        self,
        channel: RTCDataChannel,
        message: str | bytes,
        date: float | None = None,
        dating: Dating = Dating.NONE,
    ) -> None:
        """Queue a message of an open channel; `flush` sends what is queued.

        Args:
            channel: The channel.
            message: The message.
            date: Time at which the program sent it, on `threads.clock`. Defaults to now.
            dating: The date that the message gets if the peer reads dates. Defaults to none.
        """
        raise NotImplementedError

    def flush(self) -> None:
        """Send queued messages, as far as the network takes them now."""
        raise NotImplementedError

    def drop_waiting(self, channel: RTCDataChannel) -> None:
        """Drop the messages of a channel of which nothing was sent."""
        raise NotImplementedError

    async def heartbeat(self, seconds: float) -> float | None:
        """Send a HEARTBEAT to the peer, as `DataTransport.heartbeat` says."""
        raise NotImplementedError

    async def refuse(self) -> None:
        """Close all channels, including those that the peer has not been told of."""
        unannounced = self._take_unannounced()
        await self.stop()
        for channel in unannounced:
            channel._setReadyState("closed")

    def _take_unannounced(self) -> set[RTCDataChannel]:
        """Drop all queued messages.

        Returns:
            The channels that have no stream yet.
        """
        raise NotImplementedError

    # For both transports.

    def _count_expired(self, channel: RTCDataChannel) -> None:
        user = self.users.get(channel)
        if user is not None:
            user.expired += 1

    def _note_goodbye(self, goodbye: Goodbye) -> None:
        if self.goodbye is None:
            self.goodbye = goodbye
            if self.on_goodbye is not None:
                self.on_goodbye(goodbye)
