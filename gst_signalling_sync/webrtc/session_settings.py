"""`SessionSettings`: what a role sets for its sessions."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..ice_options import IceOptions
from ..protocol.session_limits import DEFAULT_SESSION_LIMITS, SessionLimits
from .liveness import DEFAULT_INTERRUPTED_AFTER
from .media.sending.sent_tracks import SentTracks
from .media.track_choice import EVERYTHING, TrackChoice

__all__ = ["SessionSettings"]


@dataclass(frozen=True)
class SessionSettings:
    """The settings of a session.

    Attributes:
        timeout: Seconds that a blocking call may take by default.
        ice: Servers, ports and interfaces to use.
        interrupted_after: Seconds without any packet from the peer after which the session is interrupted. Defaults to 2.
        limits: What the peer may use.
        tracks: The peer's tracks that are taken. Defaults to all.
        sent: The tracks that this end sends. Defaults to none.
        offers: Whether this end makes the offers of the session once it runs. Defaults to True.
    """

    timeout: float
    ice: IceOptions
    interrupted_after: float = DEFAULT_INTERRUPTED_AFTER
    limits: SessionLimits = DEFAULT_SESSION_LIMITS
    tracks: TrackChoice = EVERYTHING
    sent: SentTracks = field(default_factory=SentTracks)
    offers: bool = True
