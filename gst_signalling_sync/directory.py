"""`Directory`: the producers of a server, kept up to date by what the server tells a listener."""

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
    """A difference between two sets of producers.

    Attributes:
        added: The producers that came.
        removed: The producers that left.
    """

    added: tuple[Peer, ...] = ()
    removed: tuple[Peer, ...] = ()


def difference_of(before: Mapping[str, Peer], now: Mapping[str, Peer]) -> Difference:
    """Compare two sets of producers.

    Args:
        before: The former producers, by peer id.
        now: The present producers, by peer id.
    """
    return Difference(
        added=tuple(peer for peer_id, peer in now.items() if peer_id not in before),
        removed=tuple(peer for peer_id, peer in before.items() if peer_id not in now),
    )


class Directory:
    """The producers of a signalling server. The reader writes it; any thread reads it and waits for changes.

    While the signalling connection is lost, the directory keeps the producers, and waiting threads go on waiting.

    Args:
        uri: The server's address, for error messages.
    """

    def __init__(self, uri: str) -> None:
        self._uri = uri
        # Guards all that follows; notified when any of it changes.
        self._changed = Condition()
        self._producers: dict[str, Peer] = {}
        # Why the server is not heard at present, and whether it will not be heard again.
        self._failure: Exception | None = None
        self._is_closed = False

    @property
    def producers(self) -> dict[str, Peer]:
        """The producers by peer id, in the order in which they came. A copy."""
        with self._changed:
            return dict(self._producers)

    def reset(self, producers: Iterable[Peer]) -> Difference:
        """Set the producers, at a registration. Those that stayed keep their place in the order.

        Args:
            producers: All producers.

        Returns:
            The difference from the former producers.
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
        """Apply the new status of a peer.

        Returns:
            The producer that came or left, if one did.
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
        """Record that the signalling connection is lost, and is made again."""
        with self._changed:
            self._failure = error

    def close(self, error: Exception) -> None:
        """Have every wait raise an error, since the server will not be heard again."""
        with self._changed:
            self._failure = error
            self._is_closed = True
            self._changed.notify_all()

    def wait_for(self, name: str | None, deadline: Deadline) -> Peer:
        """Wait for a producer.

        Args:
            name: The producer's name; None: the first producer that is there or comes.
            deadline: For the producer.

        Returns:
            The producer.

        Raises:
            PeerWaitTimeout: No such producer came in time.
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
