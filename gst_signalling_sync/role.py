"""What every role object is: a signalling client, a callback thread, and a life between `start` and `close`."""

from __future__ import annotations

import logging
import threading
from types import TracebackType
from typing import Any, Final, Self

from .endpoint import resolve_endpoint
from .errors import ConnectionLost, SignallingError
from .protocol.messages import Event, Peer, Role
from .signalling import DEFAULT_TIMEOUT, SignallingClient
from .signals import Signal
from .threads import interruptible
from .threads.at_exit import CLOSED_FIRST
from .threads.callbacks import Callbacks
from .threads.native import check_native
from .threads.owner import Owner
from .threads.waiting import LONGEST_WAIT_SECONDS, Deadline, check_timeout

__all__ = ["RoleObject"]

logger = logging.getLogger(__name__)

_GRACE_SECONDS: Final = 2.0
"""What an interrupted `start` may take to undo what it has done."""


class RoleObject:
    """A peer of a signalling server with roles: base of `Producer`, `Consumer` and `Listener`.

    Args:
        uri: ``ws://host:port``; None: ``$GST_SIGNALLING_URI``, else ``ws://127.0.0.1:8443``.
        roles: What to register as.
        meta: What to register with.
        host: Instead of `uri`.
        port: Instead of `uri`.
        timeout: Seconds that a blocking call may take by default.
    """

    def __init__(
        self,
        uri: str | None,
        roles: tuple[Role, ...],
        meta: Any,
        *,
        host: str | None,
        port: int | None,
        timeout: float | None,
    ) -> None:
        self._endpoint = resolve_endpoint(uri, host, port)
        self.uri = self._endpoint.uri
        self.meta = meta
        self._roles = roles
        self._timeout = DEFAULT_TIMEOUT if timeout is None else check_timeout(timeout)
        self._kind = type(self).__name__.lower()
        self._owner = Owner(f"{self._kind} of {self.uri}")
        # Held by start() and close() for as long as they take, so that neither meets the other's half.
        self._lifecycle = threading.Lock()
        self._is_starting = False
        self._close_when_started = False
        self._ended = interruptible.Event()
        self._callbacks = Callbacks(f"{self._kind}-callbacks")
        self._signalling: SignallingClient | None = None
        self._failure: SignallingError | None = None
        self.connection_lost = Signal(
            "The signalling connection was lost: ``(role, error)``. Sessions that are connected go on; `start` connects anew."
        )

    def __repr__(self) -> str:
        state = f"peer {self.peer_id}" if self.peer_id is not None else "not started"
        return f"<{type(self).__name__} at {self.uri}, {state}>"

    @property
    def peer_id(self) -> str | None:
        """The id that the signalling server gave this peer, None while not started."""
        return None if self._signalling is None or not self._owner.is_here else self._signalling.peer_id

    def start(self, timeout: float | None = None) -> Self:
        """Connect to the signalling server and register; does nothing when started.

        After `close` it starts anew, and after the loss of the signalling connection too, which ends its sessions.

        Args:
            timeout: Seconds; None: the object's default.

        Returns:
            The object.

        Raises:
            ConnectError: There is no signalling server.
            ConnectTimeout: It did not answer in time.
            ServerError: It refused the registration.
            ProtocolError: `meta` is not a JSON value, or longer than 64 KiB.
            ConnectionLost: The server closed the connection, or another thread called `close` meanwhile.
            RuntimeError: The object was inherited by `fork`, or gevent or eventlet has patched threads or sockets.
        """
        self._owner.check()
        check_native()
        deadline = self._deadline(timeout)
        with self._lifecycle:
            if self._signalling is not None and self._failure is None:
                return self
            self._shut(deadline)
            self._failure = None
            self._close_when_started = False
            self._ended.clear()
            self._is_starting = True
            try:
                self._open(deadline)
            except BaseException:
                self._shut(Deadline(1.0))
                raise
            finally:
                self._is_starting = False
            CLOSED_FIRST.add(self)
        # By another thread or a callback; neither may have waited for the lock.
        if self._close_when_started:
            self.close(deadline.remaining())
        return self

    def close(self, timeout: float | None = None) -> None:
        """Deliver what was sent, end everything and disconnect; idempotent, from any thread and from callbacks.

        From a callback it returns before the callbacks that are still to be delivered.

        In a child that inherited it by `fork` this does nothing.

        Args:
            timeout: Seconds for the delivery of what was sent; None: the object's default.
        """
        if not self._owner.is_here:
            return
        deadline = self._deadline(timeout)
        if self._callbacks.is_current:
            # Whoever holds the lifecycle may be waiting for this very callback to return.
            self._close_when_started = True
            acquired = self._lifecycle.acquire(blocking=False)
        else:
            acquired = self._lifecycle.acquire(blocking=False)
            if not acquired:
                self._close_when_started = True
                self._interrupt_start(deadline)
                acquired = self._lifecycle.acquire(timeout=deadline.remaining() + _GRACE_SECONDS)
        if not acquired:
            return
        try:
            self._release(deadline)
            self._shut(deadline)
        finally:
            self._lifecycle.release()

    def serve_forever(self) -> None:
        """Block until the object is closed or interrupted, while callbacks do the work.

        Raises:
            ConnectionLost: The signalling connection was lost.
            KeyboardInterrupt: Ctrl-C.
            RuntimeError: The object was inherited by `fork`.
        """
        self._owner.check()
        # In this order: a callback that closes it sets the one before it takes the other away.
        if self._signalling is None and not self._ended.is_set():
            self._client()
        # In slices, because CPython may notice a signal only after the wait that it came just before.
        while not self._ended.wait(LONGEST_WAIT_SECONDS):
            continue
        if self._failure is not None:
            raise self._failure

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _deadline(self, timeout: float | None) -> Deadline:
        return Deadline(self._timeout if timeout is None else timeout)

    def _client(self) -> SignallingClient:
        self._owner.check()
        client = self._signalling
        if client is None:
            raise ConnectionLost(f"the {self._kind} is not started: use it in a `with` statement, or call start()")
        return client

    def _open(self, deadline: Deadline) -> None:
        self._callbacks.open()
        client = SignallingClient(
            self._endpoint,
            timeout=self._timeout,
            callbacks=self._callbacks,
            on_event=self._on_event,
            on_lost=self._on_lost,
        )
        self._signalling = client
        client.connect(deadline.remaining())
        if self._roles or self.meta is not None:
            client.register(self._roles, self.meta, self._on_registered, deadline)

    def _interrupt_start(self, deadline: Deadline) -> None:
        """Have a start() under way in another thread end soon."""
        client = self._signalling
        if client is not None and self._is_starting:
            client.close(deadline.remaining())

    def _release(self, deadline: Deadline) -> None:
        """Give back, at `close` alone, what a `start` that fails or follows a loss leaves as it is; the lock is held."""

    def _shut(self, deadline: Deadline) -> None:
        """Undo `_open`, in the reverse order; the lifecycle lock is held."""
        if not self._callbacks.is_open:
            return
        self._end_sessions(deadline)
        if self._signalling is not None:
            self._signalling.close(max(1.0, deadline.remaining()))
        self._callbacks.close(max(1.0, deadline.remaining()))
        self._ended.set()
        self._signalling = None
        CLOSED_FIRST.discard(self)

    def _on_event(self, event: Event) -> None:
        """Handle a message of the server that answers no request; on the reader, so it must not block."""

    def _on_lost(self, error: ConnectionLost) -> None:
        """Handle the loss of the signalling connection; on the reader."""
        self._failure = error
        self._ended.set()
        self._emit(self.connection_lost, error=error)

    def _on_registered(self, producers: tuple[Peer, ...]) -> None:
        """Take the producers that there were at the registration; on the reader."""

    def _emit(self, signal: Signal, **named: object) -> None:
        """Have a signal of this object emitted on the callback threads."""
        if signal.receivers:
            self._callbacks.emit(signal, self, **named)

    def _end_sessions(self, deadline: Deadline) -> None:
        """End what runs on the signalling connection before it is closed."""
