"""`RoleClient`: the `SignallingClient` of a role object, with what the role needs besides the public API."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from ..endpoint import Endpoint
from ..errors import ConnectionLost
from ..protocol.messages import Event, Peer, Role
from ..threads.callbacks import Callbacks
from ..threads.waiting import Deadline
from .answers import SessionEvent
from .client import SignallingClient
from .exchange import Exchange
from .resumption_key import ResumptionKey

__all__ = ["RoleClient"]

Result = TypeVar("Result")


class RoleClient(SignallingClient):
    """One connection of a role. Its signals are delivered by the role's callback threads, which outlive it.

    Args:
        endpoint: The server.
        timeout: Seconds that a blocking call may take.
        callbacks: The callback threads; opened and closed by the role.
        on_event: Called on the reader with each message that answers no request; must not block.
        on_lost: Called on the reader, as the last call, when the connection ended without `close`; must not block.
        resumption_key: The key by which the peer resumes, kept by the role for its next client; None: it does not resume.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        timeout: float,
        callbacks: Callbacks,
        on_event: Callable[[Event], None],
        on_lost: Callable[[ConnectionLost], None],
        resumption_key: ResumptionKey | None,
    ) -> None:
        super().__init__(endpoint, timeout=timeout)
        self._callbacks = callbacks
        self._on_event = on_event
        self._on_connection_lost = on_lost
        self._resumption_key = resumption_key
        self._gave_up = False

    @property
    def is_connected(self) -> bool:
        """Whether the connection was made, and has neither been closed nor lost since."""
        return self._is_connected

    @property
    def is_resumed(self) -> bool:
        """Whether the server knows this peer, by its resumption key, from a former connection."""
        exchange = self._exchange
        return exchange is not None and exchange.is_resumed

    @property
    def is_given_up(self) -> bool:
        """Whether `give_up` was called since the last `connect`."""
        exchange = self._exchange
        return exchange is not None and exchange.is_given_up

    def give_up(self) -> None:
        """Make a `connect`, even a later one, or a request that waits for its answer, raise soon. From any thread, at once.

        The closing handshake is left to `close`.
        """
        self._gave_up = True
        exchange = self._exchange
        if exchange is not None:
            exchange.give_up()

    def break_off(self) -> None:
        """Drop the connection without a closing handshake, so that the server lets the peer resume. Returns at once."""
        exchange = self._exchange
        if exchange is not None:
            exchange.break_off()

    def register(
        self, roles: Iterable[Role | str], meta: Any, accept: Callable[[tuple[Peer, ...]], Result], deadline: Deadline
    ) -> Result:
        """`set_status` that hands the producers over on the reader, before any later message is handled.

        Args:
            roles: The roles to register.
            meta: The meta to register.
            accept: Called on the reader with the producers just after the change; must not block.
            deadline: For the server's answer.

        Returns:
            The result of `accept`.

        Raises:
            ServerError: The server refused the request.
            ProtocolError: A role is unknown, or `meta` is not a JSON value.
            WaitTimeout: No answer in time.
            ConnectionLost: There is no connection.
        """
        return self._requests.register(roles, meta, accept, deadline)

    def start_session_with(
        self, peer_id: str, offer: str | None, accept: Callable[[SessionEvent], Result], deadline: Deadline
    ) -> Result:
        """`start_session` that makes its result on the reader, before any later message of the session is handled.

        Args:
            peer_id: The other end.
            offer: An SDP offer for the producer to answer, or None.
            accept: Called on the reader with the server's answer; must not block.
            deadline: For the server's answer.

        Returns:
            The result of `accept`.

        Raises:
            PeerNotFound: There is no such peer.
            ServerError: The server refused for another reason.
            WaitTimeout: No answer in time; if it comes later, the session is ended.
            ConnectionLost: There is no connection.
        """
        return self._requests.start_session(peer_id, offer, accept, deadline)

    def _begin_exchange(self) -> None:
        super()._begin_exchange()
        if self._gave_up:
            self.give_up()

    def _open_callbacks(self) -> None:
        """Do nothing: the role opens them."""

    def _close_callbacks(self, seconds: float) -> None:
        """Do nothing: the role closes them."""

    def _new_exchange(self) -> Exchange:
        return Exchange(self._endpoint, self._on_message, self._on_lost, self._keepalive, self._resumption_key)

    # What follows runs on the reader.

    def _on_lost(self, error: ConnectionLost) -> None:
        self._on_connection_lost(error)
        super()._on_lost(error)

    def _on_message(self, event: Event, answered: bool) -> None:
        if not answered:
            self._on_event(event)
        super()._on_message(event, answered)
