"""`Source`: encodes the frames that a `MediaSender` sends; `StreamSource`: brings frames that were encoded elsewhere.

Both are behind the sources that users hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

from ....threads.loop_thread import LoopThread
from ....threads.waiting import Deadline
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
    """A sender that takes frames encoded elsewhere; used on the loop."""

    def replay(self, frames: list[tuple[EncodedFrame, list[bytes]]]) -> None:
        """Take frames that other senders already had, beginning with a keyframe, as fast as the link allows."""

    def choose_again(self) -> None:
        """Ask the source again what to take, because the stream or the link has changed."""


class Feed(Protocol):
    """Delivers frames to senders; called on the loop."""

    @property
    def makes_keyframes(self) -> bool:
        """Whether a requested keyframe is a new frame."""

    def attach(self, sink: StreamSink, form: SendForm, loop: LoopThread) -> None:
        """Begin to deliver frames of a form to a sender."""

    def detach(self, sink: StreamSink) -> None:
        """Stop delivering to a sender."""

    def request_keyframe(self, sink: StreamSink) -> bool:
        """Request a keyframe on behalf of a sender; return whether one will come."""

    def report_estimate(self, sink: StreamSink, bitrate: int, is_confirmed: bool = True) -> tuple[int, int]:
        """Record the bitrate that a link carries; return the minimum and maximum that are ever sent, all in bit/s."""

    def needed_by(self, sink: StreamSink) -> int | None:
        """Maximum that a link is sent, in bit/s; None: not known yet."""

    def report_backlog(self, sink: StreamSink, is_behind: bool) -> None:
        """Record whether frames wait on a link, so that more should not come."""


@runtime_checkable
class EncodingFeed(Protocol):
    """A feed that encodes its frames; called on the loop."""

    def encoder_of(self, sink: Sink) -> EncoderInUse | None:
        """The encoder whose frames a sender gets; None: there is no encoder."""

    def target_of(self, sink: Sink) -> int | None:
        """Target bitrate of that encoder, in bit/s; None: not known yet."""


class Source(Feed, Protocol):
    """The interface of `VideoFeed` and `AudioFeed` for a `MediaSender`; called on the loop."""

    @property
    def kind(self) -> MediaKind:
        """The kind of the track."""

    @property
    def name(self) -> str | None:
        """The track's name; None: no name."""

    @property
    def codecs(self) -> tuple[str, ...]:
        """Codecs that it can be encoded in, the preferred one first."""

    def join(self, deadline: Deadline) -> None:
        """Wait until no thread encodes any more, if no session takes the track; on a caller's thread."""


@runtime_checkable
class ProtectedSource(Protocol):
    """A source for which a program sets the protection against packet loss."""

    @property
    def fec(self) -> bool | None:
        """Whether each packet repeats the content of the previous one; None: while the link loses packets."""


class Negotiated(NamedTuple):
    """A codec that a link has negotiated.

    Attributes:
        codec: The codec's name.
        parameters: The codec's ``a=fmtp`` parameters.
    """

    codec: str
    parameters: Parameters


class Choice(NamedTuple):
    """The choice for one link.

    Attributes:
        place: Place of the codec among the negotiated ones.
        feed: What delivers the frames.
    """

    place: int
    feed: Feed


@runtime_checkable
class StreamSource(Protocol):
    """A source of frames that were encoded elsewhere, which not every receiver takes; called on the loop."""

    @property
    def kind(self) -> MediaKind:
        """The kind of the track."""

    @property
    def name(self) -> str | None:
        """The track's name; None: no name."""

    @property
    def codecs(self) -> tuple[str, ...]:
        """Codecs that it can be sent in, its own first."""

    def choose(self, sender: StreamSink, negotiated: Sequence[Negotiated], loop: LoopThread) -> Choice:
        """Choose what a link is sent: the stream unchanged if the link takes it. The sender is told when to choose again."""

    def leave(self, sender: StreamSink) -> None:
        """Forget a sender that has chosen."""

    def join(self, deadline: Deadline) -> None:
        """Wait until no thread encodes any more, if no session takes the track; on a caller's thread."""


AnySource = Source | StreamSource
"""What a session sends."""
