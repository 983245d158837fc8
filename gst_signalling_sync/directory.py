"""`Directory`: which producers there are, kept up to date from what a listener is told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .errors import ConnectionLost, PeerWaitTimeout
from .protocol.messages import Peer, PeerStatusChanged, Role
from .signalling.lookup import describe_producers, producer_named
from .threads.interruptible import Condition
from .threads.waiting import Deadline, wait_for

__all__ = ["Difference", "Directory", "difference_of"]


@dataclass(frozen=True, slots=True)
class Difference:
    """What changed.

    Attributes:
        added: The producers that came.
        removed: The producers that went.
    """

    added: tuple[Peer, ...] = ()
    removed: tuple[Peer, ...] = ()


def difference_of(before: Mapping[str, Peer], now: Mapping[str, Peer]) -> Difference:
    """What changed from some producers to others.

    Args:
        before: By peer id.
        now: By peer id.
    """
    return Difference(
        added=tuple(peer for peer_id, peer in now.items() if peer_id not in before),
        removed=tuple(peer for peer_id, peer in before.items() if peer_id not in now),
    )


class Directory:
    """The producers of a signalling server; written by the reader, read and waited on by any thread.

    While the signalling connection is lost it keeps what was known: those who wait go on waiting.

    Args:
        uri: Of the server, for error messages.
    """

    def __init__(self, uri: str) -> None:
        self._uri = uri
        # Guards what follows; notified when it changes.
        self._changed = Condition()
        self._producers: dict[str, Peer] = {}
        # Why nothing is heard at the moment, and whether nothing will be any more.
        self._failure: Exception | None = None
        self._is_closed = False

    @property
    def producers(self) -> dict[str, Peer]:
        """A copy: peer id -> peer, in the order in which they came."""
        with self._changed:
            return dict(self._producers)

    def reset(self, producers: Iterable[Peer]) -> Difference:
        """Take the producers that there are, at a registration.

        Args:
            producers: All of them.

        Returns:
            What is different from what was known. Those that stayed keep their place.
        """
        now = {producer.id: producer for producer in producers}
        with self._changed:
            before = self._producers
            stayed = {peer_id: now[peer_id] for peer_id in before if peer_id in now}
            self._producers = {**stayed, **now}
            self._failure = None
            self._is_closed = False
            self._changed.notify_all()
        return difference_of(before, now)

    def apply(self, event: PeerStatusChanged) -> Difference:
        """Take note of a peer's new status.

        Returns:
            The producer that came, or the one that went, if one did.
        """
        peer = Peer(event.peer_id, event.meta)
        with self._changed:
            known = self._producers.get(peer.id)
            if Role.PRODUCER in event.roles:
                self._producers[peer.id] = peer
                self._changed.notify_all()
                return Difference() if known else Difference(added=(peer,))
            removed = self._producers.pop(peer.id, None)
            return Difference() if removed is None else Difference(removed=(removed,))

    def suspend(self, error: Exception) -> None:
        """Take note that nothing is heard for now."""
        with self._changed:
            self._failure = error

    def close(self, error: Exception) -> None:
        """Have every wait raise an error: nothing will be heard any more."""
        with self._changed:
            self._failure = error
            self._is_closed = True
            self._changed.notify_all()

    def wait_for(self, name: str | None, deadline: Deadline) -> Peer:
        """Wait for a producer.

        Args:
            name: Its name; None: the first there is, or comes.
            deadline: How long to wait.

        Returns:
            The producer.

        Raises:
            PeerWaitTimeout: None came in time.
            ConnectionLost: The signalling connection is closed, or was lost and not made again in time.
        """

        def found() -> Peer | None:
            return None if self._failure else producer_named(list(self._producers.values()), name)

        with self._changed:
            wait_for(self._changed, lambda: self._is_closed or found() is not None, deadline)
            producer = found()
            if producer is not None:
                return producer
            failure = self._failure
            others = describe_producers(list(self._producers.values()))
        wanted = "any producer" if name is None else f"a producer named {name!r}"
        doing = f"waiting for {wanted} at {self._uri}"
        if failure is not None:
            raise ConnectionLost(f"{doing}: {failure}")
        raise PeerWaitTimeout(f"{doing}: none within {deadline}; {others}")
