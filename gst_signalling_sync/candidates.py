"""`Candidates`: which of several producers of one name a consumer tries, and when; without threads, I/O and clock.

A robot that lost its network and came back is listed twice until the server notices, and a server cannot tell which of the two
is alive. So the newest is tried first, and the next one beside it when the first does not answer soon: as Happy Eyeballs
(RFC 8305) does with the addresses of a host.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from .protocol.messages import Peer

__all__ = ["ANSWERED_SECONDS", "SILENT_SECONDS", "Candidates"]

SILENT_SECONDS: Final = 1.0
"""How long a producer may be silent before the next one is tried beside it."""

ANSWERED_SECONDS: Final = 3.0
"""How long one that has answered may take to be connected before the next one is tried beside it."""


class Candidates:
    """The producers that a consumer may have its session with.

    Args:
        newest_first: Whether the one that came last is tried first.
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
        """Why the candidate that was tried first among those that failed did; None where none has failed."""
        return next((self._failures[peer_id] for peer_id in self._tried if peer_id in self._failures), None)

    @property
    def is_exhausted(self) -> bool:
        """Whether at least one was tried, all that are known were, and all of those failed."""
        return (
            bool(self._tried)
            and all(peer_id in self._failures for peer_id in self._tried)
            and all(peer.id in self._failures for peer in self._known)
        )

    def see(self, producers: Sequence[Peer]) -> None:
        """Take the producers that there are now.

        Args:
            producers: In the order in which they came.
        """
        self._known = tuple(reversed(producers) if self._newest_first else producers)

    def next(self, now: float) -> Peer | None:
        """Take the producer that is to be tried now, if one is."""
        peer = self._untried()
        if peer is None or now < self._due_at():
            return None
        self._tried.append(peer.id)
        self._tried_at = now
        self._answered = False
        return peer

    def due(self) -> float | None:
        """When the next one is to be tried; None: there is no other."""
        return None if self._untried() is None else self._due_at()

    def answered(self, peer_id: str) -> None:
        """Take note that the producer that was tried last has answered: it is given more time."""
        if self._tried and self._tried[-1] == peer_id:
            self._answered = True

    def is_silent(self, now: float) -> bool:
        """Whether the one that was tried last has not answered for so long that its return is to be watched for."""
        return self._tried_at is not None and not self._answered and now >= self._tried_at + SILENT_SECONDS

    def failed(self, peer_id: str, error: Exception) -> None:
        """Take note that a producer that was tried could not be connected to."""
        self._failures[peer_id] = error

    def forget(self, peer_id: str) -> None:
        """Take note that it is not known what became of a producer that was tried: it may be tried again."""
        self._tried.remove(peer_id)

    def _untried(self) -> Peer | None:
        return next((peer for peer in self._known if peer.id not in self._tried), None)

    def _due_at(self) -> float:
        if self._tried_at is None or not self._tried or self._tried[-1] in self._failures:
            return -math.inf
        return self._tried_at + (ANSWERED_SECONDS if self._answered else SILENT_SECONDS)
