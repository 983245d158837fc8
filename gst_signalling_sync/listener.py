"""`Listener`: is told of every peer that comes, changes and goes."""

from __future__ import annotations

from typing import Any

from .directory import Directory
from .errors import ConnectionLost
from .protocol.messages import Event, Peer, PeerStatusChanged, Role
from .role import RoleObject
from .signals import Signal
from .threads.waiting import Deadline

__all__ = ["Listener"]


class Listener(RoleObject):
    """Registers as a listener. A context manager that starts and closes.

    Every method may be called from any thread and from callbacks.

    Signals:
        peer_status_changed(listener, peer, roles): Any peer's status changed; without roles: it left.
        producer_added(listener, peer): A producer came, or was there at the start.
        producer_removed(listener, peer): A producer left, or stopped producing.
        connection_lost(listener, error): The signalling connection was lost.

    Args:
        uri: ``ws://host:port``; None: ``$GST_SIGNALLING_URI``, else ``ws://127.0.0.1:8443``.
        meta: What other listeners see of this one: any JSON value of up to 64 KiB.
        host: Instead of `uri`.
        port: Instead of `uri`.
        timeout: Seconds that a blocking call may take by default; None: 10.

    Raises:
        ValueError: The address is not one of a signalling server.
    """

    def __init__(
        self,
        uri: str | None = None,
        meta: Any = None,
        *,
        host: str | None = None,
        port: int | None = None,
        timeout: float | None = None,
    ) -> None:
        super().__init__(uri, (Role.LISTENER,), meta, host=host, port=port, timeout=timeout)
        self._directory = Directory(self.uri)
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
            ConnectionLost: The listener is not started, or its signalling connection was lost.
            RuntimeError: The listener was inherited by `fork`.
        """
        self._client()
        return self._directory.wait_for(name, self._deadline(timeout))

    def _on_registered(self, producers: tuple[Peer, ...]) -> None:
        self._directory.reset(producers)
        for producer in producers:
            self._emit(self.producer_added, peer=producer)

    def _on_event(self, event: Event) -> None:
        if not isinstance(event, PeerStatusChanged):
            return
        added, removed = self._directory.apply(event)
        self._emit(self.peer_status_changed, peer=Peer(event.peer_id, event.meta), roles=event.roles)
        if added is not None:
            self._emit(self.producer_added, peer=added)
        if removed is not None:
            self._emit(self.producer_removed, peer=removed)

    def _on_lost(self, error: ConnectionLost) -> None:
        self._directory.fail(error)
        super()._on_lost(error)

    def _end_sessions(self, deadline: Deadline) -> None:
        self._directory.fail(ConnectionLost(f"the listener of {self.uri} is closed"))
