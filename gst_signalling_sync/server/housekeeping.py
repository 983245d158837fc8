"""`Housekeeping`: what a server does at intervals: pings, leases and grants that end, changed files, and memory."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Final, Protocol

from ..protocol.registry import Registry
from .commons import Commons
from .connections import Connections
from .memory import give_back
from .reloading import Reloading

__all__ = ["Housekeeping", "Peers"]

logger = logging.getLogger(__name__)

PINGS_AT_ONCE: Final = 100

MAX_TICK_SECONDS: Final = 0.5
"""Maximum interval at which leases are looked through."""


class Peers(Protocol):
    """Carries out what is due."""

    def ping(self, peer_id: str) -> None:
        """Ping a peer, if it has a connection."""

    def expel(self, peer_id: str, rule: str) -> None:
        """Remove a peer whose grant has ended, and end its sessions."""

    def end_lease(self, peer_id: str, now: float) -> None:
        """Remove a peer that answered no ping for its lease, unless its silence is not its fault."""


class Housekeeping:
    """A timer of the loop; all calls are made on the loop.

    Args:
        commons: Shared by the connections.
        registry: Says which peers are due.
        connections: The TCP connections.
        reloading: Reads changed files.
        peers: Carries out what is due.
        lease: Seconds that a peer may leave pings unanswered.
    """

    def __init__(
        self,
        commons: Commons,
        registry: Registry,
        connections: Connections,
        reloading: Reloading,
        peers: Peers,
        lease: float,
    ) -> None:
        self._commons = commons
        self._registry = registry
        self._connections = connections
        self._reloading = reloading
        self._peers = peers
        self._pause_seconds = min(MAX_TICK_SECONDS, lease / 10)
        self._timer: asyncio.TimerHandle | None = None
        self._due: float | None = None

    def stop(self) -> None:
        """Do nothing any more."""
        if self._timer is not None:
            self._timer.cancel()

    def tick(self) -> None:
        """Do what is due, and go on with that at intervals."""
        now = self._commons.clock()
        if self._due is not None:
            self._commons.tally.lateness.add(max(0.0, now - self._due))
        has_more = False
        try:
            has_more = self._work(now)
        except Exception:
            # Without the next tick, no lease and no grant would end any more.
            logger.exception("signalling server: internal error in its housekeeping")
        self._commons.breather.breathe()
        pause = 0.0 if has_more else self._pause_seconds
        self._due = self._commons.clock() + pause
        self._timer = self._commons.loop.call_later(pause, self.tick)

    def _work(self, now: float) -> bool:
        """Do what is due, and return whether there are more peers to ping."""
        self._reloading.look(now)
        for peer_id in self._registry.permissions.expired(time.time()):
            self._peers.expel(peer_id, "expired")
        for peer_id in self._registry.presence.over(now):
            self._peers.end_lease(peer_id, now)
        pinged = self._registry.presence.to_ping(now, PINGS_AT_ONCE)
        for peer_id in pinged:
            self._peers.ping(peer_id)
        if self._connections.have_departed(now):
            self._connections.shrink()
            self._registry.shrink()
            give_back()
        return len(pinged) == PINGS_AT_ONCE
