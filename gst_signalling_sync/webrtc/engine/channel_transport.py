"""`ChannelTransport`: an SCTP transport of aiortc's that knows the users of its data channels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, Self, cast

from aiortc import RTCDataChannel, RTCSctpTransport

from ..message import Message
from ..message_age import MessageAges
from ..message_dates import DatedPayload
from .data import Goodbye
from .stream_resets import StreamResets

__all__ = ["ChannelTransport", "ChannelUser"]


class ChannelUser(Protocol):
    """The user of a channel, which counts expired messages."""

    expired: int

    on_message: Callable[[Message], None]
    """Called with each message that arrives."""

    def accepts(self, message: DatedPayload, age: float) -> bool:
        """Record the date of the message that is delivered next, and return whether to deliver it."""

    def forget_date(self) -> None:
        """Forget the date, since the next message may have none."""


class ChannelTransport(RTCSctpTransport):
    """What the parts of an `AssociationTransport` share. Lives on the loop.

    There is no constructor: `adopt` makes it from aiortc's own transport.
    """

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

    def _count_expired(self, channel: RTCDataChannel) -> None:
        user = self.users.get(channel)
        if user is not None:
            user.expired += 1

    def _note_goodbye(self, goodbye: Goodbye) -> None:
        if self.goodbye is None:
            self.goodbye = goodbye
            if self.on_goodbye is not None:
                self.on_goodbye(goodbye)
