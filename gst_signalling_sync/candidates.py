"""`Candidates`: the order in which a consumer tries several producers of one name. No threads, no I/O and no clock.

A robot that lost its network and came back is listed twice until the server notices, and the server cannot tell which of the
two entries is alive. So the newest is tried first, and the next one too when the first does not answer soon, as Happy Eyeballs
(RFC 8305) does with the addresses of a host.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from .protocol.messages import Peer

__all__ = ["ANSWERED_SECONDS", "SILENT_SECONDS", "Candidates"]

SILENT_SECONDS: Final = 1.0
"""Seconds that a producer may be silent before the next one is tried too."""

ANSWERED_SECONDS: Final = 3.0
"""Seconds that a producer that has answered may take to connect before the next one is tried too."""


class Candidates:
    """The producers with which a consumer may have its session.

    Args:
        newest_first: Whether the producer that came last is tried first. Defaults to True.
    """

    def __init__(self, newest_first: bool = True) -> None:
        self._newest_first = newest_first
        self._known: tuple[Peer, ...] = ()
        self._tried: list[str] = []
        self._failures: dict[str, Exception] = {}
        self._answered = False
        self._tried_at: float | None = None

    @property
    def failure(self) -> Exception | None:
        """The error of the failed producer that was tried first; None: no producer has failed."""
        return next((self._failures[peer_id] for peer_id in self._tried if peer_id in self._failures), None)

    @property
    def is_exhausted(self) -> bool:
        """Whether at least one producer was tried, and all known and tried producers failed."""
        return (
            bool(self._tried)
            and all(peer_id in self._failures for peer_id in self._tried)
            and all(peer.id in self._failures for peer in self._known)
        )

    def see(self, producers: Sequence[Peer]) -> None:
        """Set the producers that are there now.

        Args:
            producers: The producers, in the order in which they came.
        """
        self._known = tuple(reversed(producers) if self._newest_first else producers)

    def next(self, now: float) -> Peer | None:
        """Take the producer to try now; None: none is due."""
        peer = self._untried()
        if peer is None or now < self._due_at():
            return None
        self._tried.append(peer.id)
        self._tried_at = now
        self._answered = False
        return peer

    def due(self) -> float | None:
        """When the next producer is due to be tried; None: there is no other."""
        return None if self._untried() is None else self._due_at()

    def answered(self, peer_id: str) -> None:
        """Record that a producer has answered. The one that was tried last is given more time."""
        if self._tried and self._tried[-1] == peer_id:
            self._answered = True

    def is_silent(self, now: float) -> bool:
        """Whether the producer that was tried last has been silent for `SILENT_SECONDS`."""
        return self._tried_at is not None and not self._answered and now >= self._tried_at + SILENT_SECONDS

    def failed(self, peer_id: str, error: Exception) -> None:
        """Record that connecting to a producer failed."""
        self._failures[peer_id] = error

    def forget(self, peer_id: str) -> None:
        """Record that the result of trying a producer is unknown, so that it may be tried again."""
        self._tried.remove(peer_id)

    def _untried(self) -> Peer | None:
        return next((peer for peer in self._known if peer.id not in self._tried), None)

    def _due_at(self) -> float:
        if self._tried_at is None or not self._tried or self._tried[-1] in self._failures:
            return -math.inf
        return self._tried_at + (ANSWERED_SECONDS if self._answered else SILENT_SECONDS)
