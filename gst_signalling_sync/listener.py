"""`Listener`: is told of every peer that comes, changes and goes."""

from __future__ import annotations

import logging
import threading
from typing import Any

from .directory import Difference, Directory, difference_of
from .endpoint import Endpoint
from .errors import ConnectionLost
from .lifecycle import RoleState, StateChange
from .protocol.backoff import DEFAULT_RETRY, Retry
from .protocol.messages import Event, Peer, PeerStatusChanged, Role
from .protocol.session_limits import SessionLimits
from .role import RoleObject
from .signals import Signal

__all__ = ["Listener"]

logger = logging.getLogger(__name__)


class Listener(RoleObject):
    """Registers as a listener. A context manager that starts and closes.

    Every method may be called from any thread and from callbacks.

    Example:
        with Listener() as listener:
            listener.producer_added.connect(lambda listener, peer: print(peer.name, "is there"))
            robot = listener.wait_for_producer("robot", timeout=60)

    Signals:
        peer_status_changed(listener, peer, roles): Any peer's status changed; without roles: it left.
        producer_added(listener, peer): A producer came, or was there at the start.
        producer_removed(listener, peer): A producer left, or stopped producing.
        state_changed(listener, state, error): The state is another, with the reason where there is one.
        connection_lost(listener, error): The signalling connection was lost; once per loss.
        reconnected(listener, peer_id): Registered again after a loss; a server with a lease keeps the id.

    Args:
        uri: ``ws://host:port``; None: ``$GST_SIGNALLING_URI``, else ``ws://127.0.0.1:8443``.
        meta: What other listeners see of this one: any JSON value of up to 64 KiB.
        host: Instead of `uri`.
        port: Instead of `uri`.
        timeout: Seconds that a blocking call may take by default; None: 10.
        retry: How a lost signalling connection is made again; None: not at all. When it is back, `producer_removed` tells of
            those that left meanwhile and `producer_added` of those that came.
        limits: Of these `callbacks` alone is a listener's; None: the default. See ``docs/reference/limits.rst``.

    Raises:
        ValueError: The address is not one of a signalling server.
    """

    def __init__(
        self,
        uri: str | Endpoint | None = None,
        meta: Any = None,
        *,
        host: str | None = None,
        port: int | None = None,
        timeout: float | None = None,
        retry: Retry | None = DEFAULT_RETRY,
        limits: SessionLimits | None = None,
    ) -> None:
        super().__init__(uri, (Role.LISTENER,), meta, host=host, port=port, timeout=timeout, retry=retry, limits=limits)
        self._directory = Directory(self.uri)
        # Guards what follows, and is held while signals are queued: the reader and a callback do that.
        self._telling = threading.Lock()
        # The producers that receivers have heard of where they take too long to hear of all; None where they do not.
        self._told: dict[str, Peer] | None = None
        self.peer_status_changed = Signal(
            "Any peer's status changed, this one's too: ``(listener, peer, roles)``; no roles: it left. So does every peer that"
            " had none, an ordinary consumer for example, of which nothing was told before."
        )
        self.producer_added = Signal("A producer came, or was there at the start: ``(listener, peer)``.")
        self.producer_removed = Signal("A producer left, or stopped producing: ``(listener, peer)``.")

    @property
    def producers(self) -> dict[str, Peer]:
        """The producers as of now, by peer id: a copy, safe to iterate over while others come and go.

        Raises:
            RuntimeError: The listener was inherited by `fork`.
        """
        self._owner.check()
        return self._directory.producers

    def wait_for_producer(self, name: str | None = None, timeout: float | None = None) -> Peer:
        """Wait for a producer.

        Args:
            name: The ``name`` in its meta; None: the first there is, or comes.
            timeout: Seconds; None: the object's default.

        Returns:
            The producer.

        Raises:
            PeerWaitTimeout: None came in time.
            ConnectionLost: The listener is not started, was closed, or is suspended and was not registered again in time.
            RuntimeError: The listener was inherited by `fork`.
        """
        self._client()
        return self._directory.wait_for(name, self._deadline(timeout))

    def _on_registered(self, producers: tuple[Peer, ...]) -> None:
        with self._telling:
            may_tell = self._may_tell()
            difference = self._directory.reset(producers)
            if may_tell:
                self._tell(difference)

    def _on_event(self, event: Event) -> None:
        if not isinstance(event, PeerStatusChanged):
            return
        with self._telling:
            may_tell = self._may_tell()
            difference = self._directory.apply(event)
            if may_tell:
                self._emit(self.peer_status_changed, peer=Peer(event.peer_id, event.meta), roles=event.roles)
                self._tell(difference)

    def _may_tell(self) -> bool:
        """Whether what follows is told now; if not, it is once the receivers have caught up. `_telling` is held."""
        if self._told is None and self._callbacks.is_full:
            before = self._directory.producers
            if self._callbacks.post_behind_all(self._catch_up):
                logger.warning("%s: statuses are not told one by one any more: the receivers take too long", self)
                self._met.note("callbacks")
                self._told = before
        return self._told is None

    def _catch_up(self) -> None:
        """Tell what has changed since; a callback, behind those that had to wait."""
        with self._telling:
            told, self._told = self._told, None
            if told is not None:
                self._tell(difference_of(told, self._directory.producers))

    def _tell(self, difference: Difference) -> None:
        for peer in difference.removed:
            self._emit(self.producer_removed, peer=peer)
        for peer in difference.added:
            self._emit(self.producer_added, peer=peer)

    def _on_change(self, change: StateChange) -> None:
        if change.state in (RoleState.CLOSING, RoleState.CLOSED):
            self._directory.close(change.error or ConnectionLost(f"the listener of {self.uri} is closed"))
        super()._on_change(change)

    def _on_lost(self, error: Exception) -> None:
        self._directory.suspend(error)
