"""`Directory`: which producers there are, kept up to date from what a listener is told."""

from __future__ import annotations

from collections.abc import Iterable

from .errors import ConnectionLost, PeerWaitTimeout
from .protocol.messages import Peer, PeerStatusChanged, Role
from .signalling.lookup import describe_producers, producer_named
from .threads.interruptible import Condition
from .threads.waiting import Deadline, wait_for

__all__ = ["Directory"]


class Directory:
    """The producers of a signalling server; written by the reader, read and waited on by any thread.

    Args:
        uri: Of the server, for error messages.
    """

    def __init__(self, uri: str) -> None:
        self._uri = uri
        # Guards what follows; notified when it changes.
        self._changed = Condition()
        self._producers: dict[str, Peer] = {}
        self._failure: ConnectionLost | None = None

    @property
    def producers(self) -> dict[str, Peer]:
        """A copy: peer id -> peer, in the order in which they came."""
        with self._changed:
            return dict(self._producers)

    def reset(self, producers: Iterable[Peer] = ()) -> None:
        """Begin anew with the producers that there are."""
        with self._changed:
            self._producers = {producer.id: producer for producer in producers}
            self._failure = None
            self._changed.notify_all()

    def apply(self, event: PeerStatusChanged) -> tuple[Peer | None, Peer | None]:
        """Take note of a peer's new status.

        Returns:
            The producer that came, and the one that went, as far as one did.
        """
        peer = Peer(event.peer_id, event.meta)
        with self._changed:
            known = self._producers.get(peer.id)
            if Role.PRODUCER in event.roles:
                self._producers[peer.id] = peer
                self._changed.notify_all()
                return (None if known else peer), None
            return None, self._producers.pop(peer.id, None)

    def fail(self, error: ConnectionLost) -> None:
        """Have every wait raise an error: nothing will be heard any more."""
        with self._changed:
            self._failure = error
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
            ConnectionLost: The signalling connection is closed, or was lost while waiting.
        """

        def found() -> Peer | None:
            return producer_named(list(self._producers.values()), name)

        with self._changed:
            wait_for(self._changed, lambda: self._failure is not None or found() is not None, deadline)
            producer = found()
            if producer is not None:
                return producer
            if self._failure is not None:
                raise self._failure
            others = describe_producers(list(self._producers.values()))
        wanted = "any producer" if name is None else f"a producer named {name!r}"
        raise PeerWaitTimeout(f"waiting for {wanted} at {self._uri}: none within {deadline}; {others}")
