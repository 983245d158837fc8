"""`Reception`: whether an HTTP request gets a WebSocket or a page."""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from websockets.http11 import Request

from ..protocol import resumption
from .credentials import AuthorizationRequest, Credentials, NotCredentials, credentials_of
from .origins import OriginRules
from .page import HTML, Page
from .proxies import TrustedProxies

__all__ = ["Reception", "Visitor"]

_WELCOME: Final = """<!DOCTYPE html>
<html lang="en">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>GStreamer WebRTC signalling server</title>
<h1>This is a GStreamer WebRTC signalling server</h1>
<p>It connects WebRTC peers with each other: robots, cameras, and the programs that watch or drive them. There is nothing more
to see here: peers connect by WebSocket, at <code>{uri}</code>{with_token}.</p>
<p>With Python: <code>gst-signalling-sync list --uri {uri}</code>. In a web page: <code>gstwebrtc-api</code>.</p>
</html>
"""


@dataclass(frozen=True, slots=True)
class Visitor:
    """A client that asks for a WebSocket, or for the metrics.

    Attributes:
        wants_metrics: Whether it asks for the metrics.
        is_local: Whether it runs on this machine.
        request: Its request, with its address and credentials.
        limited_as: The key by which limits per address count it; None: they do not count it.
        resumption_key: The key that it presents, or `resumption.NEW`; None: it cannot resume.
    """

    wants_metrics: bool
    is_local: bool
    request: AuthorizationRequest
    limited_as: str | None
    resumption_key: str | None


class Reception:
    """Answers requests: refuses those that the rules forbid, and shows pages to those that do not ask for a WebSocket.

    Args:
        origins: Which Origin and Host headers are accepted.
        proxies: Reverse proxies whose ``X-Forwarded-For`` is believed.
        is_secure: Whether the server speaks TLS.
        asks_for_tokens: Whether peers need a token.
        is_ready: Whether the server accepts new peers.
    """

    def __init__(
        self,
        origins: OriginRules,
        proxies: TrustedProxies,
        *,
        is_secure: bool,
        asks_for_tokens: bool,
        is_ready: Callable[[], bool],
    ) -> None:
        self._is_secure = is_secure
        self._with_token = ", with a token" if asks_for_tokens else ""
        self._origins = origins
        self._proxies = proxies
        self._is_ready = is_ready

    def receive(self, request: Request, address: str) -> Page | Visitor:
        """Decide on a request.

        Args:
            request: The request.
            address: The address at the other end of the TCP connection.

        Returns:
            The page to answer with, or the client that asks for a WebSocket or the metrics.
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
        if wants_websocket or path == "/metrics":
            return self._visitor(request, address, wants_metrics=not wants_websocket)
        if path != "/":
            return Page(HTTPStatus.NOT_FOUND, "There is no such page on this signalling server.\n")
        uri = html.escape(self._uri(hosts[0], address, request))
        return Page(HTTPStatus.OK, _WELCOME.format(uri=uri, with_token=self._with_token), HTML)

    def _uri(self, host: str, address: str, request: Request) -> str:
        """The URI that peers connect to, as the client of the request sees it."""
        forwarded = request.headers.get_all("X-Forwarded-Proto")[-1:]
        is_secure = forwarded == ["https"] if forwarded and self._proxies.trusts(address) else self._is_secure
        return f"{'wss' if is_secure else 'ws'}://{host}"

    def _visitor(self, request: Request, address: str, *, wants_metrics: bool) -> Page | Visitor:
        try:
            credentials = credentials_of(request)
        except NotCredentials as error:
            return Page(HTTPStatus.BAD_REQUEST, f"{error}.\n", refusal="tokens")
        client = self._proxies.client_of(address, request.headers.get_all("X-Forwarded-For"))
        keys = request.headers.get_all(resumption.HEADER)
        is_forwarded = any(name in request.headers for name in ("X-Forwarded-For", "Forwarded", "Via"))
        return Visitor(
            wants_metrics,
            self._proxies.is_local(address, client, is_forwarded=is_forwarded),
            _asked(request, client, credentials),
            self._proxies.limited_as(client),
            keys[0] if len(keys) == 1 else None,
        )

    def _health(self, path: str) -> Page:
        if path == "/readyz" and not self._is_ready():
            return Page(HTTPStatus.SERVICE_UNAVAILABLE, "closing\n")
        return Page(HTTPStatus.OK, "ok\n")


def _asked(request: Request, address: str, credentials: Credentials) -> AuthorizationRequest:
    headers = {name.lower(): value for name, value in request.headers.raw_items()}
    return AuthorizationRequest(
        token=credentials.token,
        user=credentials.user,
        password=credentials.password,
        address=address,
        origin=headers.get("origin"),
        path=request.path.partition("?")[0],
        headers=headers,
    )


def _forbidden(option: str, header: str, value: str) -> Page:
    return Page(
        HTTPStatus.FORBIDDEN,
        f"The {header} {value[:200]!r} is not among those that this signalling server accepts. Its operator can add it by"
        f" SignallingServer({option}=[...]), or gst-signalling-sync serve {_FLAGS[option]}.\n",
        refusal=option,
    )


_FLAGS: Final = {"hosts": "--allow-host", "origins": "--allow-origin"}
