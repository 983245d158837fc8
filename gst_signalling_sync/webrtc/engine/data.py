"""What the rest of this library needs of data channels, whatever carries them (RFC 8831, RFC 8832). On the loop.

A `WireChannel` belongs to one peer connection and ends with it. What users hold, `DataChannel`, observes one, and may observe
another one later: of another peer connection, where its session is resumed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple, Protocol

from ..message import Message

__all__ = ["ChannelObserver", "ChannelState", "DataTransport", "Goodbye", "SentMessage", "WireChannel"]

ChannelState = Literal["connecting", "open", "closing", "closed"]

Goodbye = Literal["close_notify", "abort", "shutdown"]
"""How a peer said in-band that it leaves: DTLS close_notify (RFC 8446 section 6.1), SCTP ABORT or SHUTDOWN (RFC 9260
section 9)."""


class SentMessage(NamedTuple):
    """A message that a program has sent.

    Attributes:
        message: The message.
        date: When it was sent, on `threads.clock`; None where it does not matter.
    """

    message: Message
    date: float | None


class ChannelObserver(Protocol):
    """What is told of a channel's life; it must not block."""

    def on_open(self) -> None:
        """Messages can be sent."""

    def on_message(self, message: Message) -> None:
        """A message arrived."""

    def on_room(self) -> None:
        """The buffered amount has fallen to the threshold."""

    def on_close(self) -> None:
        """The channel is closed; nothing follows."""


class WireChannel(Protocol):
    """A data channel of one peer connection."""

    @property
    def id(self) -> int | None:
        """The SCTP stream identifier; None before the association is established."""

    @property
    def label(self) -> str:
        """The label; labels need not be unique."""

    @property
    def protocol(self) -> str:
        """The name of the subprotocol, by default empty."""

    @property
    def ordered(self) -> bool:
        """Whether messages arrive in the order sent."""

    @property
    def max_retransmits(self) -> int | None:
        """Retransmissions after which a message is given up; None: unlimited."""

    @property
    def max_packet_life_time(self) -> int | None:
        """Milliseconds after which a message is given up; None: unlimited."""

    @property
    def max_age(self) -> float | None:
        """Seconds after which a message is not delivered any more; None: it is at any age.

        Of a channel that the peer created it is known from the peer's first dated message on.
        """

    @property
    def message_age(self) -> float:
        """The age in seconds of the message that the observer is being told of, 0 where it has no date."""

    @property
    def message_sent_at(self) -> float | None:
        """When the message that the observer is being told of was sent, as Unix time by the peer's clock; None: not told."""

    @property
    def tells_time(self) -> bool:
        """Whether the peer is told when each message was sent, if it reads dates.

        Of a channel that the peer created it is known from the peer's first message with a time on.
        """

    expired: int
    """Messages that were given up, or dropped on arrival, for their age or for the interruption of the link."""

    @property
    def state(self) -> ChannelState:
        """The W3C's ``readyState``."""

    @property
    def buffered_amount(self) -> int:
        """Bytes that `transmit` took and that are not chunks of SCTP yet."""

    @property
    def unacknowledged(self) -> list[SentMessage]:
        """The messages that the peer's SCTP has not acknowledged, in the order of `transmit`; also after the end.

        A message counts as acknowledged when everything before it is too (the cumulative TSN): what an SCTP holds back
        because of a gap, its program never gets once the association has ended.
        """

    def observe(self, observer: ChannelObserver, room_below: int) -> None:
        """Have an observer told what happens; called once.

        Args:
            observer: Of this channel.
            room_below: Bytes; `ChannelObserver.on_room` is called whenever the buffered amount falls to so many.
        """

    def stop_receiving(self) -> None:
        """Drop the messages that arrive from now on."""

    def release(self) -> None:
        """Tell the observer nothing more; it goes on with another channel, or not at all."""

    def transmit(self, messages: Sequence[Message], dates: Sequence[float] = ()) -> None:
        """Send messages on the open channel, at once as far as the network takes them; the others wait.

        Args:
            messages: In the order to send them in.
            dates: When each was sent by the program, on `threads.clock`: what its age and lifetime count from. 0, or none: now.
        """

    def drop_waiting(self) -> None:
        """Give up the messages that `transmit` took and that are not chunks of SCTP yet."""

    def close(self) -> None:
        """Close the channel at both ends, behind the messages that `transmit` took (RFC 8831 section 6.7)."""


class DataTransport(Protocol):
    """The SCTP association of one peer connection."""

    @property
    def state(self) -> str:
        """``"new"``, ``"connecting"``, ``"connected"`` or ``"closed"``, which is final."""

    @property
    def is_acknowledged(self) -> bool:
        """Whether the peer's SCTP has acknowledged everything that was sent."""

    peer_reads_dates: bool
    """Whether the peer takes dated messages, see `message_dates`."""

    goodbye: Goodbye | None
    """How the peer ended the association, if it did: ``"abort"`` or ``"shutdown"``."""

    on_goodbye: Callable[[Goodbye], None] | None
    """Is told when the peer ends the association."""

    async def heartbeat(self, seconds: float) -> float | None:
        """Ask the peer's SCTP for a sign of life (RFC 9260 section 8.3).

        Args:
            seconds: How long to wait for the answer.

        Returns:
            The round trip in seconds, or None if there was no answer in time.
        """
