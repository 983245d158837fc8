"""`SignallingClient`: one connection to a signalling server as blocking requests and signals."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from ..endpoint import Endpoint, resolve_endpoint
from ..errors import (
    ConnectionLost,
    ConnectTimeout,
    ProtocolError,
)
from ..protocol.messages import (
    ConsumerList,
    EndSession,
    EndSessionV1_1,
    Event,
    IceMessage,
    ListConsumers,
    ListProducers,
    Peer,
    ProducerList,
    Request,
    Role,
    SdpMessage,
    SdpType,
    SetPeerStatus,
    StartSession,
)
from ..threads.callbacks import Callbacks
from ..threads.native import check_native
from ..threads.owner import Owner
from ..threads.waiting import Deadline, check_timeout
from .answers import SessionEvent, list_request, session_request, status_request
from .exchange import Exchange
from .pending import PendingRequest
from .resumption_key import ResumptionKey
from .server_signals import ServerSignals

__all__ = ["DEFAULT_KEEPALIVE", "DEFAULT_TIMEOUT", "SignallingClient"]

DEFAULT_TIMEOUT: Final = 10.0
"""Seconds that a blocking call may take when its `timeout` is None and its object was given no other default."""

DEFAULT_KEEPALIVE: Final = 10.0
"""Seconds of silence after which a server is asked for a sign of life."""

_GRACE_SECONDS: Final = 0.5
"""What the callback thread may take to end when nothing is left of the timeout."""

Result = TypeVar("Result")


class SignallingClient(ServerSignals):
    """One connection to a signalling server: `connect`, requests, `close`; a context manager that does both.

    Requests block until the server has answered. Every message of the server is also emitted as a signal, on a callback
    thread. All methods may be called from any thread and from callbacks.

    Signals:
        welcomed(client, peer_id): Connected.
        peer_status_changed(client, peer, roles): A peer's status changed; without roles: it left.
        session_started(client, peer_id, session_id): This consumer got a session.
        session_requested(client, peer_id, session_id, offer): This producer got a session.
        session_ended(client, session_id, error): The other end ended a session.
        sdp_received(client, session_id, type, sdp): A session description came.
        ice_received(client, session_id, candidate, sdp_m_line_index): A candidate came.
        producers_listed(client, producers): The answer to `list_producers` came.
        consumers_listed(client, consumers): The answer to `list_consumers` came.
        error_received(client, details): The server refused something.
        connection_lost(client, error): The connection ended, not by `close`.

    Args:
        uri: An `Endpoint`, or its URI, such as ``ws://host:port``; None: ``$GST_SIGNALLING_URI``, else ``ws://127.0.0.1:8443``.
        host: Instead of `uri`.
        port: Instead of `uri`.
        timeout: Seconds that a blocking call may take by default.
        callbacks: The threads that deliver the signals; None: its own.
        on_event: Called on the reader with each message that answers no request; must not block.
        on_lost: Called on the reader, last, when the connection ended otherwise than by `close`; must not block.
        keepalive: Seconds of silence after which the server is pinged; it has 5 s to say anything, else the connection is lost.
            Defaults to 10; None: the server is never asked.
        resumption_key: By which the peer comes back when its connection broke, for whoever makes another client then; None: it
            does not come back.

    Raises:
        ValueError: The address is not one of a signalling server, or a number of seconds is none.
    """

    def __init__(
        self,
        uri: str | Endpoint | None = None,
        *,
        host: str | None = None,
        port: int | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        callbacks: Callbacks | None = None,
        on_event: Callable[[Event], None] | None = None,
        on_lost: Callable[[ConnectionLost], None] | None = None,
        keepalive: float | None = DEFAULT_KEEPALIVE,
        resumption_key: ResumptionKey | None = None,
    ) -> None:
        super().__init__()
        self.endpoint = resolve_endpoint(uri, host, port)
        self.uri = self.endpoint.uri
        self._timeout = check_timeout(timeout)
        self._keepalive = _checked_keepalive(keepalive)
        self._resumption_key = resumption_key
        self._owner = Owner(f"signalling client of {self.uri}")
        self._own_callbacks = callbacks is None
        self._callbacks = callbacks or Callbacks(f"callbacks-{self.uri.split('//', 1)[1]}")
        self._on_event = on_event
        self._on_connection_lost = on_lost
        # Held by connect() and close() for as long as they take, so that neither sees the other's half.
        self._lifecycle = threading.Lock()
        # The last one, until the next connect().
        self._exchange: Exchange | None = None

    def __repr__(self) -> str:
        state = f"peer {self.peer_id}" if self.peer_id is not None else "not connected"
        return f"<{type(self).__name__} at {self.uri}, {state}>"

    @property
    def peer_id(self) -> str | None:
        """The id that the server gave this peer, None before `connect`."""
        exchange = self._exchange
        return exchange.peer_id if exchange is not None and self._owner.is_here else None

    @property
    def is_connected(self) -> bool:
        """Whether the connection was made, and neither closed nor lost since."""
        exchange = self._exchange
        is_alive = exchange is not None and exchange.loss is None and not exchange.is_closed
        return is_alive and self._owner.is_here

    @property
    def is_resumed(self) -> bool:
        """Whether the server knows this peer, by its resumption key, from a connection before."""
        exchange = self._exchange
        return exchange is not None and exchange.is_resumed

    @property
    def is_given_up(self) -> bool:
        """Whether `give_up` was called since the last `connect`."""
        exchange = self._exchange
        return exchange is not None and exchange.is_given_up

    def connect(self, timeout: float | None = None) -> Self:
        """Connect and wait for the server's welcome; does nothing when connected.

        Args:
            timeout: Seconds; None: the object's default.

        Returns:
            The client.

        Raises:
            ConnectError: There is no way to the server, or it refused the connection; the message says which part failed, and
                `ConnectError.status` is the HTTP status of a refusal.
            ConnectTimeout: The server did not answer in time.
            ConnectionLost: The server closed the connection before its welcome, or another thread called `close`.
            RuntimeError: The object was inherited by `fork`, or gevent or eventlet has patched threads or sockets.
        """
        self._owner.check()
        check_native()
        deadline = self._deadline(timeout)
        with self._lifecycle:
            if self.is_connected:
                return self
            self._disconnect(deadline)
            if self._own_callbacks:
                self._callbacks.open()
            try:
                self._exchange = Exchange(
                    self.endpoint, self._on_message, self._on_lost, self._keepalive, self._resumption_key
                )
                self._exchange.open(deadline)
            except TimeoutError as error:
                self._disconnect(deadline)
                if isinstance(error, ConnectTimeout):
                    raise
                raise ConnectTimeout(
                    f"connecting to the signalling server {self.uri}: no welcome within {deadline}."
                    " It accepts WebSocket connections, but does not speak the signalling protocol."
                ) from None
            except BaseException:
                self._disconnect(deadline)
                raise
        if self.is_given_up:
            self.close(deadline.remaining())
            raise ConnectionLost(f"connecting to the signalling server {self.uri}: closed while connecting")
        return self

    def close(self, timeout: float | None = None) -> None:
        """Send what is queued and disconnect; idempotent, from any thread and from callbacks.

        Args:
            timeout: Seconds; None: the object's default.

        Raises:
            RuntimeError: The object was inherited by `fork`.
        """
        self._owner.check()
        deadline = self._deadline(timeout)
        acquired = self._lifecycle.acquire(blocking=False)
        if not acquired:
            exchange = self._exchange
            if exchange is not None:
                exchange.give_up()
            # A callback must not wait for a close() that itself waits for the callbacks. A `connect` that has the lock sees
            # that it was given up.
            seconds = 0.0 if self._callbacks.is_current else deadline.remaining()
            acquired = self._lifecycle.acquire(timeout=seconds)
        if not acquired:
            return
        try:
            self._disconnect(deadline)
        finally:
            self._lifecycle.release()

    def give_up(self) -> None:
        """Have a `connect`, or a request that waits for its answer, raise soon; `close` then says goodbye to the server.

        From any thread, returns at once.
        """
        exchange = self._exchange
        if exchange is not None:
            exchange.give_up()

    def break_off(self) -> None:
        """End the connection without a goodbye, so that the server expects this peer back. Returns at once."""
        exchange = self._exchange
        if exchange is not None:
            exchange.break_off()

    def __enter__(self) -> Self:
        return self.connect()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A forked child leaves the block that it inherited too.
        if self._owner.is_here:
            self.close()

    def set_status(
        self, roles: Iterable[Role | str] = (), meta: Any = None, timeout: float | None = None
    ) -> tuple[Peer, ...]:
        """Register as producer, listener or passive consumer, replacing the earlier status.

        Args:
            roles: One or several of ``"producer"``, ``"listener"``, ``"consumer"``.
            meta: Any JSON value; by convention an object with a ``name``.
            timeout: Seconds; None: the object's default.

        Returns:
            The producers just after the change: the request that shows it was carried out is the one that lists them.

        Raises:
            ServerError: The server refused, for example producer and consumer together.
            ProtocolError: A role is unknown, or `meta` is not a JSON value.
            WaitTimeout: No answer in time.
            ConnectionLost: There is no connection.
        """
        return self.register(roles, meta, lambda producers: producers, self._deadline(timeout))

    def register(
        self,
        roles: Iterable[Role | str],
        meta: Any,
        accept: Callable[[tuple[Peer, ...]], Result],
        deadline: Deadline,
    ) -> Result:
        """`set_status` that takes the producers on the reader, before any later message is handled.

        Args:
            roles: What to register as.
            meta: What to register with.
            accept: Called on the reader with the producers just after the change; must not block.
            deadline: For the server's answer.

        Returns:
            What `accept` returned.

        Raises:
            ServerError: The server refused.
            ProtocolError: A role is unknown, or `meta` is not a JSON value.
            WaitTimeout: No answer in time.
            ConnectionLost: There is no connection.
        """
        names = (roles,) if isinstance(roles, str) else roles
        try:
            request = SetPeerStatus(tuple(Role(role) for role in names), meta)
        except ValueError as error:
            raise ProtocolError(f"setting the status: {error}") from None
        doing = f"registering as {', '.join(request.roles) or 'no role'} at {self.uri}"
        status, listed = status_request(accept, doing)
        self._connected().ask([(status, request), (listed, ListProducers())])
        status.wait(deadline, doing)
        result: Result = listed.wait(deadline, doing)
        return result

    def list_producers(self, timeout: float | None = None) -> list[Peer]:
        """The producers that are registered now.

        Args:
            timeout: Seconds; None: the object's default.

        Returns:
            The producers, in the server's order.

        Raises:
            ServerError: The server refused.
            WaitTimeout: No answer in time.
            ConnectionLost: There is no connection.
        """
        doing = f"listing the producers of {self.uri}"
        request = list_request(ProducerList, doing)
        answer: ProducerList = self._ask(request, ListProducers(), self._deadline(timeout), doing)
        return list(answer.producers)

    def list_consumers(self, timeout: float | None = None) -> list[Peer]:
        """The passive consumers that are registered now.

        Args:
            timeout: Seconds; None: the object's default.

        Returns:
            The consumers, in the server's order.

        Raises:
            ServerError: The server refused.
            WaitTimeout: No answer in time.
            ConnectionLost: There is no connection.
        """
        doing = f"listing the consumers of {self.uri}"
        request = list_request(ConsumerList, doing)
        answer: ConsumerList = self._ask(request, ListConsumers(), self._deadline(timeout), doing)
        return list(answer.consumers)

    def start_session(self, peer_id: str, offer: str | None = None, timeout: float | None = None) -> str:
        """Ask for a session with a producer, or as a producer with a passive consumer.

        Args:
            peer_id: The other end.
            offer: An SDP offer that the producer shall answer; None: the producer makes the offer.
            timeout: Seconds; None: the object's default.

        Returns:
            The session's id.

        Raises:
            PeerNotFound: There is no such peer.
            ServerError: The server refused otherwise, for example because the peer is no producer.
            WaitTimeout: No answer in time; should it come late, the session is ended.
            ConnectionLost: There is no connection.
        """
        return self.start_session_with(peer_id, offer, lambda event: event.session_id, self._deadline(timeout))

    def start_session_with(
        self, peer_id: str, offer: str | None, accept: Callable[[SessionEvent], Result], deadline: Deadline
    ) -> Result:
        """`start_session` that makes its result on the reader, before any later message of the session is handled.

        Args:
            peer_id: The other end.
            offer: An SDP offer that the producer shall answer, or None.
            accept: Called on the reader; must not block.
            deadline: For the server's answer.

        Returns:
            What `accept` returned.

        Raises:
            PeerNotFound: There is no such peer.
            ServerError: The server refused otherwise.
            WaitTimeout: No answer in time; should it come late, the session is ended.
            ConnectionLost: There is no connection.
        """
        doing = f"starting a session with peer {peer_id} at {self.uri}"

        def end_unwanted(event: SessionEvent) -> None:
            self.end_session(event.session_id, "the caller gave up waiting")

        request = session_request(peer_id, accept, end_unwanted, doing)
        result: Result = self._ask(request, StartSession(peer_id, offer), deadline, doing)
        return result

    def end_session(self, session_id: str, error: str | None = None) -> None:
        """End a session; returns at once. The server ignores a session that it does not know.

        Args:
            session_id: The session.
            error: What went wrong, for a peer that speaks protocol 1.1.

        Raises:
            ConnectionLost: There is no connection.
        """
        if error is not None:
            self._connected().send(EndSessionV1_1(session_id, error))
        # A server older than 1.1 ignored the first, one that is not ignores the second.
        self._connected().send(EndSession(session_id))

    def send_sdp(self, session_id: str, type: SdpType | str, sdp: str) -> None:  # noqa: A002 - the protocol's word
        """Send a session description to a session's other end; returns at once.

        Args:
            session_id: The session.
            type: ``"offer"`` or ``"answer"``.
            sdp: The description.

        Raises:
            ProtocolError: The type is another.
            ConnectionLost: There is no connection.
        """
        try:
            sdp_type = SdpType(type)
        except ValueError as error:
            raise ProtocolError(f"sending a session description: {error}") from None
        self._connected().send(SdpMessage(session_id, sdp_type, sdp))

    def send_ice(self, session_id: str, candidate: str, sdp_m_line_index: int = 0) -> None:
        """Send a candidate to a session's other end; returns at once.

        Args:
            session_id: The session.
            candidate: As in SDP (``candidate:...``), or an empty text: there are no more.
            sdp_m_line_index: The media description that it belongs to, counted from 0.

        Raises:
            ConnectionLost: There is no connection.
        """
        self._connected().send(IceMessage(session_id, candidate, sdp_m_line_index))

    def _deadline(self, timeout: float | None) -> Deadline:
        return Deadline(self._timeout if timeout is None else timeout)

    def _connected(self) -> Exchange:
        self._owner.check()
        exchange = self._exchange
        if exchange is not None and exchange.loss is not None:
            raise ConnectionLost(str(exchange.loss))
        if exchange is None or exchange.is_closed:
            raise ConnectionLost(f"not connected to {self.uri}: call connect(), or use `with SignallingClient(...)`")
        return exchange

    def _ask(self, request: PendingRequest, message: Request, deadline: Deadline, doing: str) -> Any:
        """Ask the server and wait for what becomes of its answer."""
        self._connected().ask([(request, message)])
        return request.wait(deadline, doing)

    def _disconnect(self, deadline: Deadline) -> None:
        if self._exchange is not None:
            self._exchange.close(deadline.remaining())
        if self._own_callbacks:
            self._callbacks.close(max(_GRACE_SECONDS, deadline.remaining()))

    # What follows is called on the reader.

    def _on_lost(self, error: ConnectionLost) -> None:
        if self._on_connection_lost is not None:
            self._on_connection_lost(error)
        self._callbacks.emit(self.connection_lost, self, error=error)

    def _on_message(self, event: Event, answered: bool) -> None:
        if self._on_event is not None and not answered:
            self._on_event(event)
        self._announce(event, self._callbacks)


def _checked_keepalive(seconds: float | None) -> float:
    if seconds is None:
        return math.inf
    if not check_timeout(seconds):
        raise ValueError("keepalive must be more than 0 s; None: the server is never asked")
    return seconds
