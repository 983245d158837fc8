"""`Endpoint`: a signalling server and how to get in; the addresses that users and GStreamer write, as WebSocket URIs."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias
from urllib.parse import SplitResult, parse_qs, quote, unquote, urlsplit, urlunsplit

__all__ = [
    "CAFILE_VARIABLE",
    "DEFAULT_PORT",
    "DEFAULT_URI",
    "TOKEN_VARIABLE",
    "URI_VARIABLE",
    "Endpoint",
    "Headers",
    "Token",
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
"""Every GStreamer WebRTC client's default."""

Token: TypeAlias = str | Callable[[], str]
"""A bearer token, or what returns one."""

Headers: TypeAlias = Mapping[str, str] | Iterable[tuple[str, str]]
"""Names and values of HTTP headers."""

_MASK: Final = "***"

_HOST: Final = re.compile(r"[\w.-]+|[0-9a-fA-F:.]+(%\w+)?")
"""A name or IPv4 address, or an IPv6 address with its zone perhaps."""

_HOST_AND_PORT: Final = re.compile(r"(\[[0-9a-fA-F:.]+\]|[\w.-]+):\d+(/.*)?")

_SCHEMES: Final = {"ws": "ws", "wss": "wss", "gstwebrtc": "ws", "gstwebrtcs": "wss"}

_DEFAULT_PORTS: Final = {"ws": 80, "wss": 443}

_PROXY_SCHEMES: Final = {"http": 80, "https": 443, "socks4": 1080, "socks4a": 1080, "socks5": 1080, "socks5h": 1080}
"""Kinds of proxies, with their default ports."""

_SECRET_PARAMETER: Final = re.compile(
    r"(?i)([?&][^=&#]*(?:token|key|secret|passw|auth|credential|jwt|sig)[^=&#]*=)[^&#]*"
)
"""A parameter of a query that is a secret, by its name."""

