"""The opening handshake of a WebSocket (RFC 6455 section 4), done by websocket-client over an existing connection.

websocket-client makes the request and checks that the response belongs to it. The caller sends and receives the bytes, and
decides what a response other than 101 means.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final
from urllib.parse import quote, urlsplit

import websocket

from .http_head import HttpHead

__all__ = ["NotWebSocket", "shake_hands"]

_NOWHERE: Final = "ws://server.invalid"
"""A placeholder for the server's name, by which websocket-client would find cookies of other connections."""

_CHECKED_HEADERS: Final = ("upgrade", "connection", "sec-websocket-accept")

_NOT_OFFERED: Final = {"sec-websocket-extensions": "an extension", "sec-websocket-protocol": "a subprotocol"}

_PATH_CHARS: Final = "/%:@!$&'()*+,=~"
"""Characters of a path that are not quoted. A semicolon is quoted: websocket-client would cut the path there."""

_QUERY_CHARS: Final = _PATH_CHARS + ";?"


class NotWebSocket(ValueError):
    """The response does not come from a WebSocket server; the message says what is wrong."""


def shake_hands(
    uri: str,
    host: str,
    headers: Sequence[tuple[str, str]],
    send: Callable[[bytes], None],
    answer: Callable[[], HttpHead],
) -> HttpHead:
    """Do the handshake.

    Args:
        uri: Its path and query are requested.
        host: The Host header.
        headers: The further headers.
        send: Sends the request.
        answer: Returns the head of the response, of status 101.

    Returns:
        The head of the response, which belongs to the request.

    Raises:
        NotWebSocket: The response does not belong to the request.
        Exception: Raised by `send` or `answer`.
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
        # websocket-client turns a TimeoutError into an exception of its own.
        raise (connection.failure or NotWebSocket(str(error))) from None
    assert connection.head is not None
    return connection.head


class _Exchange:
    """One request and its response, in the form of the socket that websocket-client expects."""

    def __init__(self, send: Callable[[bytes], None], answer: Callable[[], HttpHead]) -> None:
        self._send = send
        self._answer = answer
        self._unread: bytes | None = None
        self.failure: Exception | None = None
        self.head: HttpHead | None = None

    def gettimeout(self) -> None:
        """No timeout: the caller's functions have their own."""

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
    """The response for websocket-client to check, without cookies, which it would send to other servers too."""
    for name, what in _NOT_OFFERED.items():
        if name in head.headers:
            raise NotWebSocket(f"the server chose {what} that was not offered")
    lines = [f"{name}: {head.headers[name]}" for name in _CHECKED_HEADERS if name in head.headers]
    return "\r\n".join([f"HTTP/1.1 {head.status}", *lines, "", ""]).encode()


def _resource_of(uri: str) -> str:
    """Path and query, in ASCII."""
    parts = urlsplit(uri)
    query = f"?{quote(parts.query, safe=_QUERY_CHARS)}" if parts.query else ""
    return (quote(parts.path, safe=_PATH_CHARS) or "/") + query
