"""`SessionAdmission`: which of the sessions that other peers ask for begin, and when. No I/O and no clock.

Sessions of the peer with the fewest recent requests begin first, and those of the peer with the most make room for others. So a
peer that asks once does not notice another peer that asks without end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from .limits import Rate
from .quota import TokenBucket
from .session_limits import SessionLimits

__all__ = ["PATIENCE_SECONDS", "YIELD_SECONDS", "Due", "Refusal", "SessionAdmission"]

PATIENCE_SECONDS: Final = 10.0
"""How long a session may wait until it begins. The peer that asked for it has given up by then."""

YIELD_SECONDS: Final = 1.0
"""Minimum age of an unconnected session that makes room for a session of a peer with fewer requests."""

_REMEMBERED: Final = Rate(0.2, burst=64)
"""The rate by which requests are compared where peers may ask without limit."""

_MAX_PEERS: Final = 1024
"""Maximum number of peers whose requests are remembered."""


@dataclass(slots=True)
class _Asked:
    """A session that a peer asked for."""

    session_id: str
    peer_id: str
    at: float
    """When the peer asked for it; once it has begun, when it began."""
    is_connected: bool = False
    held_by: set[str] = field(default_factory=set)
    """The limits that have made it wait."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A session that is refused.

    Attributes:
        session_id: Of the new session, or of a waiting one that makes room for it.
        limit: The name of the limit that is met.
    """

    session_id: str
    limit: str


@dataclass(frozen=True, slots=True)
class Due:
    """The actions that are due.

    Attributes:
        begin: Sessions to begin now.
        end: Sessions to end, to make room for these.
        refuse: Sessions to refuse, because they have waited too long.
        met: The limits because of which a session waits or ends: each limit once per session.
        wait: Seconds until `SessionAdmission.due` must be called again even if nothing happens; None: never.
    """

    begin: list[str] = field(default_factory=list)
    end: list[str] = field(default_factory=list)
    refuse: list[str] = field(default_factory=list)
    met: list[str] = field(default_factory=list)
    wait: float | None = None


class SessionAdmission:
    """The sessions that other peers asked a role for, from the request to the end.

    Args:
        limits: Its limits from `sessions` to `session_starts` apply.
    """

    def __init__(self, limits: SessionLimits) -> None:
        self._limits = limits
        self._starts = None if limits.session_starts is None else TokenBucket(limits.session_starts)
        # In the order of the requests.
        self._waiting: dict[str, _Asked] = {}
        self._begun: dict[str, _Asked] = {}
        self._connecting: Counter[str] = Counter()
        self._buckets: dict[str, TokenBucket] = {}

    def __contains__(self, session_id: str) -> bool:
        return session_id in self._waiting or session_id in self._begun

    @property
    def is_crowded(self) -> bool:
        """Whether the number of interrupted sessions matters."""
        return self._limits.sessions is not None and len(self._begun) >= self._limits.sessions

    @property
    def waiting(self) -> Iterable[str]:
        """The sessions that have not begun."""
        return self._waiting.keys()

    def may_ask(self, peer_id: str, now: float) -> bool:
        """Whether a peer has not asked too often. If True, the request is counted, and `ask` must follow.

        Args:
            peer_id: The peer that asks.
            now: The time, in seconds.
        """
        requests = self._limits.requests_per_peer
        bucket = self._buckets.get(peer_id)
        if bucket is None:
            bucket = self._buckets[peer_id] = TokenBucket(requests or _REMEMBERED)
            if len(self._buckets) > _MAX_PEERS:
                self._forget_peers()
        if requests is None:
            bucket.spend(1, now)
            return True
        return bucket.try_spend(1, now)

    def ask(self, session_id: str, peer_id: str, now: float, interrupted: int = 0) -> Refusal | None:
        """Add a request of a peer that `may_ask`.

        Args:
            session_id: Of the new session.
            peer_id: The peer that asks.
            now: The time, in seconds.
            interrupted: Number of interrupted sessions. Defaults to 0.

        Returns:
            The session to refuse; None: there is room.
        """
        if self._limits.sessions is not None and self.is_crowded:
            connected = len(self._begun) - self._connecting.total()
            if connected - self._uncounted(interrupted) >= self._limits.sessions:
                return Refusal(session_id, "sessions")
        self._waiting[session_id] = _Asked(session_id, peer_id, now)
        if self._limits.requests is None or len(self._waiting) <= self._limits.requests:
            return None
        # The newest of the peer that has asked most often.
        last = max(reversed(self._waiting.values()), key=self._debt)
        del self._waiting[last.session_id]
        return Refusal(last.session_id, "requests")

    def due(self, now: float, interrupted: int = 0) -> Due:
        """The actions that are due now, which are recorded as done.

        Args:
            now: The time, in seconds.
            interrupted: Number of interrupted sessions. Defaults to 0.
        """
        due = Due()
        for asked in [each for each in self._waiting.values() if each.at + PATIENCE_SECONDS <= now]:
            del self._waiting[asked.session_id]
            due.refuse.append(asked.session_id)
        waits = [each.at + PATIENCE_SECONDS - now for each in self._waiting.values()][:1]
        while (first := self._first()) is not None:
            if self._starts is not None and (wait := self._starts.wait(1, now)):
                waits.append(wait)
                self._hold("session_starts", due.met)
                break
            if (limit := self._full_by(interrupted)) is not None:
                others = [
                    each
                    for each in self._begun.values()
                    if not each.is_connected and self._debt(each) > self._debt(first)
                ]
                if not others:
                    self._hold(limit, due.met)
                    break
                oldest = min(others, key=lambda each: each.at)
                if oldest.at + YIELD_SECONDS > now:
                    waits.append(oldest.at + YIELD_SECONDS - now)
                    self._hold(limit, due.met)
                    break
                due.met.append(limit)
                due.end.append(oldest.session_id)
                self.ended(oldest.session_id)
            if self._starts is not None:
                self._starts.spend(1, now)
            del self._waiting[first.session_id]
            first.at = now
            self._begun[first.session_id] = first
            self._connecting[first.peer_id] += 1
            due.begin.append(first.session_id)
        else:
            self._hold("connecting_per_peer", due.met)
        return replace(due, wait=min(waits, default=None))

    def connected(self, session_id: str) -> None:
        """Record that a session is connected, so that its request no longer counts. Unknown sessions are ignored."""
        asked = self._begun.get(session_id)
        if asked is not None and not asked.is_connected:
            asked.is_connected = True
            self._leave_connecting(asked)
            if asked.peer_id in self._buckets:
                self._buckets[asked.peer_id].give_back(1)

    def ended(self, session_id: str) -> None:
        """Record that a session has ended, whether it had begun or not."""
        self._waiting.pop(session_id, None)
        asked = self._begun.pop(session_id, None)
        if asked is not None and not asked.is_connected:
            self._leave_connecting(asked)

    def _leave_connecting(self, asked: _Asked) -> None:
        self._connecting[asked.peer_id] -= 1
        if not self._connecting[asked.peer_id]:
            del self._connecting[asked.peer_id]

    def _first(self) -> _Asked | None:
        """The session that begins next, if there is room."""
        return min(filter(self._is_ready, self._waiting.values()), key=self._debt, default=None)

    def _is_ready(self, asked: _Asked) -> bool:
        """Whether its peer may have another session that is being connected."""
        limit = self._limits.connecting_per_peer
        return limit is None or self._connecting[asked.peer_id] < limit

    def _full_by(self, interrupted: int) -> str | None:
        """The limit that keeps further sessions from beginning."""
        limits = self._limits
        if limits.connecting is not None and self._connecting.total() >= limits.connecting:
            return "connecting"
        if limits.sessions is not None and len(self._begun) - self._uncounted(interrupted) >= limits.sessions:
            return "sessions"
        return None

    def _hold(self, limit: str, met: list[str]) -> None:
        """Record for each waiting session the limit that makes it wait.

        Args:
            limit: The limit of sessions that are not held by the number of their own peer's.
            met: Gets each limit that makes a session wait for the first time.
        """
        for asked in self._waiting.values():
            holding = limit if self._is_ready(asked) else "connecting_per_peer"
            if holding not in asked.held_by:
                asked.held_by.add(holding)
                met.append(holding)

    def _uncounted(self, interrupted: int) -> int:
        assert self._limits.sessions is not None
        return min(interrupted, self._limits.sessions)

    def _debt(self, asked: _Asked) -> float:
        """How much a peer has asked recently, as the time at which its bucket is full again."""
        bucket = self._buckets.get(asked.peer_id)
        return 0.0 if bucket is None else bucket.full_at

    def _forget_peers(self) -> None:
        """Forget the half of the peers with the fewest recent requests."""
        ranked = sorted(self._buckets, key=lambda peer_id: self._buckets[peer_id].full_at)
        for peer_id in ranked[: _MAX_PEERS // 2]:
            del self._buckets[peer_id]
