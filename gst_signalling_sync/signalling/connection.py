"""A WebSocket connection driven by two threads: a reader, and a writer so that sending never blocks."""

from __future__ import annotations

import contextlib
import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Final
from urllib.parse import unquote, urlsplit

import websocket

from ..endpoint import Endpoint
from ..errors import ConnectError, ConnectionLost, ConnectTimeout
from ..threads.fork import close_in_child
from ..threads.waiting import Deadline
from .frames import limit_messages

__all__ = ["Connection"]

logger = logging.getLogger(__name__)

_IDLE_SECONDS: Final = 20.0
"""Silence after which the reader asks for a sign of life. The reference server pings after 30 s of silence."""

_LOST_SECONDS: Final = 60.0
"""Silence after which the connection counts as lost."""

_CLOSING_SECONDS: Final = 1.0
"""How long the server may take to answer the closing handshake (RFC 6455 section 7.1.1)."""


class Connection:
    """A WebSocket from `open` to `close`.

    Threads: the reader owns receiving, the writer owns sending. `close`, and a failure of either, ends both by shutting
    the socket down, which wakes whichever of them is blocked in it.

    Args:
        endpoint: The server.
        on_text: Called with each text frame, on the reader.
        on_lost: Called once, last, on the reader, with the reason, or None after `close`.
    """

    def __init__(
        self, endpoint: Endpoint, on_text: Callable[[str], None], on_lost: Callable[[ConnectionLost | None], None]
    ) -> None:
        self.uri = endpoint.uri
        self._endpoint = endpoint
        self._on_text = on_text
        self._on_lost = on_lost
        self._closing = False
        self._outgoing: SimpleQueue[str | None] = SimpleQueue()
        sslopt: dict[str, object] = {"ca_certs": endpoint.cafile} if endpoint.cafile is not None else {}
        if endpoint.insecure:
            sslopt = {"cert_reqs": ssl.CERT_NONE}
        self._websocket = websocket.WebSocket(sockopt=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)], sslopt=sslopt)
        limit_messages(self._websocket)
        where = self.uri.split("//", 1)[1]
        self._reader = threading.Thread(target=self._read, name=f"gss-reader-{where}", daemon=True)
        self._writer = threading.Thread(target=self._write, name=f"gss-writer-{where}", daemon=True)

    def open(self, deadline: Deadline) -> None:
        """Connect, and start both threads.

        Args:
            deadline: For the TCP connection and the opening handshake.

        Raises:
            ConnectError: Nothing listens there, the name is unknown, or it is not a WebSocket server.
            ConnectTimeout: It did not answer in time.
            ConnectionLost: `interrupt` was called meanwhile.
        """
        try:
            self._connect(deadline)
            self._websocket.settimeout(_IDLE_SECONDS)
            # The writer first: the reader, which may end at once, waits for its end.
            self._writer.start()
            self._reader.start()
        except BaseException:
            # There may be no more threads to be had, or a Ctrl-C landed between the two.
            self._outgoing.put(None)
            if self._reader.is_alive():
                self._shut_down()
            else:
                self._websocket.shutdown()
            raise

    def interrupt(self) -> None:
        """Have an `open` under way in another thread raise; one still without a TCP connection goes on until it has it."""
        self._closing = True
        self._shut_down()

    def send(self, text: str) -> None:
        """Queue a text frame; returns at once. On a lost connection it goes nowhere: `on_lost` has told."""
        self._outgoing.put(text)

    def close(self, seconds: float) -> None:
        """Send what was queued, do the closing handshake, end both threads; idempotent.

        Args:
            seconds: How long this may take in all.
        """
        deadline = Deadline(seconds)
        self._closing = True
        if not self._reader.is_alive():
            return
        self._outgoing.put(None)
        self._writer.join(min(deadline.remaining(), _CLOSING_SECONDS))
        self._reader.join(min(deadline.remaining(), _CLOSING_SECONDS))
        # From here on a server that answers nothing, or a socket that takes nothing, is not waited for.
        self._shut_down()
        self._writer.join(_CLOSING_SECONDS)
        self._reader.join(_CLOSING_SECONDS)

    def _connect(self, deadline: Deadline) -> None:
        doing = f"connecting to the signalling server {self.uri}"
        self._websocket.settimeout(max(0.001, deadline.remaining()))
        # A socket's timeout is for each read; a server that drips bytes would never meet it.
        alarm = threading.Timer(deadline.remaining(), self._shut_down)
        alarm.daemon = True
        alarm.name = f"gss-alarm-{self.uri.split('//', 1)[1]}"
        alarm.start()
        try:
            authorization = self._endpoint.authorization()
            headers = [f"{name}: {value}" for name, value in self._endpoint.headers]
            if authorization is not None:
                headers.append(f"Authorization: {authorization}")
            options: dict[str, object] = {}
            if self._endpoint.proxy_uri:
                proxy = urlsplit(self._endpoint.proxy_uri)
                options["proxy_type"] = proxy.scheme
                options["http_proxy_host"], options["http_proxy_port"] = proxy.hostname, proxy.port
                if proxy.username is not None:
                    options["http_proxy_auth"] = unquote(proxy.username), unquote(proxy.password or "")
            self._websocket.connect(self._endpoint.request_uri, suppress_origin=True, header=headers, **options)
        except (websocket.WebSocketException, OSError, ValueError) as error:
            if not self._closing:
                raise _connect_error(doing, deadline, error) from error
        finally:
            alarm.cancel()
            alarm.join()
        if self._closing:
            raise ConnectionLost(f"{doing}: closed while connecting")
        sock = self._websocket.sock
        if sock is not None:
            close_in_child(sock)

    def _shut_down(self) -> None:
        """Wake whoever is blocked in the socket; its file descriptor stays until the reader gives it up."""
        # websocket-client's abort() does nothing once a close frame was sent.
        sock = self._websocket.sock
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _read(self) -> None:
        try:
            reason = self._read_until_end()
        finally:
            self._outgoing.put(None)
            self._shut_down()
        self._writer.join(_CLOSING_SECONDS)
        self._websocket.shutdown()
        self._on_lost(None if self._closing else ConnectionLost(f"connection to {self.uri} lost: {reason}"))

    def _read_until_end(self) -> str:
        last_heard = time.monotonic()
        while True:
            try:
                opcode, data = self._websocket.recv_data(control_frame=True)
            except websocket.WebSocketTimeoutException:
                silence = time.monotonic() - last_heard
                if silence > _LOST_SECONDS:
                    return f"the server was silent for {silence:.0f} s"
                with contextlib.suppress(websocket.WebSocketException, OSError):
                    self._websocket.ping()
                continue
            except Exception as error:  # noqa: BLE001 - whatever it was, unless `on_lost` is told callers wait in vain
                return str(error) or type(error).__name__
            last_heard = time.monotonic()
            if opcode == websocket.ABNF.OPCODE_CLOSE:
                return "the server closed it"
            if opcode == websocket.ABNF.OPCODE_TEXT:
                self._deliver(data)
            elif opcode == websocket.ABNF.OPCODE_BINARY:
                logger.warning("%s: dropped a binary message of the server, %d bytes", self.uri, len(data))

    def _deliver(self, data: bytes) -> None:
        try:
            self._on_text(data.decode())
        except Exception:
            logger.exception("%s: internal error while handling a message", self.uri)

    def _write(self) -> None:
        try:
            while (text := self._outgoing.get()) is not None:
                self._websocket.send(text)
            if self._closing:
                self._websocket.send_close()
        except (websocket.WebSocketException, OSError) as error:
            # The reader reports the loss: shut down, its recv ends.
            logger.debug("%s: sending failed: %s", self.uri, error)
            self._shut_down()


def _connect_error(doing: str, deadline: Deadline, error: Exception) -> ConnectError:
    if isinstance(error, websocket.WebSocketTimeoutException | TimeoutError) or not deadline.remaining():
        return ConnectTimeout(f"{doing}: it did not answer within {deadline}. Is this a signalling server?")
    if isinstance(error, websocket.WebSocketAddressException):
        return ConnectError(f"{doing}: no address is known for that host name: {error}")
    if isinstance(error, websocket.WebSocketBadStatusException):
        status = error.status_code
        return ConnectError(f"{doing}: the server refused the connection: HTTP {status} {error.status_message}", status)
    if isinstance(error, websocket.WebSocketException):
        return ConnectError(f"{doing}: this is not a WebSocket server: {str(error) or type(error).__name__}")
    if isinstance(error, ConnectionRefusedError):
        return ConnectError(
            f"{doing}: nothing listens there. Start one by `gst-signalling-sync serve`, or set $GST_SIGNALLING_URI."
        )
    return ConnectError(f"{doing}: {error}")
