"""`RoleConnection`: the signalling connection of a role, which is made again after each loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from .endpoint import Endpoint
from .errors import ConnectError, ConnectionLost, ProtocolError
from .lifecycle import Attempt
from .protocol.messages import Event, Peer, Role
from .signalling.resumption_key import ResumptionKey
from .signalling.role_client import RoleClient
from .threads import clock
from .threads.callbacks import Callbacks
from .threads.waiting import Deadline

__all__ = ["RoleConnection"]

_REFUSALS: Final = (401, 403)
"""HTTP statuses by which a server refuses credentials. A later attempt may succeed only if it has another token."""


class RoleConnection:
    """A client for each attempt to connect, one after another. The role's own thread calls all but `client` and `interrupt`.

    Args:
        endpoint: The server.
        timeout: Seconds that a request may take by default.
        callbacks: Deliver the signals of each client.
        on_event: Called on the reader with each message that answers no request; must not block.
        on_registered: Called on the reader with the producers, once the role is registered; must not block.
        on_failed: Called with the error of an attempt that has failed.
        resumes: Whether the peer keeps a key, by which a server resumes it. Without one, the server forgets it at once.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        timeout: float,
        callbacks: Callbacks,
        *,
        on_event: Callable[[Event], None],
        on_registered: Callable[[tuple[Peer, ...]], None],
        on_failed: Callable[[Exception], None],
        resumes: bool,
    ) -> None:
        self._endpoint = endpoint
        self._timeout = timeout
        self._callbacks = callbacks
        self._on_event = on_event
        self._on_registered = on_registered
        self._on_failed = on_failed
        self._resumption_key = ResumptionKey() if resumes else None
        # The newest client, and the one that is connecting. Both are written by the role's own thread.
        self._client: RoleClient | None = None
        self._connecting: RoleClient | None = None

    @property
    def client(self) -> RoleClient | None:
        """The newest client, in whatever state; None: there is no connection, nor an attempt to make one."""
        return self._client

    def connect(
        self,
        attempt: Attempt,
        roles: tuple[Role, ...],
        meta: Any,
        on_lost: Callable[[ConnectionLost], None],
        is_wanted: Callable[[], bool],
    ) -> None:
        """Connect and register.

        Args:
            attempt: The attempt, with the time until which it may last.
            roles: Roles to register as.
            meta: JSON value to register with.
            on_lost: Called on the reader, as the last call, when the connection ended without `drop`; must not block.
            is_wanted: Whether the role still wants the attempt. From `interrupt` on, this must be False.

        Raises:
            SignallingError: The attempt failed, or was not complete in time.
        """
        self.drop(Deadline(0.0))
        deadline = Deadline(max(0.0, attempt.until - clock.now()))
        client = RoleClient(
            self._endpoint,
            timeout=self._timeout,
            callbacks=self._callbacks,
            on_event=self._on_event,
            on_lost=on_lost,
            resumption_key=self._resumption_key,
        )
        self._client = self._connecting = client
        try:
            if not is_wanted():
                # `interrupt` may have come before there was anything to interrupt.
                client.give_up()
            client.connect(deadline.remaining())
            # A resumed peer is registered already, but the key that it showed is spent only once the server has heard it.
            if roles or meta is not None or client.is_resumed:
                client.register(roles, meta, self._on_registered, deadline)
        except Exception as error:
            self._on_failed(error)
            if client.is_resumed and not client.is_given_up:
                # A closed connection would end the sessions, which the next attempt resumes.
                client.break_off()
            self.drop(Deadline(1.0))
            raise
        finally:
            self._connecting = None

    def interrupt(self) -> None:
        """Have a `connect` that is under way raise soon; from any thread, does not block."""
        if (client := self._connecting) is not None:
            client.give_up()

    def is_final(self, error: Exception) -> bool:
        """Whether another attempt would fail in the same way."""
        if isinstance(error, ConnectError) and error.status in _REFUSALS:
            return not callable(self._endpoint.token)
        # Every server refuses such a registration.
        return isinstance(error, ProtocolError)

    def drop(self, deadline: Deadline) -> None:
        """Disconnect, if there is a connection; the peer may resume."""
        client, self._client = self._client, None
        if client is not None:
            client.close(deadline.remaining())

    def forget_key(self) -> None:
        """Resume no more: the next connection is that of a new peer."""
        if self._resumption_key is not None:
            self._resumption_key.forget()
