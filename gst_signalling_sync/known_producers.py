"""`KnownProducers`: the producers that a consumer knows of, and when each came. No clock: what depends on time takes `now`."""

from __future__ import annotations

import math
from collections.abc import Iterable

from .directory import Difference, Directory
from .protocol.messages import Peer, PeerStatusChanged
from .threads.interruptible import Condition

__all__ = ["KnownProducers"]


class KnownProducers:
    """A consumer's directory. The reader writes it; any thread reads it.

    Args:
        uri: The server's address, for error messages.
        changed: Notified of every change. It is that of the consumer's sessions, so that one wait covers sessions and
            producers.
    """

    def __init__(self, uri: str, changed: Condition) -> None:
        self.changes = 0
        """Number of changes so far. Guarded by `changed`."""
        self._changed = changed
        self._directory = Directory(uri)
        # When each producer came, and when this end was registered again. Sessions that resume need both.
        self._came_at: dict[str, float] = {}
        self._registered_again_at = -math.inf

    @property
    def producers(self) -> dict[str, Peer]:
        """The producers by peer id, in the order in which they came. A copy."""
        return self._directory.producers

    def reset(self, producers: Iterable[Peer], now: float) -> None:
        """Set the producers, at a registration."""
        self._apply(self._directory.reset(producers), now)

    def apply(self, event: PeerStatusChanged, now: float) -> None:
        """Apply the new status of a peer."""
        self._apply(self._directory.apply(event), now)

    def came_back(self, peer_id: str, now: float) -> None:
        """Record that a producer which was away is connected again; the server does not tell listeners that it was away."""
        with self._changed:
            self._came_at[peer_id] = now
            self.changes += 1
            self._changed.notify_all()

    def registered_again(self, now: float) -> None:
        """Record that this end is registered again."""
        self._registered_again_at = now

    def has_moved(self, peer_id: str, name: str | None, was_known: bool, since: float) -> bool:
        """Whether a producer may have another address: it, or this end, was registered again.

        Args:
            peer_id: The producer's id at first.
            name: Its name; None: it has no name, by which it could be known again.
            was_known: Whether it was among the producers at first.
            since: When it was heard last.
        """
        if self._registered_again_at > since:
            return True
        producers = self.producers
        of_that_name = [each for each, peer in producers.items() if name is not None and peer.name == name]
        has_left = was_known and peer_id not in producers
        return any(has_left or self._came_at.get(each, -math.inf) > since for each in of_that_name)

    def _apply(self, difference: Difference, now: float) -> None:
        with self._changed:
            self._came_at.update((peer.id, now) for peer in difference.added)
            for peer in difference.removed:
                self._came_at.pop(peer.id, None)
            self.changes += 1
            self._changed.notify_all()
