"""`SessionTerms`: what a consumer asks for when it starts a session, and when the session is resumed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from .webrtc.media.track_choice import EVERYTHING, TrackChoice

__all__ = ["DEFAULT_TERMS", "SessionTerms"]


@dataclass(frozen=True)
class SessionTerms:
    """The terms of a session.

    Attributes:
        offer: Whether this end makes the offer. Defaults to False.
        tracks: Tracks of the producer that are taken. Defaults to all.

    Raises:
        ValueError: Tracks are given by name and this end makes the offer, in which the producer's names are not known.
    """

    offer: bool = False
    tracks: TrackChoice = EVERYTHING

    def __post_init__(self) -> None:
        if self.offer and self.tracks.has_names:
            raise ValueError(
                "video and audio must be True or False with offer=True, not names, which only a producer's offer tells"
            )


DEFAULT_TERMS: Final = SessionTerms()
"""The terms of a session for which nothing else is asked."""
