"""The opening handshake of a WebSocket (RFC 6455 section 4), done by websocket-client over a connection that is there already.

websocket-client makes the request and checks that the answer belongs to it. What goes over the wire, when it comes, and what an
answer other than 101 means is decided by the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final
from urllib.parse import quote, urlsplit

import websocket

from .http_head import HttpHead

__all__ = ["NotWebSocket", "shake_hands"]

_NOWHERE: Final = "ws://server.invalid"
"""Stands for the server: websocket-client uses the name only to look for cookies, which other connections may have left."""

_CHECKED_HEADERS: Final = ("upgrade", "connection", "sec-websocket-accept")

_NOT_OFFERED: Final = {"sec-websocket-extensions": "an extension", "sec-websocket-protocol": "a subprotocol"}

_PATH_CHARS: Final = "/%:@!$&'()*+,=~"
"""What a path keeps as it is. A semicolon is not among it: websocket-client would leave out what follows."""

_QUERY_CHARS: Final = _PATH_CHARS + ";?"


class NotWebSocket(ValueError):
    """The answer is no WebSocket server's; the message says what is wrong."""


def shake_hands(
    uri: str,
    host: str,
    headers: Sequence[tuple[str, str]],
    send: Callable[[bytes], None],
    answer: Callable[[], HttpHead],
) -> HttpHead:
    """Do the handshake.

    Args:
        uri: Whose path and query are asked for.
        host: The Host header.
        headers: The further headers.
        send: Sends the request.
        answer: Returns the head of the answer, of status 101.

    Returns:
        The head of the answer, which belongs to the request.

    Raises:
        NotWebSocket: The answer does not belong to the request.
        Exception: What `send` or `answer` raised.
    """
    connection = _Exchange(send, answer)
    try:
        websocket.WebSocket(enable_multithread=False).connect(
            _NOWHERE + _resource_of(uri),
            socket=connection,
            host=host,
            header=[f"{name}: {value}" for name, value in headers],
            suppress_origin=True,
            redirect_limit=0,
        )
    except websocket.WebSocketException as error:
        # It takes a timeout for one of its own.
        raise (connection.failure or NotWebSocket(str(error))) from None
    assert connection.head is not None
    return connection.head


class _Exchange:
    """One request and its answer, in the form of the socket that websocket-client expects."""

    def __init__(self, send: Callable[[bytes], None], answer: Callable[[], HttpHead]) -> None:
        self._send = send
        self._answer = answer
        self._unread: bytes | None = None
        self.failure: Exception | None = None
        self.head: HttpHead | None = None

    def gettimeout(self) -> None:
        """Waits are the caller's."""

    def close(self) -> None:
        """The caller closes its connection itself."""

    def send(self, data: bytes) -> int:
        try:
            self._send(data)
        except Exception as error:
            self.failure = error
            raise
        return len(data)

    def recv(self, size: int) -> bytes:
        if self._unread is None:
            try:
                self.head = self._answer()
                self._unread = _checkable(self.head)
            except Exception as error:
                self.failure = error
                raise
        data, self._unread = self._unread[:size], self._unread[size:]
        return data


def _checkable(head: HttpHead) -> bytes:
    """What of an answer websocket-client gets to see: no cookies, which it would send to other servers as well."""
    for name, what in _NOT_OFFERED.items():
        if name in head.headers:
            raise NotWebSocket(f"it chose {what} that was not offered")
    lines = [f"{name}: {head.headers[name]}" for name in _CHECKED_HEADERS if name in head.headers]
    return "\r\n".join([f"HTTP/1.1 {head.status}", *lines, "", ""]).encode()


def _resource_of(uri: str) -> str:
    """Path and query, in ASCII."""
    parts = urlsplit(uri)
    query = f"?{quote(parts.query, safe=_QUERY_CHARS)}" if parts.query else ""
    return (quote(parts.path, safe=_PATH_CHARS) or "/") + query
