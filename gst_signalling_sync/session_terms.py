"""`SessionTerms`: what a consumer asks for when it starts a session, and again when the session is resumed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from .webrtc.media.track_choice import EVERYTHING, TrackChoice

__all__ = ["DEFAULT_TERMS", "SessionTerms"]


@dataclass(frozen=True)
class SessionTerms:
    """How a session begins.

    Attributes:
        offer: Whether the offer is made here.
        tracks: Which of the producer's tracks are taken.

    Raises:
        ValueError: Tracks are to be taken by their names, which an offer made here cannot know.
    """

    offer: bool = False
    tracks: TrackChoice = EVERYTHING

    def __post_init__(self) -> None:
        if self.offer and self.tracks.has_names:
            raise ValueError(
                "offer=True: tracks are taken by their names from the producer's offer; give True or False"
            )


DEFAULT_TERMS: Final = SessionTerms()
"""What a session begins with where nothing else is asked for."""
