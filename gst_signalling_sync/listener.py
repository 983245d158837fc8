"""`Listener`: a peer that the server tells of every peer that comes, changes its status or leaves."""

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
        peer_status_changed(listener, peer, roles): The status of any peer changed. Without roles, the peer left.
        producer_added(listener, peer): A producer came, or was there at the start.
        producer_removed(listener, peer): A producer left, or is no longer registered as a producer.
        state_changed(listener, state, error): The state changed; ``error`` is the reason, or None.
        connection_lost(listener, error): The signalling connection was lost; emitted once per loss.
        reconnected(listener, peer_id): The listener is registered again after a loss. A server with a lease keeps the id.

    Args:
        uri: ``ws://host:port``. Defaults to ``$GST_SIGNALLING_URI``, else ``ws://127.0.0.1:8443``.
        meta: JSON value that other listeners see, of up to 64 KiB. Defaults to None.
        host: Host of the server, instead of `uri`.
        port: Port of the server, instead of `uri`.
        timeout: Seconds that a blocking call may take by default. Defaults to 10.
        retry: How a lost signalling connection is made again; None: it is not. After a reconnection, `producer_removed` is
            emitted for producers that left meanwhile, and `producer_added` for those that came.
        limits: Limits, of which a listener uses `callbacks` only. Defaults to those in ``docs/reference/limits.rst``.

    Raises:
        ValueError: The address is not that of a signalling server.
        TypeError: `retry`, `limits` or another argument is of another type.
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
        # Guards `_told`, and is held while the reader or a callback queues signals, so that these keep their order.
        self._telling = threading.Lock()
        # While receivers take too long to be told of every change: the producers that they know. None at other times.
        self._told: dict[str, Peer] | None = None
        self.peer_status_changed = Signal(
            "Any peer's status changed, this one's too: ``(listener, peer, roles)``; no roles: it left. So does every peer that"
            " had none, an ordinary consumer for example, of which nothing was told before."
        )
        self.producer_added = Signal("A producer came, or was there at the start: ``(listener, peer)``.")
        self.producer_removed = Signal("A producer left, or stopped producing: ``(listener, peer)``.")

    @property
    def producers(self) -> dict[str, Peer]:
        """The producers that are there now, by peer id. A copy, safe to iterate over.

        Raises:
            RuntimeError: The listener was inherited by `fork`.
        """
        self._owner.check()
        return self._directory.producers

    def wait_for_producer(self, name: str | None = None, timeout: float | None = None) -> Peer:
        """Wait for a producer.

        Args:
            name: The ``name`` in its meta. Defaults to the first producer that is there or comes.
            timeout: Seconds. Defaults to the listener's timeout.

        Returns:
            The producer.

        Raises:
            PeerWaitTimeout: No such producer came in time.
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
        """Whether a change is told now, and not when the receivers have caught up; `_telling` is held."""
        if self._told is None and self._callbacks.is_full:
            before = self._directory.producers
            if self._callbacks.post_behind_all(self._catch_up):
                logger.warning(
                    "%s: the receivers are too slow for every change of status; some are merged",
                    self,
                )
                self._met.note("callbacks")
                self._told = before
        return self._told is None

    def _catch_up(self) -> None:
        """Tell what has changed since `_told`; a callback that is called after those that are queued."""
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
