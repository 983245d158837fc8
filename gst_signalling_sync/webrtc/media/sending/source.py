"""`Source`: what makes the frames that a `MediaSender` sends, and `StreamSource`, which brings what was encoded elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

from ....threads.loop_thread import LoopThread
from ...engine.capabilities import Parameters
from ..codecs.codec import SendForm
from ..encoded_frame import EncodedFrame, MediaKind
from .chosen_encoder import EncoderInUse
from .fan_out import Sink

__all__ = [
    "AnySource",
    "Choice",
    "EncodingFeed",
    "Feed",
    "Negotiated",
    "ProtectedSource",
    "Source",
    "StreamSink",
    "StreamSource",
]


class StreamSink(Sink, Protocol):
    """A sender that takes what was encoded elsewhere; used on the loop."""

    def replay(self, frames: list[tuple[EncodedFrame, list[bytes]]]) -> None:
        """Take frames that others have had, a keyframe first, as fast as the link allows."""

    def choose_again(self) -> None:
        """Ask the source again what to take: it is another stream now, or the link has become another."""


class Feed(Protocol):
    """What delivers frames to senders; called on the loop."""

    @property
    def makes_keyframes(self) -> bool:
        """Whether a keyframe that is asked for is a new one."""

    def attach(self, sink: StreamSink, form: SendForm, loop: LoopThread) -> None:
        """Begin to deliver frames in a form to a sender."""

    def detach(self, sink: StreamSink) -> None:
        """Stop delivering to a sender."""

    def request_keyframe(self, sink: StreamSink) -> bool:
        """Ask for a keyframe."""

    def report_estimate(self, sink: StreamSink, bitrate: int, is_confirmed: bool = True) -> tuple[int, int]:
        """Take note of the bits per second that a link carries; returns the least and the most that are ever sent."""

    def needed_by(self, sink: StreamSink) -> int | None:
        """Bits per second that are sent to a link at most; None: not known yet."""

    def report_backlog(self, sink: StreamSink, is_behind: bool) -> None:
        """Take note of whether a link has frames waiting, so that more had better not come."""


@runtime_checkable
class EncodingFeed(Protocol):
    """A feed that encodes what it delivers, and tells by what; called on the loop."""

    def encoder_of(self, sink: Sink) -> EncoderInUse | None:
        """What encodes the frames of a sender; None: nothing does."""


class Source(Feed, Protocol):
    """What a `MediaSender` needs of a `VideoSource` or an `AudioSource`; called on the loop."""

    @property
    def kind(self) -> MediaKind:
        """Of its media."""

    @property
    def name(self) -> str | None:
        """The track's, None where it has none."""

    @property
    def codecs(self) -> tuple[str, ...]:
        """What it can be encoded in, the preferred one first."""


@runtime_checkable
class ProtectedSource(Protocol):
    """A source of which a program says how it is protected against losses."""

    @property
    def fec(self) -> bool | None:
        """Whether each packet repeats what the one before had; None: while the link loses packets."""


class Negotiated(NamedTuple):
    """A codec that a link has negotiated.

    Attributes:
        codec: Its name.
        parameters: Its ``a=fmtp``.
    """

    codec: str
    parameters: Parameters


class Choice(NamedTuple):
    """What a link is sent.

    Attributes:
        place: Of the codec among those that it has negotiated.
        feed: What delivers it.
    """

    place: int
    feed: Feed


@runtime_checkable
class StreamSource(Protocol):
    """A source of what was encoded elsewhere, which not every receiver takes; called on the loop."""

    @property
    def kind(self) -> MediaKind:
        """Of its media."""

    @property
    def name(self) -> str | None:
        """The track's, None where it has none."""

    @property
    def codecs(self) -> tuple[str, ...]:
        """What it can be sent in, its own first."""

    def choose(self, sender: StreamSink, negotiated: Sequence[Negotiated], loop: LoopThread) -> Choice:
        """What a link is sent: the stream as it is, where it takes it. The sender is told when that is to be asked again."""

    def leave(self, sender: StreamSink) -> None:
        """Forget a sender that has chosen."""


AnySource = Source | StreamSource
"""What a session sends."""