_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""RFC 9110 section 5.1."""

_HEADER_VALUE: Final = re.compile(r"[\x20-\x7e\t]*")

_HANDSHAKE_HEADERS: Final = ("connection", "upgrade", "content-length", "transfer-encoding")
"""What the WebSocket handshake says itself, as it does every ``Sec-WebSocket-`` header."""

_TOKEN: Final = re.compile(r"[\x21-\x7e]+")


class Endpoint:
    """A signalling server, and how to get in. Every ``uri=`` takes one, or a string.

    An immutable value: two endpoints are equal where everything is, secrets included, and one is pickled and copied with its
    secrets. `repr`, `uri` and `proxy` show none. The environment variables are read once, when the endpoint is made.

    .. code-block:: python

        robot = Endpoint("wss://robot.example:8443", token=read_token, cafile="private-ca.pem")
        with connect(robot, name="arm") as session: ...

    Args:
        uri: ``ws://``, ``wss://``, or GStreamer's ``gstwebrtc://`` and ``gstwebrtcs://``. A user and password in it are sent
            as Basic credentials. Defaults to ``$GST_SIGNALLING_URI``, else ``ws://127.0.0.1:8443``.
        token: Sent as ``Authorization: Bearer``: a string, or a callable without arguments that returns one. The callable is
            called before each connection, on a thread of its own and within the timeout of what connects. Defaults to
            ``$GST_SIGNALLING_TOKEN`` where the URI names no user; ``""``: no token.
        headers: Further headers of the request that opens the connection, such as ``{"X-Robot": "7"}``.
        cafile: A file of CA certificates in PEM format, or a directory that OpenSSL's ``rehash`` has prepared, that are
            trusted instead of the system's. Defaults to ``$GST_SIGNALLING_CAFILE``; ``""``: the system's.
        insecure: Whether the server's certificate goes unchecked, so that anybody on the way can listen; warns once.
        proxy: The proxy to go through: ``http://user:password@host:port``, which is asked to ``CONNECT``, ``https://``, or
            ``socks5://``, ``socks5h://``, ``socks4://`` and ``socks4a://``, which need the extra ``[socks]``. Defaults to
            that of the environment (``https_proxy`` for ``wss://``, ``http_proxy`` for ``ws://``, ``all_proxy`` for both,
            unless ``no_proxy`` names the server), which is never used for this machine itself; ``""``: none.

    Raises:
        ValueError: The URI or proxy is not of its form, a header or token cannot be sent, or both a token and a user in the
            URI are given.
        TypeError: A value is of another type.
    """

    __slots__ = (
        "_credentials",
        "cafile",
        "headers",
        "insecure",
        "peer_id",
        "proxy",
        "proxy_uri",
        "request_uri",
        "token",
    )

    cafile: str | None
    """The file or directory of trusted CA certificates; None: the system's."""
    headers: tuple[tuple[str, str], ...]
    """The further headers, secrets included."""
    insecure: bool
    """Whether the server's certificate goes unchecked."""
    peer_id: str | None
    """The peer that GStreamer's ``gstwebrtc://host:port?peer-id=ID`` names, if it does."""
    proxy: str | None
    """The proxy without its password; ``""``: none, not even one of the environment; None: the environment's."""
    proxy_uri: str | None
    """The proxy with its password."""
    request_uri: str
    """The ``ws://`` or ``wss://`` URI that is connected to, with what its query holds, which may be a secret."""
    token: Token | None
    """The bearer token, or what returns one."""
    _credentials: tuple[str, str] | None

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
        given = _text_or_none("uri", uri) or os.environ.get(URI_VARIABLE) or DEFAULT_URI
        parts, credentials = _split(given)
        own_headers = _checked_headers(headers)
        has_own_authorization = any(name.lower() == "authorization" for name, _ in own_headers)
        if token is None and (credentials is None or not uri) and not has_own_authorization:
            token = os.environ.get(TOKEN_VARIABLE) or None
        if token is not None and not callable(token):
            token = _checked_token(token) if token != "" else None
        if sum((token is not None, credentials is not None, has_own_authorization)) > 1:
            raise ValueError(
                "there must be one way to authorise, not several: give either token= (or"
                f" ${TOKEN_VARIABLE}), or a user and password in the URI, or an Authorization header"
            )
        is_gstreamer = parts.scheme.startswith("gstwebrtc")
        netloc = parts.netloc.rpartition("@")[2]
        query = "" if is_gstreamer else parts.query
        proxy_uri, shown_proxy = checked_proxy(_text_or_none("proxy", proxy))
        self._set(
            request_uri=urlunsplit((_SCHEMES[parts.scheme], netloc, parts.path, query, "")),
            peer_id=parse_qs(parts.query).get("peer-id", [None])[0] if is_gstreamer else None,
            _credentials=credentials,
            token=token,
            headers=own_headers,
            cafile=os.fspath(cafile if cafile is not None else os.environ.get(CAFILE_VARIABLE, "")) or None,
            insecure=bool(insecure),
            proxy_uri=proxy_uri,
            proxy=shown_proxy,
        )

    @property
    def uri(self) -> str:
        """The ``ws://`` or ``wss://`` URI without user and password, and without the secrets of its query."""
        return _SECRET_PARAMETER.sub(rf"\1{_MASK}", self.request_uri)

    @property
    def is_secure(self) -> bool:
        """Whether it is ``wss://``."""
        return self.request_uri.startswith("wss:")

    @property
    def host(self) -> str:
        """The host's name or address; an IPv6 address without brackets, with its zone perhaps."""
        host = urlsplit(self.request_uri).hostname
        assert host is not None
        return host

    @property
    def port(self) -> int:
        """The TCP port: 80 and 443 where the URI names none."""
        parts = urlsplit(self.request_uri)
        return parts.port or _DEFAULT_PORTS[parts.scheme]

    @property
    def asks_for_token(self) -> bool:
        """Whether each connection has a token of its own, so that one that was refused may be followed by a good one."""
        return callable(self.token)

    def authorization(self) -> str | None:
        """What the ``Authorization`` header says; asks the token's callable, which may take its time.

        Returns:
            The header's value, or None where there are no credentials.

        Raises:
            ValueError: The callable returned what cannot be sent.
            TypeError: It returned no string.
            Exception: Whatever the callable raised.
        """
        if self._credentials is not None:
            return "Basic " + base64.b64encode(":".join(self._credentials).encode()).decode()
        if self.token is None:
            return None
        token = self.token() if callable(self.token) else self.token
        return f"Bearer {_checked_token(token)}"

    def secrets(self) -> tuple[str, ...]:
        """Everything that must not be shown, in every form in which it travels, for `redacted`."""
        forms: list[str] = []
        if self._credentials is not None:
            user, password = self._credentials
            forms += [user, quote(user, safe=""), password, quote(password, safe="")]
            forms.append(base64.b64encode(":".join(self._credentials).encode()).decode())
        if isinstance(self.token, str):
            forms.append(self.token)
        forms += [value for _, value in self.headers]
        forms += [unquote(match) for match in _secret_parameters(self.request_uri)]
        forms += _secret_parameters(self.request_uri)
        if self.proxy_uri:
            parts = urlsplit(self.proxy_uri)
            for part in (parts.username, parts.password):
                forms += [part, unquote(part)] if part else []
            if parts.username is not None:
                credentials = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
                forms.append(base64.b64encode(credentials.encode()).decode())
        return tuple(form for form in forms if form)

    def _set(self, **values: object) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"an Endpoint cannot be changed: make another one with {name}=")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"an Endpoint cannot be changed: {name} cannot be deleted")

    def _values(self) -> tuple[object, ...]:
        return tuple(getattr(self, name) for name in Endpoint.__slots__)

    def __eq__(self, other: object) -> bool:
        return self._values() == other._values() if isinstance(other, Endpoint) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._values())

    def __repr__(self) -> str:
        shown = [repr(self.uri)]
        if self._credentials is not None:
            shown.append(f"user={_MASK!r}")
        if self.token is not None:
            shown.append("token=<callable>" if callable(self.token) else f"token={_MASK!r}")
        if self.headers:
            shown.append("headers={" + ", ".join(f"{name!r}: {_MASK!r}" for name, _ in self.headers) + "}")
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


