"""`TrackChoice`: which of a peer's tracks an end takes. The others are answered as inactive: no packet of theirs comes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from .encoded_frame import MediaKind

__all__ = ["EVERYTHING", "TrackChoice", "Wanted"]

Wanted = bool | Sequence[str]
"""True: all tracks of a kind; False: none; otherwise those of the names."""


@dataclass(frozen=True)
class TrackChoice:
    """What is taken of each kind of media.

    Attributes:
        video: Which video tracks.
        audio: Which audio tracks.
    """

    video: bool | frozenset[str] = True
    audio: bool | frozenset[str] = True

    @classmethod
    def of(cls, video: Wanted, audio: Wanted) -> TrackChoice:
        """What a caller has asked for.

        Raises:
            TypeError: One is neither a bool nor names.
        """
        return cls(_checked(video, "video"), _checked(audio, "audio"))

    def takes(self, kind: MediaKind, name: str | None) -> bool:
        """Whether a track is taken.

        Args:
            kind: The track's.
            name: The name by which the session knows it.
        """
        wanted = self.video if kind == "video" else self.audio
        return wanted if isinstance(wanted, bool) else name in wanted

    @property
    def has_names(self) -> bool:
        """Whether some tracks are taken by their names."""
        return not (isinstance(self.video, bool) and isinstance(self.audio, bool))

    def takes_any(self, kind: MediaKind) -> bool:
        """Whether some track of a kind may be taken."""
        return bool(self.video if kind == "video" else self.audio)


EVERYTHING: Final = TrackChoice()
"""What a session takes by default."""


def _checked(wanted: Wanted, what: str) -> bool | frozenset[str]:
    if isinstance(wanted, bool):
        return wanted
    if isinstance(wanted, str) or not all(isinstance(each, str) for each in wanted):
        raise TypeError(f"{what}={wanted!r}: give True, False or a list of names of tracks")
    return frozenset(wanted)
