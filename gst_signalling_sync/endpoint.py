"""`Endpoint`: a signalling server and the credentials, certificates and proxy for it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qs, urlsplit, urlunsplit

from .access import Access, Token, checked_token
from .addresses import SCHEMES, address_uri, checked_proxy, split_address
from .redaction import MASK, redacted, shown_uri, without_secret_parameters

__all__ = [
    "CAFILE_VARIABLE",
    "DEFAULT_PORT",
    "DEFAULT_URI",
    "TOKEN_VARIABLE",
    "URI_VARIABLE",
    "Endpoint",
    "Headers",
    "Token",
    "access_of",
    "address_uri",
    "checked_proxy",
    "redacted",
    "resolve_endpoint",
]

URI_VARIABLE: Final = "GST_SIGNALLING_URI"
TOKEN_VARIABLE: Final = "GST_SIGNALLING_TOKEN"
CAFILE_VARIABLE: Final = "GST_SIGNALLING_CAFILE"
DEFAULT_PORT: Final = 8443
DEFAULT_URI: Final = f"ws://127.0.0.1:{DEFAULT_PORT}"
"""The default of all GStreamer WebRTC clients."""

Headers: TypeAlias = Mapping[str, str] | Iterable[tuple[str, str]]
"""Names and values of HTTP headers."""


_DEFAULT_PORTS: Final = {"ws": 80, "wss": 443}


_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""A field name (RFC 9110 section 5.1)."""

_HEADER_VALUE: Final = re.compile(r"[\x20-\x7e\t]*")

_HANDSHAKE_HEADERS: Final = ("connection", "upgrade", "content-length", "transfer-encoding")
"""Headers that the WebSocket handshake sets itself, as every ``Sec-WebSocket-`` header."""


class Endpoint:
    """A signalling server, with the credentials, certificates and proxy for it. Every ``uri=`` takes one, or a string.

    An immutable value. Endpoints are equal if all their values are, secrets included, and they are pickled and copied with
    their secrets. `repr`, `uri` and `proxy` show no secrets. The environment variables are read once, when the endpoint is
    made.

    .. code-block:: python

        robot = Endpoint("wss://robot.example:8443", token=read_token, cafile="private-ca.pem")
        with connect(robot, name="arm") as session: ...

    Args:
        uri: ``ws://``, ``wss://``, or GStreamer's ``gstwebrtc://`` and ``gstwebrtcs://``. A user and password in it are sent
            as Basic credentials. Defaults to ``$GST_SIGNALLING_URI``, else ``ws://127.0.0.1:8443``.
        token: Sent as ``Authorization: Bearer``: a string, or a callable without arguments that returns one. The callable is
            called before each connection, on a thread of its own and within the timeout of what connects. Defaults to
            ``$GST_SIGNALLING_TOKEN`` where the URI names no user; ``""``: no token.
        headers: Further headers of the request that opens the connection, such as ``{"X-Robot": "7"}``. Defaults to none.
        cafile: A file of CA certificates in PEM format, or a directory that OpenSSL's ``rehash`` has prepared, to trust instead
            of the system's. Defaults to ``$GST_SIGNALLING_CAFILE``; ``""``: the system's.
        insecure: Whether the server's certificate is not checked, so that anybody on the way can listen; warns once. Defaults
            to False.
        proxy: The proxy to connect through: ``http://user:password@host:port``, ``https://``, or ``socks5://``,
            ``socks5h://``, ``socks4://`` and ``socks4a://``, which need the extra ``[socks]``. Defaults to that of the
            environment (``https_proxy`` for ``wss://``, ``http_proxy`` for ``ws://``, ``all_proxy`` for both, unless
            ``no_proxy`` names the server), which is never used for this machine itself; ``""``: no proxy.

    Raises:
        ValueError: The URI or proxy is malformed, a header or token cannot be sent, or both a token and a user in the URI are
            given.
        TypeError: A value is of another type.
    """

    __slots__ = (
        "_access",
        "cafile",
        "headers",
        "insecure",
        "peer_id",
        "proxy",
        "token",
    )

    cafile: str | None
    """The file or directory of trusted CA certificates; None: the system's."""
    headers: tuple[tuple[str, str], ...]
    """The further headers, secrets included."""
    insecure: bool
    """Whether the server's certificate is not checked."""
    peer_id: str | None
    """The peer that GStreamer's ``gstwebrtc://host:port?peer-id=ID`` names; None: it names no peer."""
    proxy: str | None
    """The proxy without its password; ``""``: no proxy, not even that of the environment; None: that of the environment."""
    token: Token | None
    """The bearer token, or a callable that returns one; None: there is no token."""
    _access: Access

    def __init__(
        self,
        uri: str | None = None,
        *,
        token: Token | None = None,
        headers: Headers | None = None,
        cafile: str | os.PathLike[str] | None = None,
        insecure: bool = False,
        proxy: str | None = None,
    ) -> None:
        given = _string_or_none("uri", uri) or os.environ.get(URI_VARIABLE) or DEFAULT_URI
        parts, credentials = split_address(given)
        own_headers = _checked_headers(headers)
        has_own_authorization = any(name.lower() == "authorization" for name, _ in own_headers)
        if token is None and (credentials is None or not uri) and not has_own_authorization:
            token = os.environ.get(TOKEN_VARIABLE) or None
        if token is not None and not callable(token):
            token = checked_token(token) if token != "" else None
        if sum((token is not None, credentials is not None, has_own_authorization)) > 1:
            raise ValueError(
                "there must be one kind of credentials, not several: give either token= (or"
                f" ${TOKEN_VARIABLE}), or a user and password in the URI, or an Authorization header"
            )
        is_gstreamer = parts.scheme.startswith("gstwebrtc")
        netloc = parts.netloc.rpartition("@")[2]
        query = "" if is_gstreamer else parts.query
        proxy_uri, shown_proxy = checked_proxy(_string_or_none("proxy", proxy))
        request_uri = urlunsplit((SCHEMES[parts.scheme], netloc, parts.path, query, ""))
        self._set(
            _access=Access(request_uri, credentials, token, own_headers, proxy_uri),
            peer_id=parse_qs(parts.query).get("peer-id", [None])[0] if is_gstreamer else None,
            token=token,
            headers=own_headers,
            cafile=os.fspath(cafile if cafile is not None else os.environ.get(CAFILE_VARIABLE, "")) or None,
            insecure=bool(insecure),
            proxy=shown_proxy,
        )

    @property
    def uri(self) -> str:
        """The ``ws://`` or ``wss://`` URI without user and password, and without the secrets of its query."""
        return without_secret_parameters(self._access.request_uri)

    @property
    def is_secure(self) -> bool:
        """Whether the scheme is ``wss://``."""
        return self._access.request_uri.startswith("wss:")

    @property
    def host(self) -> str:
        """The host's name or address; an IPv6 address without brackets, optionally with its zone."""
        host = urlsplit(self._access.request_uri).hostname
        assert host is not None
        return host

    @property
    def port(self) -> int:
        """The TCP port. Defaults to 80 for ``ws://`` and 443 for ``wss://``."""
        parts = urlsplit(self._access.request_uri)
        return parts.port or _DEFAULT_PORTS[parts.scheme]

    def _set(self, **values: object) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"an Endpoint is immutable: make another one with {name}=")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"an Endpoint is immutable: {name} cannot be deleted")

    def _values(self) -> tuple[object, ...]:
        return tuple(getattr(self, name) for name in Endpoint.__slots__)

    def __eq__(self, other: object) -> bool:
        return self._values() == other._values() if isinstance(other, Endpoint) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._values())

    def __repr__(self) -> str:
        shown = [repr(self.uri)]
        if self._access.credentials is not None:
            shown.append(f"user={MASK!r}")
        if self.token is not None:
            shown.append("token=<callable>" if callable(self.token) else f"token={MASK!r}")
        if self.headers:
            shown.append("headers={" + ", ".join(f"{name!r}: {MASK!r}" for name, _ in self.headers) + "}")
        if self.cafile is not None:
            shown.append(f"cafile={self.cafile!r}")
        if self.insecure:
            shown.append("insecure=True")
        if self.proxy is not None:
            shown.append(f"proxy={self.proxy!r}")
        return f"Endpoint({', '.join(shown)})"

    def __getstate__(self) -> dict[str, object]:
        return dict(zip(Endpoint.__slots__, self._values(), strict=True))

    def __setstate__(self, state: dict[str, object]) -> None:
        self._set(**state)