def resolve_endpoint(uri: str | Endpoint | None = None, host: str | None = None, port: int | None = None) -> Endpoint:
    """The endpoint that a user's arguments name.

    Args:
        uri: An endpoint, or the URI of one. Defaults to host and port, else to what `Endpoint` takes without a URI.
        host: Instead of `uri`: a name or address.
        port: Instead of `uri`: 1 to 65535.

    Returns:
        The endpoint.

    Raises:
        ValueError: The URI is not of its form, or both `uri` and `host` or `port` are given.
        TypeError: `uri` is neither an endpoint nor a string.
    """
    if host is None and port is None:
        return uri if isinstance(uri, Endpoint) else Endpoint(uri)
    if uri is not None:
        shown = repr(uri) if isinstance(uri, Endpoint) else repr(_shown(uri))
        raise ValueError(f"give either uri={shown} or host={host!r} and port={port!r}, not both")
    return Endpoint(address_uri(host or "127.0.0.1", DEFAULT_PORT if port is None else port))


def address_uri(host: str, port: int) -> str:
    """The plain WebSocket URI of a host and port; an IPv6 address gets its brackets.

    Args:
        host: A name or address, an IPv6 address with or without brackets.
        port: 1 to 65535.

    Returns:
        A ``ws://`` URI.

    Raises:
        ValueError: The port is out of range, or the host is no host.
    """
    if not 0 < port < 2**16:
        raise ValueError(f"port {port!r} is not in 1..65535")
    bare = host.removeprefix("[").removesuffix("]")
    shown = f"[{bare}]" if ":" in bare else bare
    uri = f"ws://{shown}:{port}"
    if not _HOST.fullmatch(bare) or urlsplit(uri).hostname is None:
        raise ValueError(f"host {_shown(host)!r} is neither a name nor an address")
    return uri


def redacted(text: str, secrets: Iterable[str]) -> str:
    """A text that came from elsewhere without what it must not show.

    Args:
        text: The text.
        secrets: What it may have repeated.

    Returns:
        The text, each secret replaced by ``***``.
    """
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, _MASK)
    return text


