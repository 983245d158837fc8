"""`Admission`: which of the sessions that other peers ask for begin, and when; without I/O and without a clock.

The peer that has asked the least lately comes first, and the one that has asked the most makes room for others. So a peer that
asks once does not notice another one that asks without end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from .limits import Rate
from .quota import TokenBucket
from .session_limits import SessionLimits

__all__ = ["PATIENCE_SECONDS", "YIELD_SECONDS", "Admission", "Due", "Refusal"]

PATIENCE_SECONDS: Final = 10.0
"""How long a session may wait for its beginning. Whoever asked for it has given up by then."""

YIELD_SECONDS: Final = 1.0
"""How old a session must be that is not connected, to make room for that of a peer that has asked less."""

_REMEMBERED: Final = Rate(0.2, burst=64)
"""What counts as little and much where peers may ask without limit."""

_MAX_PEERS: Final = 1024
"""Peers whose requests are remembered."""


@dataclass(slots=True)
class _Asked:
    """A session that was asked for."""

    session_id: str
    peer_id: str
    at: float
    """When it was asked for; once it has begun, when it began."""
    is_connected: bool = False
    held_by: set[str] = field(default_factory=set)
    """The limits that have made it wait."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A session that is refused.

    Attributes:
        session_id: Of this one, or of one that has waited and makes room for it.
        limit: The name of the limit that it meets.
    """

    session_id: str
    limit: str


@dataclass(frozen=True, slots=True)
class Due:
    """What is to be done.

    Attributes:
        begin: Sessions that begin now.
        end: Sessions that have begun and make room for these.
        refuse: Sessions that have waited too long.
        met: The limits that one more session meets, which waits or is ended: each once per session.
        wait: Seconds after which to ask again even if nothing happens; None: not at all.
    """

    begin: list[str] = field(default_factory=list)
    end: list[str] = field(default_factory=list)
    refuse: list[str] = field(default_factory=list)
    met: list[str] = field(default_factory=list)
    wait: float | None = None


class Admission:
    """The sessions that other peers asked a role for, from the request to the end.

    Args:
        limits: `sessions` to `session_starts` of them.
    """

    def __init__(self, limits: SessionLimits) -> None:
        self._limits = limits
        self._starts = None if limits.session_starts is None else TokenBucket(limits.session_starts)
        # In the order of their requests.
        self._waiting: dict[str, _Asked] = {}
        self._begun: dict[str, _Asked] = {}
        self._connecting: Counter[str] = Counter()
        self._buckets: dict[str, TokenBucket] = {}

    def __contains__(self, session_id: str) -> bool:
        return session_id in self._waiting or session_id in self._begun

    @property
    def is_crowded(self) -> bool:
        """Whether it matters how many sessions are interrupted."""
        return self._limits.sessions is not None and len(self._begun) >= self._limits.sessions

    @property
    def waiting(self) -> Iterable[str]:
        """The sessions that have not begun."""
        return self._waiting.keys()

    def may_ask(self, peer_id: str, now: float) -> bool:
        """Whether a peer has not asked too often; if so, this counts as once more, and `ask` follows.

        Args:
            peer_id: Who asks.
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
        return bucket.take(1, now)

    def ask(self, session_id: str, peer_id: str, now: float, interrupted: int = 0) -> Refusal | None:
        """Take a request of a peer that `may_ask`.

        Args:
            session_id: A new one.
            peer_id: Who asks.
            now: The time, in seconds.
            interrupted: How many sessions are.

        Returns:
            What is refused; None: there is room.
        """
        if self._limits.sessions is not None and self.is_crowded:
            connected = len(self._begun) - self._connecting.total()
            if connected - self._uncounted(interrupted) >= self._limits.sessions:
                return Refusal(session_id, "sessions")
        self._waiting[session_id] = _Asked(session_id, peer_id, now)
        if self._limits.requests is None or len(self._waiting) <= self._limits.requests:
            return None
        # Of one peer's, and of those of peers that have asked as often, the newest.
        last = max(reversed(self._waiting.values()), key=self._debt)
        del self._waiting[last.session_id]
        return Refusal(last.session_id, "requests")

    def due(self, now: float, interrupted: int = 0) -> Due:
        """What is to be done now; it is taken note of as done.

        Args:
            now: The time, in seconds.
            interrupted: How many sessions are.
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
        """Take note that a session is connected, which its peer has not asked for in vain; others do not count."""
        asked = self._begun.get(session_id)
        if asked is not None and not asked.is_connected:
            asked.is_connected = True
            self._leave_connecting(asked)
            if asked.peer_id in self._buckets:
                self._buckets[asked.peer_id].give_back(1)

    def ended(self, session_id: str) -> None:
        """Take note that a session has ended, whether it had begun or not."""
        self._waiting.pop(session_id, None)
        asked = self._begun.pop(session_id, None)
        if asked is not None and not asked.is_connected:
            self._leave_connecting(asked)

    def _leave_connecting(self, asked: _Asked) -> None:
        self._connecting[asked.peer_id] -= 1
        if not self._connecting[asked.peer_id]:
            del self._connecting[asked.peer_id]

    def _first(self) -> _Asked | None:
        """The one that begins next, if there is room."""
        return min(filter(self._is_ready, self._waiting.values()), key=self._debt, default=None)

    def _is_ready(self, asked: _Asked) -> bool:
        """Whether not too many sessions of its peer are being connected."""
        limit = self._limits.connecting_per_peer
        return limit is None or self._connecting[asked.peer_id] < limit

    def _full_by(self, interrupted: int) -> str | None:
        """The limit by which no more sessions may begin."""
        limits = self._limits
        if limits.connecting is not None and self._connecting.total() >= limits.connecting:
            return "connecting"
        if limits.sessions is not None and len(self._begun) - self._uncounted(interrupted) >= limits.sessions:
            return "sessions"
        return None

    def _hold(self, limit: str, met: list[str]) -> None:
        """Take note of what makes those wait that wait now.

        Args:
            limit: For those whose own peer does not keep them from beginning.
            met: Gets the limits that have not made a session wait before.
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
        """How much a peer has asked lately: when that is forgotten."""
        bucket = self._buckets.get(asked.peer_id)
        return 0.0 if bucket is None else bucket.full_at

    def _forget_peers(self) -> None:
        """Forget half of the peers, those that have asked the least lately."""
        ranked = sorted(self._buckets, key=lambda peer_id: self._buckets[peer_id].full_at)
        for peer_id in ranked[: _MAX_PEERS // 2]:
            del self._buckets[peer_id]
