"""`SessionLimits`: how much of a role other peers may use, by the sessions that they ask for and by what they send in one."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Final, Self

from .limits import Rate

__all__ = ["DEFAULT_SESSION_LIMITS", "SessionLimits"]

_KIB: Final = 2**10
_MIB: Final = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLimits:
    """What peers may use of a `Producer`, a `Consumer` or a session of `connect`. None: no limit.

    ``docs/limits.rst`` says for each limit what happens beyond it. The log has one line per limit and session.

    Example:
        Producer(name="robot", limits=SessionLimits(sessions=2, channels=8))

    Attributes:
        sessions: That other peers have with a role at once, those that are being connected included. A session that is
            interrupted does not count, so that a peer that comes back need not wait until it is given up; there may be as many
            of these.
        connecting: Sessions that have begun and are not connected.
        connecting_per_peer: Of these, those of one peer.
        requests: Sessions that were asked for and wait until they may begin.
        requests_per_peer: How often one peer may ask for a session that is not connected then.
        session_starts: How often sessions begin.
        media_sections: Of a session description.
        attributes: Lines ``a=`` of one media section.
        descriptions: How often a peer may describe its end again, as it does to add a track.
        candidates: Of a peer in one session.
        channels: Data channels of a session that the peer opened, and that are not closed.
        channel_openings: How often the peer may open one.
        label_bytes: Of the label of a channel that the peer opens, and of its subprotocol.
        unread_bytes: Of messages in one session that were received and nobody took.
        unasked_bytes: Of these, those on channels that the peer opened and nobody here asked for, in a session that the peer
            started.
        callbacks: Calls of receivers that wait for one callback thread of a role.
        echo_bytes: What a producer sends back to one peer that measures its round trip, with 256 bytes for each message.

    Raises:
        ValueError: A limit is not positive.
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
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, int | float) and not value > 0:
                raise ValueError(f"{field.name} must be positive, not {value!r}")

    @classmethod
    def unlimited(cls) -> Self:
        """Without any limit, for peers and a server that are all trusted."""
        optional: dict[str, Any] = {field.name: None for field in fields(cls)}
        return cls(**optional)


DEFAULT_SESSION_LIMITS: Final = SessionLimits()
