"""`Credentials`: the bearer token (RFC 6750) or user and password (RFC 7617) of a request."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qs, quote, quote_plus

from websockets.http11 import Request

__all__ = ["AuthorizationRequest", "Credentials", "NotCredentials", "credentials_of"]

_PARAMETER: Final = "token"
"""The query parameter for web pages, because a browser's WebSocket cannot send further headers."""


class NotCredentials(ValueError):
    """The credentials of a request are malformed, or there are several. The message shows nothing of them."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """A bearer token, a user and password, or nothing.

    Attributes:
        token: The bearer token; None: there is no token.
        user: The user of Basic credentials; None: there are no such credentials.
        password: The password of Basic credentials.
    """

    token: str | None = field(default=None, repr=False)
    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)

    @property
    def are_there(self) -> bool:
        """Whether there are any credentials."""
        return self.token is not None or self.user is not None

    def secrets(self) -> tuple[str, ...]:
        """The strings that must not be shown, in every form in which they travel."""
        given = [value for value in (self.token, self.password) if value]
        if self.user is not None:
            given.append(base64.b64encode(f"{self.user}:{self.password}".encode()).decode())
        return tuple({form for value in given for form in (value, quote(value, safe=""), quote_plus(value))})


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """The request of a client, on which the callable ``authorize`` of a `SignallingServer` decides. Its `repr` shows no secret.

    Example:
        def authorize(request: AuthorizationRequest) -> Grant | None:
            return Grant(subject=request.user) if request.password == "secret" else None

    Attributes:
        token: The bearer token, of ``Authorization: Bearer`` or, from a web page, of ``?token=``; None: there is no token.
        user: The user of ``Authorization: Basic``; None: there is no user.
        password: The password of ``Authorization: Basic``; None: there is no password.
        address: The address of the client, as trusted proxies tell it, without a port.
        origin: The origin of the web page that asks; None: the client is a program.
        path: The path of the request, without its query.
        headers: All headers of the request, by their names in lower case; of several headers with one name the last.
    """

    token: str | None = field(repr=False)
    user: str | None
    password: str | None = field(repr=False)
    address: str
    origin: str | None
    path: str
    headers: Mapping[str, str] = field(repr=False)


def credentials_of(request: Request) -> Credentials:
    """The credentials of a request.

    Args:
        request: The request.

    Raises:
        NotCredentials: The credentials are malformed, or there are several.
    """
    headers = request.headers.get_all("Authorization")
    tokens = _tokens_in_query(request) if "Origin" in request.headers else []
    if len(headers) + len(tokens) > 1:
        raise NotCredentials("There must be one Authorization header or one ?token=, not several")
    if tokens:
        return Credentials(token=tokens[0])
    if not headers:
        return Credentials()
    scheme, _, value = headers[0].strip().partition(" ")
    match scheme.lower():
        case "bearer":
            return Credentials(token=value.strip())
        case "basic":
            return _basic(value.strip())
    raise NotCredentials("The Authorization header must be of the form 'Bearer TOKEN' or 'Basic CREDENTIALS'")


def _tokens_in_query(request: Request) -> list[str]:
    try:
        return parse_qs(request.path.partition("?")[2], max_num_fields=100).get(_PARAMETER, [])
    except ValueError:
        raise NotCredentials("The query has too many parameters") from None


def _basic(value: str) -> Credentials:
    try:
        user, colon, password = base64.b64decode(value, validate=True).decode().partition(":")
    except ValueError:
        colon = ""
    if not colon:
        raise NotCredentials("The Basic credentials must be a user and a password in base64, with a colon between them")
    return Credentials(user=user, password=password)
