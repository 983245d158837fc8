"""`SessionLimits`: how much of a role other peers may use, by the sessions that they ask for and by what they send."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Final, Self

from .limits import Rate, check_limits

__all__ = ["DEFAULT_SESSION_LIMITS", "SessionLimits"]

_KIB: Final = 2**10
_MIB: Final = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLimits:
    """What other peers may use of a `Producer`, a `Consumer` or a session of `connect`. None: no limit.

    ``docs/reference/limits.rst`` says for each limit what happens beyond it. The log has one line per limit and session.

    Example:
        Producer(name="robot", limits=SessionLimits(sessions=2, channels=8))

    Attributes:
        sessions: Sessions of a role with other peers at the same time, connecting ones included. Interrupted sessions do not
            count, so that a peer that comes back need not wait until its former session is closed; there may be as many of
            them again.
        connecting: Sessions that have begun and are not connected yet.
        connecting_per_peer: Of these, the sessions of one peer.
        requests: Sessions that were asked for and wait until they may begin.
        requests_per_peer: Rate at which one peer may ask for sessions that are then not connected.
        session_starts: Rate at which sessions begin.
        media_sections: Media sections of a session description.
        attributes: ``a=`` lines of one media section.
        descriptions: Rate at which a peer may send further descriptions, as it does to add a track.
        candidates: ICE candidates of a peer in one session.
        channels: Open data channels of a session that the peer opened.
        channel_openings: Rate at which the peer may open channels.
        label_bytes: Bytes of the label of a channel that the peer opens, and of its subprotocol.
        unread_bytes: Bytes of messages in one session that were received and not read.
        unasked_bytes: Of these, the bytes on channels that the peer opened and nobody here asked for, in a session that the
            peer started.
        callbacks: Calls of receivers that wait for one callback thread of a role.
        echo_bytes: Bytes that a producer sends back to one peer that measures its round trip, plus 256 bytes per message.

    Raises:
        ValueError: A limit is not positive.
        TypeError: A limit is neither a number nor, where a rate is due, a `Rate`.
    """

    sessions: int | None = 32
    connecting: int | None = 16
    connecting_per_peer: int | None = 4
    requests: int | None = 32
    requests_per_peer: Rate | None = Rate(0.2, burst=64)
    session_starts: Rate | None = Rate(20, burst=8)
    media_sections: int | None = 16
    attributes: int | None = 512
    descriptions: Rate | None = Rate(1, burst=8)
    candidates: int | None = 32
    channels: int | None = 64
    channel_openings: Rate | None = Rate(20, burst=128)
    label_bytes: int | None = _KIB
    unread_bytes: int | None = 64 * _MIB
    unasked_bytes: int | None = _MIB
    callbacks: int | None = 10_000
    echo_bytes: Rate | None = Rate(_MIB, burst=4 * _MIB)

    def __post_init__(self) -> None:
        check_limits(self)

    @classmethod
    def unlimited(cls) -> Self:
        """No limits, for peers and a server that are all trusted."""
        optional: dict[str, Any] = {field.name: None for field in fields(cls)}
        return cls(**optional)


DEFAULT_SESSION_LIMITS: Final = SessionLimits()