def access_of(endpoint: Endpoint) -> Access:
    """The secrets of an endpoint, for the connection to it."""
    return endpoint._access


def resolve_endpoint(uri: str | Endpoint | None = None, host: str | None = None, port: int | None = None) -> Endpoint:
    """The endpoint that a user's arguments name.

    Args:
        uri: An endpoint, or its URI. Defaults to host and port, else to the default of `Endpoint`.
        host: A name or address, instead of `uri`.
        port: 1 to 65535, instead of `uri`.

    Returns:
        The endpoint.

    Raises:
        ValueError: The URI is malformed, or `uri` is given together with `host` or `port`.
        TypeError: `uri` is neither an endpoint nor a string, or host or port is of another type.
    """
    if host is None and port is None:
        return uri if isinstance(uri, Endpoint) else Endpoint(uri)
    if uri is not None:
        shown = repr(uri) if isinstance(uri, Endpoint) else repr(shown_uri(uri))
        raise ValueError(f"give either uri={shown} or host={host!r} and port={port!r}, not both")
    return Endpoint(address_uri("127.0.0.1" if host in (None, "") else host, DEFAULT_PORT if port is None else port))


def _string_or_none(name: str, value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise TypeError(f"{name} must be a string, not {type(value).__name__}")
    return value


def _checked_headers(headers: Headers | None) -> tuple[tuple[str, str], ...]:
    pairs = tuple(headers.items() if isinstance(headers, Mapping) else headers or ())
    for name, value in pairs:
        if not isinstance(name, str) or not isinstance(value, str):
            raise TypeError("headers must have strings for names and values")
        if not _HEADER_NAME.fullmatch(name):
            raise ValueError(f"a header's name must be a token of RFC 9110, not {name!r}")
        if name.lower() in _HANDSHAKE_HEADERS or name.lower().startswith("sec-websocket-"):
            raise ValueError(f"headers must not hold {name}, which belongs to the WebSocket handshake")
        if not _HEADER_VALUE.fullmatch(value) or value != value.strip():
            raise ValueError(f"the value of the header {name} must be printable ASCII without surrounding spaces")
    return tuple((name, value) for name, value in pairs)
