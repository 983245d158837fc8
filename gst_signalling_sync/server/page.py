"""`Page`: an HTTP response that is not a WebSocket."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

from websockets.datastructures import Headers
from websockets.http11 import Response

__all__ = ["HTML", "Page"]

_HEADERS: Final[Mapping[str, str]] = {
    "Cache-Control": "no-store",
    "Connection": "close",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}

_PLAIN: Final = "text/plain; charset=utf-8"
HTML: Final = "text/html; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Page:
    """An HTTP response that is not a WebSocket.

    Attributes:
        status: The HTTP status.
        body: The body.
        content_type: The content type of `body`.
        refusal: The name of the rule that refused the request; None: no rule did.
        headers: Added to the headers that every page has.
        details: The reason for the log; empty: `body`.
    """

    status: HTTPStatus
    body: str
    content_type: str = _PLAIN
    refusal: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    details: str = ""

    def response(self, method: str = "GET") -> Response:
        """The response to send, which has no body for ``HEAD``."""
        body = self.body.encode()
        headers = Headers(
            {**_HEADERS, "Content-Type": self.content_type, "Content-Length": str(len(body)), **self.headers}
        )
        return Response(self.status, self.status.phrase, headers, b"" if method == "HEAD" else body)
