"""`RecordableTrack`: what a recorder needs of a track that is received."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ..encoded_frame import EncodedFrame, MediaKind
from .recording_clock import CaptureClock

__all__ = ["RecordableTrack"]


class RecordableTrack(Protocol):
    """What a recorder needs of a `MediaReceiver`; every method may be called from any thread."""

    @property
    def name(self) -> str:
        """By which the session knows it."""

    @property
    def kind(self) -> MediaKind:
        """Of its media."""

    @property
    def clock(self) -> CaptureClock:
        """When frames were captured."""

    def add_tap(self, tap: Callable[[EncodedFrame], None]) -> None:
        """Have a function called on the loop with each frame, in the order of decoding; it must not block."""

    def remove_tap(self, tap: Callable[[EncodedFrame], None]) -> None:
        """End that."""

    def request_keyframe(self) -> None:
        """Ask the sender for a keyframe."""
