"""`Access`: the secrets by which a client gets into a signalling server; it stands behind `Endpoint`, which shows none."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias
from urllib.parse import quote, unquote, urlsplit

from .redaction import secret_parameters

__all__ = ["Access", "Token", "checked_token"]

Token: TypeAlias = str | Callable[[], str]
"""A bearer token, or a callable that returns one."""

_TOKEN: Final = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True, repr=False)
class Access:
    """The parts of an endpoint that may hold secrets.

    Attributes:
        request_uri: The ``ws://`` or ``wss://`` URI to connect to, with its query.
        credentials: User and password for Basic credentials; None: there are none.
        token: The bearer token, or a callable that returns one; None: there is no token.
        headers: The further headers of the request.
        proxy_uri: The proxy with its user and password; ``""``: no proxy; None: that of the environment.
    """

    request_uri: str
    credentials: tuple[str, str] | None
    token: Token | None
    headers: tuple[tuple[str, str], ...]
    proxy_uri: str | None

    @property
    def asks_for_token(self) -> bool:
        """Whether a callable returns a token for each connection, so that a valid one may follow a refused one."""
        return callable(self.token)

    def authorization(self) -> str | None:
        """The value of the ``Authorization`` header. Calls the token's callable, which may take a while.

        Returns:
            The header's value; None: there are no credentials.

        Raises:
            ValueError: The callable returned a string that cannot be sent.
            TypeError: The callable did not return a string.
            Exception: Raised by the callable.
        """
        if self.credentials is not None:
            return f"Basic {_basic(*self.credentials)}"
        if self.token is None:
            return None
        token = self.token() if callable(self.token) else self.token
        return f"Bearer {checked_token(token)}"

    def secrets(self) -> tuple[str, ...]:
        """All strings that must not be shown, in every form in which they travel, for `redacted`."""
        forms: list[str] = []
        if self.credentials is not None:
            user, password = self.credentials
            forms += [user, quote(user, safe=""), password, quote(password, safe=""), _basic(user, password)]
        if isinstance(self.token, str):
            forms.append(self.token)
        forms += [value for _, value in self.headers]
        forms += [unquote(value) for value in secret_parameters(self.request_uri)]
        forms += secret_parameters(self.request_uri)
        if self.proxy_uri:
            parts = urlsplit(self.proxy_uri)
            for part in (parts.username, parts.password):
                forms += [part, unquote(part)] if part else []
            if parts.username is not None:
                forms.append(_basic(unquote(parts.username), unquote(parts.password or "")))
        return tuple(form for form in forms if form)


def checked_token(token: Any) -> str:
    """A token that can be sent as ``Authorization: Bearer`` (RFC 6750 section 2.1).

    Raises:
        ValueError: The token cannot be sent.
        TypeError: It is not a string.
    """
    if not isinstance(token, str):
        raise TypeError(f"a token must be a string, not {type(token).__name__}")
    if not _TOKEN.fullmatch(token):
        raise ValueError(
            "a token must be printable ASCII characters without spaces; strip the line end if it was read from a file"
        )
    return token


def _basic(user: str, password: str) -> str:
    return base64.b64encode(f"{user}:{password}".encode()).decode()
