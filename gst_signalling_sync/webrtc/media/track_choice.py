"""`TrackChoice`: the tracks of a peer that this end takes. Other tracks are answered as inactive, so they send no packets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from .encoded_frame import MediaKind

__all__ = ["EVERYTHING", "TrackChoice", "Wanted"]

Wanted = bool | Sequence[str]
"""True: all tracks of a kind; False: no track; otherwise the tracks of these names."""


@dataclass(frozen=True)
class TrackChoice:
    """The tracks that are taken, by kind.

    Attributes:
        video: The video tracks. Defaults to all.
        audio: The audio tracks. Defaults to all.
    """

    video: bool | frozenset[str] = True
    audio: bool | frozenset[str] = True

    @classmethod
    def of(cls, video: Wanted, audio: Wanted) -> TrackChoice:
        """Make a choice of a caller's arguments.

        Raises:
            TypeError: An argument is neither a bool nor a sequence of names.
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
        """Whether some tracks are taken by name."""
        return not (isinstance(self.video, bool) and isinstance(self.audio, bool))

    def takes_any(self, kind: MediaKind) -> bool:
        """Whether some track of a kind may be taken."""
        return bool(self.video if kind == "video" else self.audio)


EVERYTHING: Final = TrackChoice()
"""The default choice of a session."""


def _checked(wanted: Wanted, what: str) -> bool | frozenset[str]:
    if isinstance(wanted, bool):
        return wanted
    if isinstance(wanted, str) or not all(isinstance(each, str) for each in wanted):
        raise TypeError(f"{what} must be True, False or a list of names of tracks, not {wanted!r}")
    return frozenset(wanted)
