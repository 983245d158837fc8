"""`Handshake`: the opening handshake of one connection, as the server sees it (RFC 6455 section 4.2)."""

from __future__ import annotations

import logging
import secrets
from http import HTTPStatus
from typing import Final

from websockets.http11 import Request
from websockets.server import ServerProtocol

from ..protocol.resumption import HEADER, Resumption
from .commons import Commons
from .page import Page
from .reception import Visitor
from .refusals import Noted

__all__ = ["HEADER_TOO_LONG", "Handshake"]

logger = logging.getLogger(__name__)

HEADER_TOO_LONG: Final = Page(
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "The header of the request is too long for this server.\n"
)

_KEY_BYTES: Final = 32


class Handshake:
    """A handshake from its first byte to its response. A connection has one until its WebSocket is open.

    Args:
        connection: The connection, for log lines.
        commons: Shared by all connections.
    """

    __slots__ = ("_asked", "_commons", "_connection", "_header_bytes")

    def __init__(self, connection: Noted, commons: Commons) -> None:
        self._connection = connection
        self._commons = commons
        self._header_bytes = 0
        # The request that waits for its answer.
        self._asked: tuple[Request, Visitor] | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether the request waits for its answer."""
        return self._asked is not None

    def has_room(self, size: int) -> bool:
        """Count received bytes.

        Args:
            size: Number of bytes.

        Returns:
            Whether the request may be as long as it is now.
        """
        self._header_bytes += size
        if self._header_bytes <= self._commons.limits.header_bytes:
            return True
        self._note("header_bytes", "refused, as its header is longer than the limit")
        return False

    def receive(self, request: Request, address: str) -> Page | Visitor:
        """Find out what a request asks for.

        Args:
            request: The request.
            address: The address at the other end of the TCP connection.

        Returns:
            The page to answer with; or the client, whose request then waits until `pop_request` is called.
        """
        answer = self._commons.reception.receive(request, address)
        if isinstance(answer, Visitor):
            self._asked = request, answer
        return answer

    def pop_request(self) -> tuple[Request, Visitor] | None:
        """The request that waits for its answer, with its client; it waits no longer. None: there is no such request."""
        asked, self._asked = self._asked, None
        return asked

    @staticmethod
    def accept(websocket: ServerProtocol, request: Request, visitor: Visitor) -> Resumption | None:
        """Accept a request for a WebSocket, unless it is malformed.

        Args:
            websocket: The parser, which makes the response.
            request: The request.
            visitor: The client.

        Returns:
            The resumption key that the client presented, and the one that it gets; None: it cannot resume.
        """
        response = websocket.accept(request)
        resumption = None
        if visitor.resumption_key is not None:
            resumption = Resumption(visitor.resumption_key, secrets.token_urlsafe(_KEY_BYTES))
            response.headers[HEADER] = resumption.issued
        websocket.send_response(response)
        return resumption

    def show(self, websocket: ServerProtocol, request: Request, page: Page) -> None:
        """Answer a request by a page.

        Args:
            websocket: The parser, which makes the response.
            request: The request.
            page: The page.
        """
        if page.refusal is None:
            logger.debug("%s: %.100s: %d", self._connection, request.path.partition("?")[0], page.status)
        else:
            self._note(page.refusal, f"refused with status {page.status}: {page.details or page.body.strip()}")
        # Before websockets 16 every request has the method GET.
        websocket.send_response(page.response(getattr(request, "method", "GET")))

    def end(self, websocket: ServerProtocol) -> None:
        """Log why the handshake ends without a WebSocket, where the client did not keep to the RFC."""
        error = websocket.handshake_exc
        if error is None:
            return
        if isinstance(error.__cause__, EOFError):
            logger.debug("%s: not a WebSocket client: %.300s", self._connection, error)
        else:
            self._note("handshake", f"not a WebSocket client: {error}")

    def _note(self, rule: str, details: str) -> None:
        self._commons.refusals.note(self._connection, rule, details)
