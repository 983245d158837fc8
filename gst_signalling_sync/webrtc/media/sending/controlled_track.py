"""`ControlledTrack`: base of the sources that users hold; pauses, resumes and removes the track that a source sends."""

from __future__ import annotations

from typing import Protocol, TypeVar

from ..encoded_frame import MediaKind
from .source import AnySource

__all__ = ["ControlledTrack", "TrackControl", "feed_of", "give_control"]

Feed_co = TypeVar("Feed_co", covariant=True)


class TrackControl(Protocol):
    """The sent tracks of a role; its methods are called on any thread."""

    def set_paused(self, feed: AnySource, is_paused: bool) -> None:
        """Pause or resume a track in every session."""

    def remove(self, feed: AnySource) -> None:
        """Remove a track from every session."""

    def is_paused(self, feed: AnySource) -> bool:
        """Whether a track is paused."""


class ControlledTrack:
    """A source that a role sends as a track. Every method may be called from any thread and callback; all return at once.

    Args:
        feed: What sessions send, behind the source.
    """

    def __init__(self, feed: AnySource) -> None:
        self._feed = feed
        self._control: TrackControl | None = None

    def __repr__(self) -> str:
        return repr(self._feed)

    @property
    def kind(self) -> MediaKind:
        """``"video"`` or ``"audio"``."""
        return self._feed.kind

    @property
    def name(self) -> str | None:
        """The name by which the peer knows the track; None: no name."""
        return self._feed.name

    @property
    def is_paused(self) -> bool:
        """Whether the track is paused."""
        return self._control is not None and self._control.is_paused(self._feed)

    def pause(self) -> None:
        """Stop sending the track to all sessions until `resume`; idempotent.

        The track stays: the peers keep its last frame, and `is_paused` of their receivers tells them, if they use this library.
        Frames that are written meanwhile are not encoded; of video, the newest one is kept. See ``docs/topics/tracks.rst``.

        Raises:
            RuntimeError: The source was removed, or inherited by `fork`.
        """
        self._controlled("pausing").set_paused(self._feed, True)

    def resume(self) -> None:
        """Send the track again; idempotent. Video begins with the newest frame that was written, as a keyframe.

        Raises:
            RuntimeError: The source was removed, or inherited by `fork`.
        """
        self._controlled("resuming").set_paused(self._feed, False)

    def remove(self) -> None:
        """Remove the track from all sessions, present and future; idempotent.

        Nothing is sent from now on, and the peers' receivers end. Later writes have no effect.

        Raises:
            RuntimeError: The source belongs to no producer or consumer, or was inherited by `fork`.
        """
        self._controlled("removing").remove(self._feed)

    def _controlled(self, doing: str) -> TrackControl:
        if self._control is None:
            raise RuntimeError(
                f"{doing} {self!r}: it must belong to a producer or consumer; make it by their add_video()"
            )
        return self._control


class _InFront(Protocol[Feed_co]):
    @property
    def _feed(self) -> Feed_co: ...


def feed_of(source: _InFront[Feed_co]) -> Feed_co:
    """What sessions send, behind a source that users hold."""
    return source._feed


def give_control(source: ControlledTrack, control: TrackControl) -> None:
    """Let a source pause, resume and remove its track through its role.

    Args:
        source: A source of the role.
        control: The role's tracks.
    """
    source._control = control
