"""`Connection`: one peer's WebSocket as the server holds it, a thin asyncio driver of the protocol class of `websockets`.

There is no task, queue or timer per open connection, so that thousands of idle peers cost little, and no write ever
waits, so that a peer which does not read cannot delay another.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterable, MutableMapping
from typing import Any, Final, Protocol, cast

from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

from ..threads.fork import close_in_child
from .reception import Page, Reception

__all__ = ["Connection", "Observer"]

logger = logging.getLogger(__name__)

MESSAGE_BYTES: Final = 2**20
"""The longest message taken from a peer. An SDP is tens of kilobytes, below 1 MiB also with many tracks and candidates."""

UNREAD_BYTES: Final = 4 * 2**20
"""How much may wait for a peer that does not read before it is cut off: a few of the longest messages, or the status
changes of some 20,000 peers."""

HANDSHAKE_SECONDS: Final = 10.0
"""How long a client may take from the TCP connection to the WebSocket handshake."""

GOODBYE_SECONDS: Final = 1.0
"""How long a peer may take to close its side once the closing has begun."""

PING_SECONDS: Final = 30.0
"""Silence towards a peer after which it is pinged, as the reference server does. Neither looks at the pong: TCP notices
a peer that is gone."""


class Observer(Protocol):
    """What a connection reports to; every call is made on the loop."""

    def made(self, connection: Connection) -> None:
        """A TCP connection was accepted."""

    def opened(self, connection: Connection) -> None:
        """The handshake is done."""

    def received(self, connection: Connection, text: str) -> None:
        """A text message arrived."""

    def left(self, connection: Connection) -> None:
        """The peer is gone, or has begun to close; called once, after `opened`."""

    def lost(self, connection: Connection) -> None:
        """The TCP connection is gone."""


class _WebSocketLog(logging.LoggerAdapter[logging.Logger]):
    """Keeps tracebacks of what strangers send out of the log, unless it is at debug level."""

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        if not self.isEnabledFor(logging.DEBUG):
            kwargs["exc_info"] = None
        return msg, kwargs


_websocket_log = _WebSocketLog(logger, {})


class Connection(asyncio.Protocol):
    """A connection from accept to loss.

    Args:
        observer: What to report to.
        reception: What answers its request.
        loop: The event loop that it runs on.

    Attributes:
        peer_id: The peer's id once it is open, for its observer to set.
    """

    __slots__ = (
        "__weakref__",
        "_descriptor",
        "_is_open",
        "_last_write",
        "_loop",
        "_observer",
        "_partial",
        "_reception",
        "_timer",
        "_transport",
        "_websocket",
        "peer_id",
    )

    def __init__(self, observer: Observer, reception: Reception, loop: asyncio.AbstractEventLoop) -> None:
        self.peer_id = ""
        self._reception = reception
        self._observer = observer
        self._loop = loop
        self._websocket = ServerProtocol(max_size=MESSAGE_BYTES, logger=_websocket_log)
        self._transport: asyncio.Transport
        self._descriptor = -1
        self._timer: asyncio.TimerHandle | None = None
        self._partial: bytearray | None = None
        self._is_open = False
        self._last_write = 0.0

    def fileno(self) -> int:
        """The descriptor of its socket; -1 where there is none."""
        return self._descriptor

    def send(self, message: bytes) -> None:
        """Send a text message, without waiting; a peer that leaves too much unread is cut off instead.

        Args:
            message: UTF-8 text.
        """
        if self._websocket.state is not State.OPEN or self._transport.is_closing():
            return
        if self._transport.get_write_buffer_size() > UNREAD_BYTES:
            self.cut_off(f"it leaves more than {UNREAD_BYTES} bytes unread", logging.WARNING)
            return
        self._websocket.send_text(message)
        self._write()

    def ping_if_silent(self, now: float) -> None:
        """Ping a peer that nothing was sent to for a while.

        Args:
            now: The loop's time.
        """
        if now - self._last_write < PING_SECONDS or self._websocket.state is not State.OPEN:
            return
        self._websocket.send_ping(b"")
        self._write()

    def go_away(self) -> None:
        """Begin to close because the server stops: code 1001 to an open peer, the end to any other."""
        if self._websocket.state is not State.OPEN:
            self._transport.abort()
            return
        self._websocket.send_close(CloseCode.GOING_AWAY)
        self._write()

    def cut_off(self, reason: str, level: int = logging.DEBUG) -> None:
        """Drop the connection at once, with what was not sent yet.

        Args:
            reason: For the log.
            level: Of the log line.
        """
        logger.log(level, "%s: cut off: %s", self, reason)
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for the handshake."""
        # uvloop's class is a transport without deriving from this one.
        self._transport = cast(asyncio.Transport, transport)
        self._descriptor = transport.get_extra_info("socket").fileno()
        close_in_child(self)
        self._observer.made(self)
        self._set_timer(HANDSHAKE_SECONDS, f"no WebSocket handshake within {HANDSHAKE_SECONDS:g} s")

    def data_received(self, data: bytes) -> None:
        """Feed the protocol, and act on what it made of the bytes."""
        try:
            self._websocket.receive_data(data)
            self._process(self._websocket.events_received())
        except Exception:
            logger.exception("%s: internal error", self)
            self._transport.abort()
            return
        self._write()

    def eof_received(self) -> None:
        """Answer the end of the stream; the transport closes by itself afterwards."""
        self._websocket.receive_eof()
        self._write()

    def connection_lost(self, exc: Exception | None) -> None:
        """Report the loss."""
        self._descriptor = -1
        self._cancel_timer()
        self._leave()
        self._observer.lost(self)

    def __str__(self) -> str:
        if self.peer_id:
            return f"peer {self.peer_id}"
        return f"connection from {self._transport.get_extra_info('peername')}"

    def _process(self, events: Iterable[object]) -> None:
        for event in events:
            if isinstance(event, Request):
                self._answer_handshake(event)
            elif isinstance(event, Frame) and self._is_open:
                self._take_frame(event)
        if self._websocket.close_expected():
            self._leave()

    def _answer_handshake(self, request: Request) -> None:
        if self._websocket.close_expected():
            # What came with the request was no WebSocket, and the protocol has already given up.
            self.cut_off("no WebSocket client: it did not wait for the answer to its handshake", logging.WARNING)
            return
        answer = self._reception.receive(request, str(self._transport.get_extra_info("peername")[0]))
        if isinstance(answer, Page):
            self._show(answer, request)
            return
        response = self._websocket.accept(request)
        self._websocket.send_response(response)
        if self._websocket.state is not State.OPEN:
            return
        self._write()
        self._cancel_timer()
        self._is_open = True
        self._observer.opened(self)

    def _show(self, page: Page, request: Request) -> None:
        if page.refusal is None:
            logger.debug("%s: %.100s: %d", self, request.path, page.status)
        else:
            logger.warning("%s: refused by %s: %.300s", self, page.refusal, page.body.strip())
        # The method is always GET before websockets 16.
        self._websocket.send_response(page.response(getattr(request, "method", "GET")))

    def _take_frame(self, frame: Frame) -> None:
        if frame.opcode is Opcode.BINARY:
            logger.warning("%s: binary message dropped", self)
        elif frame.opcode is Opcode.TEXT and frame.fin:
            self._take_text(bytes(frame.data))
        elif frame.opcode is Opcode.TEXT:
            self._partial = bytearray(frame.data)
        elif frame.opcode is Opcode.CONT and self._partial is not None:
            self._take_fragment(self._partial, frame)

    def _take_fragment(self, partial: bytearray, frame: Frame) -> None:
        partial += frame.data
        if frame.fin:
            self._partial = None
            self._take_text(bytes(partial))

    def _take_text(self, message: bytes) -> None:
        try:
            text = message.decode()
        except UnicodeDecodeError as error:
            if self._websocket.state is State.OPEN:
                # RFC 6455, section 8.1.
                self._websocket.fail(CloseCode.INVALID_DATA, f"{error.reason} at position {error.start}")
            return
        self._observer.received(self, text)

    def _write(self) -> None:
        chunks = self._websocket.data_to_send()
        if not chunks or self._transport.is_closing():
            return
        self._last_write = self._loop.time()
        for chunk in chunks:
            if chunk:
                self._transport.write(chunk)
            else:
                self._end_stream()
        if self._timer is None and self._websocket.close_expected():
            self._set_timer(GOODBYE_SECONDS, f"did not close within {GOODBYE_SECONDS:g} s")

    def _end_stream(self) -> None:
        self._log_failed_handshake()
        # uvloop raises this one when the other end was faster.
        with contextlib.suppress(RuntimeError):
            self._transport.write_eof()
        self._set_timer(GOODBYE_SECONDS, f"did not close within {GOODBYE_SECONDS:g} s")

    def _log_failed_handshake(self) -> None:
        error = self._websocket.handshake_exc
        if error is None:
            return
        nothing_came = isinstance(error.__cause__, EOFError)
        logger.log(logging.DEBUG if nothing_came else logging.WARNING, "%s: no WebSocket client: %.300s", self, error)

    def _leave(self) -> None:
        if self._is_open:
            self._is_open = False
            self._observer.left(self)

    def _set_timer(self, seconds: float, reason: str) -> None:
        self._cancel_timer()
        self._timer = self._loop.call_later(seconds, self.cut_off, reason)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
