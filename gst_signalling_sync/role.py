"""`RoleObject`: the base of all roles. It has a life, from `start` to `close`, a signalling connection and callback threads."""

from __future__ import annotations

import errno
import random
from contextlib import ExitStack
from functools import partial
from types import TracebackType
from typing import Any, Final, Self

from .endpoint import Endpoint, resolve_endpoint
from .errors import ConnectError, ConnectionLost
from .lifecycle import Attempt, Life, RoleState, StateChange
from .limit_counts import LimitCounts
from .protocol.backoff import DEFAULT_RETRY, Retry
from .protocol.messages import Event, Peer, Role
from .protocol.session_limits import DEFAULT_SESSION_LIMITS, SessionLimits
from .role_closing import RoleClosing
from .role_connection import RoleConnection
from .role_thread import RoleThread
from .signalling import DEFAULT_TIMEOUT
from .signalling.role_client import RoleClient
from .signals import Signal
from .threads.at_exit import CLOSED_FIRST
from .threads.callbacks import Callbacks
from .threads.native import check_native
from .threads.owner import Owner
from .threads.waiting import MAX_WAIT_SECONDS, Deadline, check_timeout

__all__ = ["RoleObject"]

_ATTEMPT_SECONDS: Final = 5.0
"""Seconds that an attempt to connect again may take. TCP repeats a lost SYN after 1 s and 3 s."""

_GRACE_SECONDS: Final = 2.0
"""Seconds that the end, and a callback that runs then, may take beyond the timeout of `close`."""


