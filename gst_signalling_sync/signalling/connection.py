"""A WebSocket connection driven by two threads: a reader, and a writer so that sending never blocks."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Final

import websocket

from ..errors import ConnectError, ConnectionLost, ConnectTimeout
from ..threads import Deadline

__all__ = ["Connection"]

logger = logging.getLogger(__name__)

_IDLE_SECONDS: Final = 20.0
"""Silence after which the reader asks for a sign of life. The reference server pings after 30 s of silence."""

_LOST_SECONDS: Final = 60.0
"""Silence after which the connection counts as lost."""

_CLOSING_SECONDS: Final = 1.0
"""How long the server may take to answer the closing handshake (RFC 6455 section 7.1.1)."""


class Connection:
    """A connected WebSocket.

    Threads: the reader owns receiving, the writer owns sending. `close`, and a failure of either, ends both by shutting
    the socket down, which wakes whichever of them is blocked in it.

    Args:
        uri: A ``ws://`` or ``wss://`` URI.
        deadline: For the TCP connection and the opening handshake.
        on_text: Called with each text frame, on the reader.
        on_lost: Called once, last, on the reader, with the reason, or None after `close`.

    Raises:
        ConnectError: Nothing listens there, the name is unknown, or it is not a WebSocket server.
        ConnectTimeout: It did not answer in time.
    """

    def __init__(
        self,
        uri: str,
        deadline: Deadline,
        on_text: Callable[[str], None],
        on_lost: Callable[[ConnectionLost | None], None],
    ) -> None:
        self.uri = uri
        self._on_text = on_text
        self._on_lost = on_lost
        self._closing = False
        self._outgoing: SimpleQueue[str | None] = SimpleQueue()
        self._websocket = _open_websocket(uri, deadline)
        self._websocket.settimeout(_IDLE_SECONDS)
        where = uri.split("//", 1)[1]
        self._reader = threading.Thread(target=self._read, name=f"gss-reader-{where}", daemon=True)
        self._writer = threading.Thread(target=self._write, name=f"gss-writer-{where}", daemon=True)
        self._reader.start()
        self._writer.start()

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
        self._outgoing.put(None)
        self._writer.join(min(deadline.remaining(), _CLOSING_SECONDS))
        self._reader.join(min(deadline.remaining(), _CLOSING_SECONDS))
        # From here on a server that answers nothing, or a socket that takes nothing, is not waited for.
        self._websocket.abort()
        self._writer.join(_CLOSING_SECONDS)
        self._reader.join(_CLOSING_SECONDS)

    def _read(self) -> None:
        try:
            reason = self._read_until_end()
        finally:
            self._outgoing.put(None)
            self._websocket.abort()
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
            except (websocket.WebSocketException, OSError, ValueError) as error:
                return str(error) or type(error).__name__
            last_heard = time.monotonic()
            if opcode == websocket.ABNF.OPCODE_CLOSE:
                return "the server closed it"
            if opcode == websocket.ABNF.OPCODE_TEXT:
                self._deliver(data)

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
            self._websocket.abort()


def _open_websocket(uri: str, deadline: Deadline) -> websocket.WebSocket:
    doing = f"connecting to the signalling server {uri}"
    try:
        return websocket.create_connection(
            uri,
            timeout=max(0.001, deadline.remaining()),
            sockopt=((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),),
            suppress_origin=True,
        )
    except (websocket.WebSocketTimeoutException, TimeoutError):
        raise ConnectTimeout(
            f"{doing}: it did not answer within {deadline.seconds:g} s. Is this a signalling server?"
        ) from None
    except websocket.WebSocketBadStatusException as error:
        raise ConnectError(f"{doing}: this is not a WebSocket server: {error}") from error
    except websocket.WebSocketException as error:
        raise ConnectError(f"{doing}: this is not a WebSocket server: {error or type(error).__name__}") from error
    except ConnectionRefusedError as error:
        raise ConnectError(
            f"{doing}: nothing listens there. Start one by `gst-signalling-sync serve`, or set $GST_SIGNALLING_URI."
        ) from error
    except (OSError, ValueError) as error:
        raise ConnectError(f"{doing}: {error}") from error
