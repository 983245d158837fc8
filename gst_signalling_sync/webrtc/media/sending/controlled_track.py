"""`ControlledTrack`: what programs do with a track that they send, beside writing to it."""

from __future__ import annotations

from typing import Any, Protocol

__all__ = ["ControlledTrack", "TrackControl", "give_control"]


class TrackControl(Protocol):
    """What the role that sends tracks does with them; its methods are called on any thread."""

    def set_paused(self, source: Any, is_paused: bool) -> None:
        """Pause or resume a track in every session."""

    def remove(self, source: Any) -> None:
        """Take a track out of every session."""

    def is_paused(self, source: Any) -> bool:
        """Whether a track is paused."""


class ControlledTrack:
    """A source that a role sends as a track. Every method from any thread and from callbacks; all return at once."""

    _control: TrackControl | None = None

    @property
    def is_paused(self) -> bool:
        """Whether it is paused."""
        return self._control is not None and self._control.is_paused(self)

    def pause(self) -> None:
        """Send nothing of it to any session, from now on until `resume`; idempotent.

        The track stays: the other end keeps its last frame, and `is_paused` of its receiver tells, where that end is this
        library's. What is written meanwhile is not encoded; of video the newest frame is kept. See ``docs/topics/tracks.rst``.

        Raises:
            RuntimeError: It was removed, or inherited by `fork`.
        """
        self._controlled("pausing").set_paused(self, True)

    def resume(self) -> None:
        """Send it again, of video beginning with the newest frame that was written, as a keyframe; idempotent.

        Raises:
            RuntimeError: It was removed, or inherited by `fork`.
        """
        self._controlled("resuming").set_paused(self, False)

    def remove(self) -> None:
        """Take it out of every session, those that run already too, and of those to come; idempotent.

        Nothing of it is sent from now on, and the other ends' receivers end. What is written to it afterwards goes nowhere.

        Raises:
            RuntimeError: It belongs to no producer or consumer, or was inherited by `fork`.
        """
        self._controlled("removing").remove(self)

    def _controlled(self, doing: str) -> TrackControl:
        if self._control is None:
            raise RuntimeError(f"{doing} {self!r}: it was not added to a producer or consumer")
        return self._control


def give_control(source: ControlledTrack, control: TrackControl) -> None:
    """Have a source ask its role for what programs ask of it.

    Args:
        source: Of the role.
        control: The role's.
    """
    source._control = control