def checked_proxy(uri: str | None) -> tuple[str | None, str | None]:
    """A proxy's URI with its port, with and without its user and password.

    Args:
        uri: What a user wrote; a scheme may be missing.

    Returns:
        Both, or what was given where it is empty.

    Raises:
        ValueError: It is none.
    """
    if not uri:
        return uri, uri
    problem = f"proxy {_shown(uri)!r} must be of the form http://host:port or socks5h://host:port"
    try:
        parts = urlsplit(uri if "://" in uri else f"http://{uri}")
        port = parts.port
    except ValueError:
        raise ValueError(problem + _hint(uri)) from None
    if parts.scheme not in _PROXY_SCHEMES or not parts.hostname or port == 0:
        raise ValueError(problem)
    _credentials(parts, problem)
    host = parts.netloc.rpartition("@")[2]
    if port is None:
        host = f"{host.removesuffix(':')}:{_PROXY_SCHEMES[parts.scheme]}"
    user = parts.netloc.rpartition("@")[0]
    with_user = f"{parts.scheme}://{user}@{host}" if user else f"{parts.scheme}://{host}"
    return with_user, f"{parts.scheme}://{host}"


def _split(uri: str) -> tuple[SplitResult, tuple[str, str] | None]:
    """The parts of a signalling server's URI, and the user and password in it."""
    problem = f"signalling server address {_shown(uri)!r} is not of the form ws://host:port or wss://host:port"
    try:
        parts = urlsplit(uri)
        usable = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        # Its text quotes what may be a part of a password.
        raise ValueError(problem + _hint(uri)) from None
    # An @ behind the host is most probably that of a password with a slash or question mark in it.
    if (
        parts.scheme not in _SCHEMES
        or not usable
        or "@" in parts.path + parts.query + parts.fragment
        or not uri.isprintable()
    ):
        raise ValueError(problem + _hint(uri))
    if " " in uri:
        raise ValueError(problem)
    return parts, _credentials(parts, problem)


def _hint(uri: str) -> str:
    """What the user may have meant."""
    if "@" in uri:
        return "; in a user or password, / ? # : and @ must be percent-encoded"
    if _HOST_AND_PORT.fullmatch(uri):
        return f"; did you mean 'ws://{_shown(uri)}'?"
    if re.fullmatch(r"[\w.-]+", uri):
        return f"; did you mean name={uri!r}, or host={uri!r}?"
    if re.fullmatch(r"[\w. -]+", uri):
        return f"; did you mean name={uri!r}?"
    return ""


def _credentials(parts: SplitResult, problem: str) -> tuple[str, str] | None:
    """User and password, decoded."""
    if parts.username is None:
        return None
    user, password = unquote(parts.username), unquote(parts.password or "")
    if ":" in user or any(not char.isprintable() for char in user + password):
        raise ValueError(f"{problem}: its user or password holds what Basic credentials cannot (RFC 7617 section 2)")
    return (user, password) if user or password else None


def _secret_parameters(uri: str) -> list[str]:
    """The values of a query's parameters that are secret."""
    return [match.group().partition("=")[2] for match in _SECRET_PARAMETER.finditer(uri)]


def _shown(uri: str) -> str:
    """A URI, or what was given for one, without its user and password."""
    scheme, separator, rest = uri.partition("://")
    if "@" in scheme or not separator:
        scheme, separator, rest = "", "", uri
    if "@" in rest:
        rest = f"{_MASK}@{rest.rpartition('@')[2]}"
    return _SECRET_PARAMETER.sub(rf"\1{_MASK}", scheme + separator + rest)


def _text_or_none(name: str, value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise TypeError(f"{name} must be a string, not {type(value).__name__}")
    return value


def _checked_token(token: Any) -> str:
    if not isinstance(token, str):
        raise TypeError(f"a token must be a string, not {type(token).__name__}")
    if not _TOKEN.fullmatch(token):
        raise ValueError(
            "a token must consist of printable ASCII characters without spaces; was a line's end left on it?"
        )
    return token


def _checked_headers(headers: Headers | None) -> tuple[tuple[str, str], ...]:
    pairs = tuple(headers.items() if isinstance(headers, Mapping) else headers or ())
    for name, value in pairs:
        if not isinstance(name, str) or not isinstance(value, str):
            raise TypeError("headers must have strings for names and values")
        if not _HEADER_NAME.fullmatch(name):
            raise ValueError(f"{name!r} cannot be the name of a header")
        if name.lower() in _HANDSHAKE_HEADERS or name.lower().startswith("sec-websocket-"):
            raise ValueError(f"the header {name} belongs to the WebSocket handshake and cannot be given")
        if not _HEADER_VALUE.fullmatch(value) or value != value.strip():
            raise ValueError(f"the value of the header {name} must be printable ASCII without surrounding spaces")
    return tuple((name, value) for name, value in pairs)
