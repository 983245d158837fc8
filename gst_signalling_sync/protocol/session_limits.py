"""`SessionLimits`: how much of a role other peers may use, by the sessions that they ask for and by what they send in one."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Final, Self

from .limits import Rate

__all__ = ["DEFAULT_SESSION_LIMITS", "SessionLimits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLimits:
    """What peers may use of a `Producer`, a `Consumer` or a session of `connect`. None: no limit.

    ``docs/limits.rst`` says for each limit what happens beyond it. The log has one line for
    all that was refused, and a count.

    Example:
        Producer(name="robot", limits=SessionLimits(sessions=2, connecting=1))

    Attributes:
        sessions: That other peers have with a role at once, those that are being connected included. A session that is
            interrupted does not count, so that a peer that comes back need not wait until it is given up; there may be as many
            of these.
        connecting: Sessions that have begun and are not connected.
        connecting_per_peer: Of these, those of one peer.
        requests: Sessions that were asked for and wait until they may begin.
        requests_per_peer: How often one peer may ask for a session that is not connected then.
        session_starts: How often sessions begin.

    Raises:
        ValueError: A limit is not positive.
    """

    sessions: int | None = 32
    connecting: int | None = 16
    connecting_per_peer: int | None = 4
    requests: int | None = 32
    requests_per_peer: Rate | None = Rate(0.2, burst=64)
    session_starts: Rate | None = Rate(20, burst=8)

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
