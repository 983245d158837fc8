"""`RecordableTrack`: what a recorder needs of a received track."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ..encoded_frame import EncodedFrame, MediaKind
from .recording_clock import CaptureClock

__all__ = ["RecordableTrack"]


class RecordableTrack(Protocol):
    """A received track, for a recorder; every method may be called from any thread."""

    @property
    def name(self) -> str:
        """The name by which the session knows the track."""

    @property
    def kind(self) -> MediaKind:
        """The kind of the track."""

    @property
    def clock(self) -> CaptureClock:
        """Gives the capture times of frames."""

    def add_tap(self, tap: Callable[[EncodedFrame], None]) -> None:
        """Call a function on the loop with each frame, in decoding order; it must not block."""

    def remove_tap(self, tap: Callable[[EncodedFrame], None]) -> None:
        """Stop calling a function."""

    def request_keyframe(self) -> None:
        """Ask the sender for a keyframe."""