class RoleObject:
    """A peer of a signalling server with roles: base of `Producer`, `Consumer` and `Listener`.

    Args:
        uri: ``ws://host:port``; None: ``$GST_SIGNALLING_URI``, else ``ws://127.0.0.1:8443``.
        roles: Roles to register as.
        meta: JSON value to register with.
        host: Host of the server, instead of `uri`.
        port: Port of the server, instead of `uri`.
        timeout: Seconds that a blocking call may take by default; None: 10.
        retry: How a lost signalling connection is made again; None: it is not.
        limits: What other peers may use of the role; None: the defaults.

    Raises:
        ValueError: An address does not have its form, or the timeout is negative.
        TypeError: An argument is of another type.
    """

    def __init__(
        self,
        uri: str | Endpoint | None,
        roles: tuple[Role, ...],
        meta: Any,
        *,
        host: str | None,
        port: int | None,
        timeout: float | None,
        retry: Retry | None = DEFAULT_RETRY,
        limits: SessionLimits | None = None,
    ) -> None:
        if not isinstance(retry, Retry | None):
            raise TypeError(f"retry must be a Retry or None, not {retry!r:.100}")
        if not isinstance(limits, SessionLimits | None):
            raise TypeError(f"limits must be SessionLimits, not {limits!r:.100}")
        self._endpoint = resolve_endpoint(uri, host, port)
        self._limits = DEFAULT_SESSION_LIMITS if limits is None else limits
        self.uri = self._endpoint.uri
        self.meta = meta
        self._roles = roles
        self._retry = retry
        self._timeout = DEFAULT_TIMEOUT if timeout is None else check_timeout(timeout)
        self._kind = type(self).__name__.lower()
        self._owner = Owner(f"{self._kind} of {self.uri}")
        self._callbacks = Callbacks(f"{self._kind}-callbacks", self._limits.callbacks)
        # Counts how often other peers meet each limit.
        self._met = LimitCounts()
        self._life = RoleThread(
            f"the {self._kind} of {self.uri}",
            f"{self._kind}-life",
            Life(retry, random.random, _ATTEMPT_SECONDS),
            _RoleWork(self),
        )
        self._closing = RoleClosing(
            f"the {self._kind} of {self.uri}", self._life, self._callbacks, self._ending_seconds
        )
        self._connection = RoleConnection(
            self._endpoint,
            self._timeout,
            self._callbacks,
            on_event=self._on_event,
            on_registered=self._on_registered,
            on_failed=self._on_lost,
            resumes=retry is not None,
        )
        self.state_changed = Signal("The state changed: ``(role, state, error)``, with the reason where there is one.")
        self.connection_lost = Signal(
            "The signalling connection was lost: ``(role, error)``; once per loss. Sessions that are connected go on."
        )
        self.reconnected = Signal(
            "Registered again after a loss: ``(role, peer_id)``; a server with a lease keeps the id."
        )

    def __repr__(self) -> str:
        state = f"peer {self.peer_id}" if self.peer_id is not None else self.state
        return f"<{type(self).__name__} at {self.uri}, {state}>"

    @property
    def state(self) -> RoleState:
        """``"new"``, ``"connecting"``, ``"registered"``, ``"suspended"``, ``"closing"`` or ``"closed"``."""
        return self._life.state if self._owner.is_here else RoleState.CLOSED

    @property
    def refusals(self) -> dict[str, int]:
        """How often other peers have met each limit since the object was made, in all sessions. A snapshot.

        The keys are the limits' names in `SessionLimits`; limits that were not met are absent. ``docs/reference/limits.rst``
        says what meeting each limit leads to. Empty in a forked child.
        """
        return self._met.counts if self._owner.is_here else {}

    @property
    def peer_id(self) -> str | None:
        """The id that the signalling server gave this peer; None while it is not connected.

        Each connection has another id, unless this library's server resumes the peer within its lease.
        """
        client = self._connection.client
        if client is None or not self._owner.is_here:
            return None
        # A callback for a message of a new connection may run before the role is registered.
        if self.state is RoleState.SUSPENDED and not client.is_connected:
            return None
        return client.peer_id

    def start(self, timeout: float | None = None) -> Self:
        """Connect to the signalling server and register; does nothing when registered.

        While the role is suspended, this waits until it is registered again. After `close`, it begins a new life. Sessions that
        are connected go on in each case. A connection that is lost before the role is registered is made again, unless `retry`
        is None.

        Args:
            timeout: Seconds. Defaults to the object's timeout.

        Returns:
            The object.

        Raises:
            ConnectError: There is no signalling server.
            ConnectTimeout: The server did not answer in time.
            ServerError: The server refused the registration.
            ProtocolError: `meta` is not a JSON value, or longer than 64 KiB.
            ConnectionLost: The server closes each connection; the role was closed meanwhile, for example by another thread
                while a callback calls this; or it is suspended and was not registered again in time.
            RuntimeError: The object was inherited by `fork`, gevent or eventlet has patched threads or sockets, or this would
                block the event loop.
        """
        self._check_may_block("starting")
        check_native()
        try:
            self._life.start(self._deadline(timeout), self._callbacks.is_current)
        except ConnectError as error:
            # The hint is not for programs that give `retry`, nor for a server that has answered, even by a refusal, nor for one
            # that was not asked, because this process has no descriptors left.
            is_full = isinstance(error.__cause__, OSError) and error.__cause__.errno in (errno.EMFILE, errno.ENFILE)
            has_answered = error.status is not None or self._life.has_met_server
            if self._retry is DEFAULT_RETRY and not has_answered and not is_full:
                error.args = (
                    f"{error} With retry=Retry(wait_for_server=True) start() waits for a server, within its timeout.",
                )
            raise
        return self

    def close(self, timeout: float | None = None) -> None:
        """Deliver what was sent, close all sessions and disconnect; idempotent, callable from any thread and from callbacks.

        Called from a callback, it returns before the remaining callbacks are called. A callback that does not return within the
        timeout keeps its thread until it does, which is logged.

        Args:
            timeout: Seconds for the delivery of what was sent. Defaults to the object's timeout.

        Raises:
            WaitTimeout: The object is not closed yet. It will be once the event loop or the network allows it.
            RuntimeError: The object was inherited by `fork`, or this would block the event loop.
        """
        self._check_may_block("closing")
        self._closing.run(self._deadline(timeout), _GRACE_SECONDS / 2)

    def serve_forever(self) -> None:
        """Block until the object is closed or interrupted, while callbacks do the work. A lost connection is made again.

        Raises:
            ConnectionLost: The object is not started, or the signalling connection was lost and is not made again.
            ConnectError: The connection could not be made again: `Retry.give_up_after` has passed, or the server refuses this
                peer.
            KeyboardInterrupt: Ctrl-C.
            RuntimeError: The object was inherited by `fork`.
        """
        self._check_may_block("serving")
        if self.state is RoleState.NEW:
            self._client()
        # In slices: CPython may notice a signal that came just before a wait only after that wait.
        while not self._life.wait_closed(Deadline(MAX_WAIT_SECONDS)):
            continue
        self._life.raise_error()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A forked child leaves the block that it inherited too.
        if self._owner.is_here:
            self.close()

    _ending_seconds = _GRACE_SECONDS

    def _deadline(self, timeout: float | None) -> Deadline:
        return Deadline(self._timeout if timeout is None else timeout)

    def _check_may_block(self, doing: str) -> None:
        """Refuse a call that would wait for its own thread.

        Raises:
            RuntimeError: The object was inherited by `fork`, or this would block the event loop.
        """
        self._owner.check()

    def _client(self) -> RoleClient:
        """The newest connection, in whatever state; does not wait.

        Raises:
            ConnectionLost: There is no connection.
        """
        self._owner.check()
        client = self._connection.client
        if client is None:
            raise ConnectionLost(f"the {self._kind} is not started: use it in a `with` statement, or call start()")
        return client

    def _registered_client(self, deadline: Deadline, doing: str) -> RoleClient:
        """Wait while the role is suspended, and return its connection.

        Raises:
            ConnectionLost: The role is not started, was closed, or was not registered again in time.
        """
        self._check_may_block(doing)
        self._life.wait_registered(deadline, doing)
        return self._client()

    # What follows runs on the role's own thread.

    def _connect(self, attempt: Attempt) -> None:
        self._open()
        on_lost = partial(self._life.lost, attempt)
        self._connection.connect(
            attempt, self._roles, self.meta, on_lost, lambda: self._life.state is not RoleState.CLOSING
        )

    def _end(self, deadline: Deadline, is_wanted: bool) -> None:
        # Each step is done whatever becomes of the others, since nothing does it later.
        with ExitStack() as steps:
            steps.callback(self._shut, deadline)
            steps.callback(self._disconnect, deadline)
            steps.callback(self._end_sessions, deadline)
            if is_wanted:
                self._release(deadline)

    def _disconnect(self, deadline: Deadline) -> None:
        self._connection.drop(Deadline(max(1.0, deadline.remaining())))
        self._connection.forget_key()

    def _open(self) -> None:
        """Acquire the resources that the role needs until it is closed; idempotent."""

    def _release(self, deadline: Deadline) -> None:
        """Release resources that `close` ends and a failed `start` does not."""

    def _shut(self, deadline: Deadline) -> None:
        """Release the resources that `_open` acquired, if there are any."""

    def _end_sessions(self, deadline: Deadline) -> None:
        """Close the sessions, before the signalling connection is closed."""

    # What follows is called on every thread that changes the life, and must not block.

    def _on_change(self, change: StateChange) -> None:
        if change.state is RoleState.CONNECTING:
            self._callbacks.open()
        elif change.state is RoleState.REGISTERED:
            CLOSED_FIRST.add(self._closing)
        self._emit(self.state_changed, state=change.state, error=change.error)
        if change.lost and change.error is not None:
            self._on_lost(change.error)
            self._emit(self.connection_lost, error=change.error)
        if change.again:
            self._emit(self.reconnected, peer_id=self._client().peer_id)
        if change.state is RoleState.CLOSED and self._life.is_over:
            CLOSED_FIRST.discard(self._closing)
            self._callbacks.end()

    def _on_lost(self, error: Exception) -> None:
        """Handle the loss of the signalling connection, whether or not the role was registered on it."""

    # What follows is called on the reader, and must not block.

    def _on_event(self, event: Event) -> None:
        """Handle a message of the server that is not an answer to a request."""

    def _on_registered(self, producers: tuple[Peer, ...]) -> None:
        """Handle a registration, whose answer lists the producers."""

    def _emit(self, signal: Signal, **named: object) -> None:
        """Emit a signal of this object on the callback threads."""
        self._callbacks.emit(signal, self, **named)


class _RoleWork:
    """The role's side of `RoleThread`."""

    def __init__(self, role: RoleObject) -> None:
        self._role = role

    def connect(self, attempt: Attempt) -> None:
        self._role._connect(attempt)

    def interrupt(self) -> None:
        self._role._connection.interrupt()

    def end(self, deadline: Deadline, is_wanted: bool) -> None:
        self._role._end(deadline, is_wanted)

    def on_change(self, change: StateChange) -> None:
        self._role._on_change(change)

    def is_final(self, error: Exception) -> bool:
        return self._role._connection.is_final(error)
