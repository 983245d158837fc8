"""`SignallingClient`: one connection to a signalling server, with blocking requests and signals."""

from __future__ import annotations

import math
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Final, Self

from ..endpoint import Endpoint, resolve_endpoint
from ..errors import ConnectionLost, ConnectTimeout
from ..protocol.messages import Event, Peer, Role, SdpType
from ..threads.callbacks import Callbacks
from ..threads.native import check_native
from ..threads.owner import Owner
from ..threads.waiting import Deadline, check_timeout
from .client_life import ClientLife
from .exchange import Exchange
from .requests import Requests
from .server_signals import ServerSignals

__all__ = ["DEFAULT_KEEPALIVE", "DEFAULT_TIMEOUT", "SignallingClient"]

DEFAULT_TIMEOUT: Final = 10.0
"""Seconds that a blocking call may take where neither the call nor its object has another timeout."""

DEFAULT_KEEPALIVE: Final = 10.0
"""Seconds of silence after which a server is pinged."""

_GRACE_SECONDS: Final = 0.5
"""How long the callback thread may take to stop when the timeout is over."""


class SignallingClient(ServerSignals):
    """One connection to a signalling server: `connect`, requests, `close`. A context manager that connects and closes.

    Requests block until the server has answered. Every message of the server is also emitted as a signal, on a callback
    thread. All methods may be called from any thread and from callbacks.

    Example:
        with SignallingClient("ws://robot.local:8443") as client:
            client.set_status(["producer"], {"name": "arm"})
            print(client.list_producers())

    Signals:
        welcomed(client, peer_id): Connected.
        peer_status_changed(client, peer, roles): A peer's status changed; without roles, the peer left.
        session_started(client, peer_id, session_id): This consumer got a session.
        session_requested(client, peer_id, session_id, offer): This producer got a session.
        session_ended(client, session_id, error): The other end ended a session.
        sdp_received(client, session_id, type, sdp): A session description arrived.
        ice_received(client, session_id, candidate, sdp_m_line_index): A candidate arrived.
        producers_listed(client, producers): The answer to `list_producers` arrived.
        consumers_listed(client, consumers): The answer to `list_consumers` arrived.
        error_received(client, details): The server refused a request.
        connection_lost(client, error): The connection ended without `close`.

    Args:
        uri: An `Endpoint`, or its URI, such as ``ws://host:port``. Defaults to ``$GST_SIGNALLING_URI``, else
            ``ws://127.0.0.1:8443``.
        host: The server's host, instead of `uri`.
        port: The server's TCP port, instead of `uri`.
        timeout: Seconds that a blocking call may take. Defaults to 10.
        keepalive: Seconds of silence after which the server is pinged. If it then sends nothing for 5 s, the connection is
            lost. Defaults to 10; None: the server is never pinged.

    Attributes:
        uri: The server's URI, without secrets.

    Raises:
        ValueError: The address is not that of a signalling server, or a number of seconds is out of its range.
    """

    def __init__(
        self,
        uri: str | Endpoint | None = None,
        *,
        host: str | None = None,
        port: int | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        keepalive: float | None = DEFAULT_KEEPALIVE,
    ) -> None:
        super().__init__()
        self._endpoint = resolve_endpoint(uri, host, port)
        self.uri = self._endpoint.uri
        self._timeout = check_timeout(timeout)
        self._keepalive = _checked_keepalive(keepalive)
        self._owner = Owner(f"signalling client of {self.uri}")
        self._callbacks = Callbacks(f"callbacks-{self.uri.split('//', 1)[1]}")
        self._life = ClientLife(self.uri, _Connecting(self))
        # That of the last connect(); kept until the next one.
        self._exchange: Exchange | None = None
        self._requests = Requests(self.uri, self._connected)

    def __repr__(self) -> str:
        state = f"peer {self.peer_id}" if self.peer_id is not None else "not connected"
        return f"<{type(self).__name__} at {self.uri}, {state}>"

    @property
    def peer_id(self) -> str | None:
        """The id that the server gave this peer; None before `connect`."""
        exchange = self._exchange
        return exchange.peer_id if exchange is not None and self._owner.is_here else None

    def connect(self, timeout: float | None = None) -> Self:
        """Connect and wait for the server's welcome. Does nothing when connected.

        Args:
            timeout: Seconds. Defaults to the client's timeout.

        Returns:
            The client.

        Raises:
            ConnectError: The server cannot be reached, or refused the connection; the message says which step failed, and
                `ConnectError.status` is the HTTP status of a refusal.
            ConnectTimeout: The server did not answer in time.
            ConnectionLost: The server closed the connection before its welcome, or another thread called `close`.
            RuntimeError: The object was inherited by `fork`, or gevent or eventlet has patched threads or sockets.
        """
        self._owner.check()
        check_native()
        self._life.connect(self._deadline(timeout), in_callback=self._callbacks.is_current)
        return self

    def close(self, timeout: float | None = None) -> None:
        """Send what is queued and disconnect; idempotent, callable from any thread and from callbacks.

        Args:
            timeout: Seconds. Defaults to the client's timeout.

        Raises:
            WaitTimeout: Another thread has been connecting or closing for that long.
            RuntimeError: The object was inherited by `fork`.
        """
        self._owner.check()
        self._life.close(self._deadline(timeout), in_callback=self._callbacks.is_current)

    def __enter__(self) -> Self:
        return self.connect()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A forked child leaves the inherited block too.
        if self._owner.is_here:
            self.close()

    def set_status(
        self, roles: Iterable[Role | str] = (), meta: Any = None, timeout: float | None = None
    ) -> tuple[Peer, ...]:
        """Register as producer, listener or passive consumer, replacing the former status.

        Args:
            roles: One or several of ``"producer"``, ``"listener"``, ``"consumer"``. Defaults to no role.
            meta: Any JSON value, by convention an object with a ``name``. Defaults to None.
            timeout: Seconds. Defaults to the client's timeout.

        Returns:
            The producers just after the change, as the server lists them in its answer.

        Raises:
            ServerError: The server refused, for example producer and consumer together.
            ProtocolError: A role is unknown, or `meta` is not a JSON value, longer than 64 KiB or nested too deeply.
            WaitTimeout: No answer in time.
            ConnectionLost: There is no connection.
            RuntimeError: The client was inherited by `fork`.
        """
        return self._requests.register(roles, meta, lambda producers: producers, self._deadline(timeout))

    def list_producers(self, timeout: float | None = None) -> list[Peer]:
        """The producers that are registered now.

        Args:
            timeout: Seconds. Defaults to the client's timeout.

        Returns:
            The producers, in the server's order.

        Raises:
            ServerError: The server refused the request.
            WaitTimeout: No answer in time.
            ConnectionLost: There is no connection.
            RuntimeError: The client was inherited by `fork`.
        """
        return self._requests.list_producers(self._deadline(timeout))

    def list_consumers(self, timeout: float | None = None) -> list[Peer]:
        """The passive consumers that are registered now.

        Args:
            timeout: Seconds. Defaults to the client's timeout.

        Returns:
            The consumers, in the server's order.

        Raises:
            ServerError: The server refused the request.
            WaitTimeout: No answer in time.
            ConnectionLost: There is no connection.
            RuntimeError: The client was inherited by `fork`.
        """
        return self._requests.list_consumers(self._deadline(timeout))

    def start_session(self, peer_id: str, offer: str | None = None, timeout: float | None = None) -> str:
        """Ask for a session with a producer, or as a producer with a passive consumer.

        Args:
            peer_id: The other end.
            offer: An SDP offer for the producer to answer. Defaults to None: the producer makes the offer.
            timeout: Seconds. Defaults to the client's timeout.

        Returns:
            The session's id.

        Raises:
            PeerNotFound: There is no such peer.
            ServerError: The server refused for another reason, for example because the peer is not a producer.
            WaitTimeout: No answer in time; if it comes later, the session is ended.
            ConnectionLost: There is no connection.
            RuntimeError: The client was inherited by `fork`.
        """
        return self._requests.start_session(peer_id, offer, lambda event: event.session_id, self._deadline(timeout))

    def end_session(self, session_id: str, error: str | None = None) -> None:
        """End a session; returns at once. The server ignores a session that it does not know.

        Args:
            session_id: The session.
            error: What went wrong, for a peer that speaks protocol 1.1. Defaults to None.

        Raises:
            ConnectionLost: There is no connection.
            RuntimeError: The client was inherited by `fork`.
        """
        self._requests.end_session(session_id, error)

    def send_sdp(self, session_id: str, type: SdpType | str, sdp: str) -> None:  # noqa: A002 - the protocol's word
        """Send a session description to a session's other end; returns at once.

        Args:
            session_id: The session.
            type: ``"offer"`` or ``"answer"``.
            sdp: The description.

        Raises:
            ProtocolError: The type is unknown.
            ConnectionLost: There is no connection.
            RuntimeError: The client was inherited by `fork`.
        """
        self._requests.send_sdp(session_id, type, sdp)

    def send_ice(self, session_id: str, candidate: str, sdp_m_line_index: int = 0) -> None:
        """Send a candidate to a session's other end; returns at once.

        Args:
            session_id: The session.
            candidate: As in SDP (``candidate:...``); an empty string ends the candidates.
            sdp_m_line_index: The media section that it belongs to, counted from 0. Defaults to 0.

        Raises:
            ConnectionLost: There is no connection.
            RuntimeError: The client was inherited by `fork`.
        """
        self._requests.send_ice(session_id, candidate, sdp_m_line_index)

    def _deadline(self, timeout: float | None) -> Deadline:
        return Deadline(self._timeout if timeout is None else timeout)

    @property
    def _is_connected(self) -> bool:
        exchange = self._exchange
        is_alive = exchange is not None and exchange.loss is None and not exchange.is_closed
        return is_alive and self._owner.is_here

    def _connected(self) -> Exchange:
        self._owner.check()
        exchange = self._exchange
        if exchange is not None and exchange.loss is not None:
            raise ConnectionLost(str(exchange.loss))
        if exchange is None or exchange.is_closed:
            raise ConnectionLost(f"not connected to {self.uri}: call connect(), or use `with SignallingClient(...)`")
        return exchange

    def _open(self, deadline: Deadline) -> None:
        if self._is_connected:
            return
        self._disconnect(deadline)
        self._open_callbacks()
        try:
            self._begin_exchange()
            assert self._exchange is not None
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
        if self._exchange.is_given_up:
            self._disconnect(deadline)
            raise ConnectionLost(f"connecting to the signalling server {self.uri}: closed while connecting")

    def _begin_exchange(self) -> None:
        self._exchange = self._new_exchange()

    def _interrupt(self) -> None:
        exchange = self._exchange
        if exchange is not None:
            exchange.give_up()

    def _disconnect(self, deadline: Deadline) -> None:
        if self._exchange is not None:
            self._exchange.close(deadline.remaining())
        self._close_callbacks(max(_GRACE_SECONDS, deadline.remaining()))

    def _open_callbacks(self) -> None:
        self._callbacks.open()

    def _close_callbacks(self, seconds: float) -> None:
        self._callbacks.close(seconds)

    def _new_exchange(self) -> Exchange:
        return Exchange(self._endpoint, self._on_message, self._on_lost, self._keepalive)

    # What follows runs on the reader.

    def _on_lost(self, error: ConnectionLost) -> None:
        self._callbacks.emit(self.connection_lost, self, error=error)

    def _on_message(self, event: Event, answered: bool) -> None:
        self._announce(event, self._callbacks)


class _Connecting:
    """The client's side of `ClientLife`."""

    def __init__(self, client: SignallingClient) -> None:
        self._client = client

    def connect(self, deadline: Deadline) -> None:
        self._client._open(deadline)

    def disconnect(self, deadline: Deadline) -> None:
        self._client._disconnect(deadline)

    def interrupt(self) -> None:
        self._client._interrupt()


def _checked_keepalive(seconds: float | None) -> float:
    if seconds is None:
        return math.inf
    if not check_timeout(seconds):
        raise ValueError(f"keepalive must be more than 0 s, or None to ping never, not {seconds!r}")
    return seconds
