"""`ControlledTrack`: base of the sources; pauses, resumes and removes the track that a source sends."""

from __future__ import annotations

from typing import Any, Protocol

__all__ = ["ControlledTrack", "TrackControl", "give_control"]


class TrackControl(Protocol):
    """The sent tracks of a role; its methods are called on any thread."""

    def set_paused(self, source: Any, is_paused: bool) -> None:
        """Pause or resume a track in every session."""

    def remove(self, source: Any) -> None:
        """Remove a track from every session."""

    def is_paused(self, source: Any) -> bool:
        """Whether a track is paused."""


class ControlledTrack:
    """A source that a role sends as a track. Every method may be called from any thread and callback; all return at once."""

    _control: TrackControl | None = None

    @property
    def is_paused(self) -> bool:
        """Whether the track is paused."""
        return self._control is not None and self._control.is_paused(self)

    def pause(self) -> None:
        """Stop sending the track to all sessions until `resume`; idempotent.

        The track stays: the peers keep its last frame, and `is_paused` of their receivers tells them, if they use this library.
        Frames that are written meanwhile are not encoded; of video, the newest one is kept. See ``docs/topics/tracks.rst``.

        Raises:
            RuntimeError: The source was removed, or inherited by `fork`.
        """
        self._controlled("pausing").set_paused(self, True)

    def resume(self) -> None:
        """Send the track again; idempotent. Video begins with the newest frame that was written, as a keyframe.

        Raises:
            RuntimeError: The source was removed, or inherited by `fork`.
        """
        self._controlled("resuming").set_paused(self, False)

    def remove(self) -> None:
        """Remove the track from all sessions, present and future; idempotent.

        Nothing is sent from now on, and the peers' receivers end. Later writes have no effect.

        Raises:
            RuntimeError: The source belongs to no producer or consumer, or was inherited by `fork`.
        """
        self._controlled("removing").remove(self)

    def _controlled(self, doing: str) -> TrackControl:
        if self._control is None:
            raise RuntimeError(
                f"{doing} {self!r}: it must belong to a producer or consumer; make it by their add_video()"
            )
        return self._control


def give_control(source: ControlledTrack, control: TrackControl) -> None:
    """Let a source pause, resume and remove its track through its role.

    Args:
        source: A source of the role.
        control: The role's tracks.
    """
    source._control = control
