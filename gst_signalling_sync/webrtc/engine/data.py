"""Data channels (RFC 8831, RFC 8832) as the rest of this library uses them, whatever carries them. They live on the loop.

A `WireChannel` belongs to one peer connection and ends with it. A `DataChannel`, which users hold, observes a `WireChannel`,
and observes one of another peer connection when its session is resumed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple, Protocol

from ..message import Message

__all__ = ["ChannelObserver", "ChannelState", "DataTransport", "Goodbye", "SentMessage", "WireChannel"]

ChannelState = Literal["connecting", "open", "closing", "closed"]

Goodbye = Literal["close_notify", "abort", "shutdown"]
"""The message by which a peer leaves in-band: DTLS close_notify (RFC 8446 section 6.1), SCTP ABORT or SHUTDOWN (RFC 9260
section 9)."""


class SentMessage(NamedTuple):
    """A message that a program has sent.

    Attributes:
        message: The message.
        date: Time at which it was sent, on `threads.clock`; None: it was not needed.
    """

    message: Message
    date: float | None


class ChannelObserver(Protocol):
    """The observer of a channel. Its methods must not block."""

    def on_open(self) -> None:
        """Handle the opening of the channel."""

    def on_message(self, message: Message) -> None:
        """Handle a message."""

    def on_room(self) -> None:
        """Handle that the buffered amount has fallen to the threshold."""

    def on_close(self) -> None:
        """Handle the end of the channel. This is the last call."""


class WireChannel(Protocol):
    """A data channel of one peer connection."""

    @property
    def id(self) -> int | None:
        """The SCTP stream identifier; None before the association is established."""

    @property
    def label(self) -> str:
        """The label, which need not be unique."""

    @property
    def protocol(self) -> str:
        """The name of the subprotocol, or the empty string."""

    @property
    def ordered(self) -> bool:
        """Whether messages arrive in the order in which they were sent."""

    @property
    def max_retransmits(self) -> int | None:
        """Maximum number of retransmissions of a message; None: no maximum."""

    @property
    def max_packet_life_time(self) -> int | None:
        """Maximum time for transmissions of a message, in milliseconds; None: no maximum."""

    @property
    def max_age(self) -> float | None:
        """Maximum age of a message, in seconds; None: no maximum.

        If the peer created the channel, this is known from its first dated message on.
        """

    @property
    def message_age(self) -> float:
        """The age of the message with which the observer is being called, in seconds; 0: it has no date."""

    @property
    def message_sent_at(self) -> float | None:
        """When the message with which the observer is being called was sent, as Unix time of the peer's clock.

        None: the message has no time.
        """

    @property
    def tells_time(self) -> bool:
        """Whether a peer that reads dates is told when each message was sent.

        If the peer created the channel, this is known from its first message with a time on.
        """

    expired: int
    """The number of messages that were dropped, here or on arrival, because of their age or of an interruption."""

    @property
    def state(self) -> ChannelState:
        """The W3C's ``readyState``."""

    @property
    def buffered_amount(self) -> int:
        """Bytes of messages given to `transmit` that SCTP has not sent yet."""

    @property
    def unacknowledged(self) -> list[SentMessage]:
        """The messages that the peer's SCTP has not acknowledged, in the order of `transmit`. Available after the end too.

        A message counts as acknowledged when all messages before it are (cumulative TSN). The peer's program never gets
        messages behind a gap once the association has ended.
        """

    def observe(self, observer: ChannelObserver, room_below: int) -> None:
        """Set the observer; called once.

        Args:
            observer: The observer.
            room_below: Threshold in bytes. `ChannelObserver.on_room` is called whenever the buffered amount falls to it.
        """

    def stop_receiving(self) -> None:
        """Drop the messages that arrive from now on."""

    def release(self) -> None:
        """Call the observer no more."""

    def transmit(self, messages: Sequence[Message], dates: Sequence[float] = ()) -> None:
        """Send messages on the open channel. Those that cannot be sent now are queued.

        Args:
            messages: The messages, in order.
            dates: Time at which the program sent each message, on `threads.clock`, from which age and lifetime count. 0, or no
                dates: now.
        """

    def drop_waiting(self) -> None:
        """Drop the messages given to `transmit` of which nothing was sent."""

    def close(self) -> None:
        """Close the channel at both ends, after the messages given to `transmit` (RFC 8831 section 6.7)."""


class DataTransport(Protocol):
    """The SCTP association of one peer connection."""

    @property
    def state(self) -> str:
        """``"new"``, ``"connecting"``, ``"connected"`` or ``"closed"``, which is final."""

    @property
    def is_acknowledged(self) -> bool:
        """Whether the peer's SCTP has acknowledged everything that was sent."""

    peer_reads_dates: bool
    """Whether the peer reads dated messages; see `message_dates`."""

    goodbye: Goodbye | None
    """How the peer ended the association, ``"abort"`` or ``"shutdown"``; None: it has not."""

    on_goodbye: Callable[[Goodbye], None] | None
    """Called when the peer ends the association."""

    async def heartbeat(self, seconds: float) -> float | None:
        """Send a HEARTBEAT to the peer (RFC 9260 section 8.3), and wait for the answer.

        Args:
            seconds: Maximum time to wait.

        Returns:
            The round trip, in seconds; None: no answer came in time.
        """
