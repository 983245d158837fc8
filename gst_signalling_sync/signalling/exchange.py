"""`Exchange`: one connection to a signalling server, with its welcome, and the requests that wait for answers on it.

A client that connects again makes another exchange. The reader of the former one may still run when `close` gave up waiting for
it: it reports to its own exchange, which is closed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import InvalidStateError

from ..endpoint import Endpoint
from ..errors import ConnectionLost, ProtocolError
from ..protocol.messages import Error, Event, ProtocolVersion, Request, SetProtocolVersion, Welcome
from ..protocol.wire import parse_event, serialise_request
from ..threads.interruptible import Future
from ..threads.waiting import Deadline, result_of
from .connection import Connection
from .pending import PendingRequest, PendingRequests
from .repeated import RepeatedWarnings
from .resumption_key import ResumptionKey

__all__ = ["Exchange"]

logger = logging.getLogger(__name__)


class Exchange:
    """One connection from `open` to `close`: a caller's thread opens and closes it, the reader handles messages.

    Args:
        endpoint: The server.
        on_event: Called on the reader with each message, and whether it answered a request; must not block.
        on_lost: Called on the reader, as the last call, when the connection ended and `close` was not called, before the
            waiting callers are told; must not block.
        keepalive: Seconds of silence after which the server is pinged; `math.inf`: never.
        resumption_key: The key by which the peer resumes. Defaults to None: it does not.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        on_event: Callable[[Event, bool], None],
        on_lost: Callable[[ConnectionLost], None],
        keepalive: float,
        resumption_key: ResumptionKey | None = None,
    ) -> None:
        self.uri = endpoint.uri
        self._on_event = on_event
        self._on_connection_lost = on_lost
        self._connection = Connection(endpoint, self._on_text, self._on_lost, keepalive, resumption_key)
        # Whether the server may know this peer, which has chosen its version then.
        self._comes_back = resumption_key is not None and not resumption_key.is_new
        self._pending = PendingRequests()
        self._welcome: Future[Welcome] = Future()
        self._warnings = RepeatedWarnings(logger, self.uri)
        self.is_closed = False
        """Whether `close` was called."""
        self.is_given_up = False
        """Whether `give_up` was called."""
        # Whether `close` has returned; the reader may still run when it took too long.
        self._is_over = False
        self.loss: ConnectionLost | None = None
        """Why the connection ended, where `close` was not called; written by the reader."""

    @property
    def peer_id(self) -> str | None:
        """The id that the server gave this peer; None before its welcome."""
        welcome = self._welcomed
        return None if welcome is None else welcome.peer_id

    @property
    def is_resumed(self) -> bool:
        """Whether the server knows this peer from a former connection."""
        welcome = self._welcomed
        return welcome is not None and welcome.sessions is not None

    @property
    def _welcomed(self) -> Welcome | None:
        return self._welcome.result() if self._welcome.done() and not self._welcome.exception() else None

    def open(self, deadline: Deadline) -> None:
        """Connect and wait for the server's welcome.

        Raises:
            ConnectError: The server cannot be reached, or refused the connection.
            ConnectTimeout: The server, or a proxy on the way, did not answer in time.
            TimeoutError: The server sent no welcome in time.
            ConnectionLost: The server closed the connection before its welcome, or `give_up` was called.
        """
        self._connection.open(deadline)
        if not self._comes_back:
            self._choose_version()
        result_of(self._welcome, deadline)

    def give_up(self) -> None:
        """Make every present and later wait raise that the connection is closed. From any thread; returns at once.

        The closing handshake is left to `close`.
        """
        self.is_given_up = True
        self._connection.interrupt()
        self._pending.fail(self._closed_error())
        self._settle_welcome(lambda: self._welcome.set_exception(self._closed_error()))

    def break_off(self) -> None:
        """Drop the connection without a closing handshake, so that the server lets the peer resume. Returns at once."""
        self._connection.break_off()

    def close(self, seconds: float) -> None:
        """Send what is queued, disconnect, and make every waiting request raise; idempotent."""
        self.is_closed = True
        self._connection.close(seconds)
        self._is_over = True
        self._pending.fail(self._closed_error())

    def send(self, request: Request) -> None:
        """Queue a request that has no answer; returns at once."""
        self._connection.send(serialise_request(request))

    def ask(self, requests: list[tuple[PendingRequest, Request]]) -> None:
        """Queue requests that have answers, with no other request between them; returns at once.

        Raises:
            ProtocolError: A request holds something that is not a JSON value.
            ConnectionLost: The connection has ended.
        """
        texts = [serialise_request(request) for _, request in requests]

        def send() -> None:
            for text in texts:
                self._connection.send(text)

        self._pending.add([pending for pending, _ in requests], send)

    def _choose_version(self) -> None:
        # A peer may choose its version only as its first message. A server older than 1.1 ignores it.
        self._connection.send(serialise_request(SetProtocolVersion(ProtocolVersion.V1_1)))

    def _settle_welcome(self, settle: Callable[[], None]) -> bool:
        """Set the outcome of the wait for the welcome, unless it is set.

        Returns:
            Whether this call has set it.
        """
        try:
            settle()
        except InvalidStateError:
            return False
        return True

    def _closed_error(self) -> ConnectionLost:
        return ConnectionLost(f"the connection to {self.uri} is closed")

    # What follows is called on the reader.

    def _on_lost(self, error: ConnectionLost | None) -> None:
        self.loss = error
        self._warnings.report()
        try:
            # Before the waiting callers are told, because they may connect again.
            if error is not None:
                logger.warning("%s", error)
                self._on_connection_lost(error)
        finally:
            reason = error or self._closed_error()
            self._pending.fail(reason)
            self._settle_welcome(lambda: self._welcome.set_exception(reason))

    def _on_text(self, text: str) -> None:
        if self._is_over:
            return
        try:
            event = parse_event(text)
        except ProtocolError as error:
            self._warnings.warn("dropped a message of the server", str(error))
            return
        logger.debug("%s: received %s", self.uri, event)
        if isinstance(event, Welcome):
            if self._welcome.done():
                if not self.is_given_up:
                    self._warnings.warn("dropped a second welcome of the server", event.peer_id)
                return
            if self._comes_back and event.sessions is None:
                self._choose_version()
            if not self._settle_welcome(lambda: self._welcome.set_result(event)):
                return
        answered = self._pending.resolve(event)
        if isinstance(event, Error) and not answered:
            self._warnings.warn("the server refused a message", event.details)
        self._on_event(event, answered)
