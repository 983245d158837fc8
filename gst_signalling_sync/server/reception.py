"""`Reception`: what a request over HTTP gets, a WebSocket or a page."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from ..protocol import resumption
from .origins import OriginRules
from .proxies import TrustedProxies

__all__ = ["Page", "Reception", "Visitor"]

_HEADERS: Final[Mapping[str, str]] = {
    "Cache-Control": "no-store",
    "Connection": "close",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}

_PLAIN: Final = "text/plain; charset=utf-8"
_HTML: Final = "text/html; charset=utf-8"

_WELCOME: Final = """<!DOCTYPE html>
<html lang="en">
<title>GStreamer WebRTC signalling server</title>
<h1>This is a GStreamer WebRTC signalling server</h1>
<p>It brings WebRTC peers together: robots, cameras, and who watches or drives them. There is nothing more to see here:
peers connect to it by WebSocket, at <code>{uri}</code>.</p>
<p>With Python: <code>gst-signalling-sync list --uri {uri}</code>. In a web page: <code>gstwebrtc-api</code>.</p>
</html>
"""


@dataclass(frozen=True, slots=True)
class Page:
    """An HTTP response that is not a WebSocket.

    Attributes:
        status: Its status.
        body: Its text.
        content_type: Of `body`.
        refusal: Which rule of the server refused the request, by the name of the rule's option; None: no rule did.
        headers: Added to those that every page has.
    """

    status: HTTPStatus
    body: str
    content_type: str = _PLAIN
    refusal: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def response(self, method: str = "GET") -> Response:
        """The response to send; one to ``HEAD`` has no body."""
        body = self.body.encode()
        headers = Headers(
            {**_HEADERS, "Content-Type": self.content_type, "Content-Length": str(len(body)), **self.headers}
        )
        return Response(self.status, self.status.phrase, headers, b"" if method == "HEAD" else body)


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asks for a WebSocket.

    Attributes:
        address: From where, as trusted proxies tell it.
        limited_as: What limits per address count it as; None: they do not count it.
        resumption_key: The key by which it comes back, or `resumption.NEW`; None: it cannot come back.
    """

    address: str
    limited_as: str | None
    resumption_key: str | None = None


class Reception:
    """Receives requests: refuses those that the rules forbid, and shows pages to those that want no WebSocket.

    Args:
        origins: Which Origin and Host headers are answered.
        proxies: Whose ``X-Forwarded-For`` is believed.
        is_ready: Whether new peers are welcome.
    """

    def __init__(self, origins: OriginRules, proxies: TrustedProxies, is_ready: Callable[[], bool]) -> None:
        self._origins = origins
        self._proxies = proxies
        self._is_ready = is_ready

    def receive(self, request: Request, address: str) -> Page | Visitor:
        """Decide on a request.

        Args:
            request: Its first line and headers.
            address: The address at the other end of the TCP connection.

        Returns:
            What to answer, or who it is that asks for a WebSocket.
        """
        path = request.path.partition("?")[0]
        wants_websocket = "Upgrade" in request.headers
        if not wants_websocket and path in ("/healthz", "/readyz"):
            return self._health(path)
        hosts = request.headers.get_all("Host")
        origins = request.headers.get_all("Origin")
        if len(hosts) != 1 or len(origins) > 1:
            return Page(
                HTTPStatus.BAD_REQUEST, "There must be one Host header, and at most one Origin.\n", refusal="hosts"
            )
        origin = origins[0] if origins else None
        if not self._origins.allows_host(hosts[0], origin):
            return _forbidden("hosts", "Host", hosts[0])
        if not self._origins.allows_origin(origin, hosts[0]):
            return _forbidden("origins", "Origin", str(origin))
        if wants_websocket:
            client = self._proxies.client_of(address, request.headers.get_all("X-Forwarded-For"))
            keys = request.headers.get_all(resumption.HEADER)
            return Visitor(client, self._proxies.limited_as(client), keys[0] if len(keys) == 1 else None)
        if path != "/":
            return Page(HTTPStatus.NOT_FOUND, "There is no such page on this signalling server.\n")
        return Page(HTTPStatus.OK, _WELCOME.format(uri=html.escape(f"ws://{hosts[0]}")), _HTML)

    def _health(self, path: str) -> Page:
        if path == "/readyz" and not self._is_ready():
            return Page(HTTPStatus.SERVICE_UNAVAILABLE, "closing\n")
        return Page(HTTPStatus.OK, "ok\n")


def _forbidden(option: str, header: str, value: str) -> Page:
    return Page(
        HTTPStatus.FORBIDDEN,
        f"The {header} {value[:200]!r} is not among those that this signalling server answers. Whoever runs it adds it by"
        f" SignallingServer({option}=[...]), or gst-signalling-sync serve {_FLAGS[option]}.\n",
        refusal=option,
    )


_FLAGS: Final = {"hosts": "--allow-host", "origins": "--allow-origin"}
