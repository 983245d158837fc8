"""Addresses of signalling servers and proxies, as users and GStreamer write them, parsed to the parts of URIs (RFC 3986)."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

from .redaction import shown_uri

__all__ = ["SCHEMES", "address_uri", "checked_proxy", "split_address"]

SCHEMES: Final = {"ws": "ws", "wss": "wss", "gstwebrtc": "ws", "gstwebrtcs": "wss"}
"""Schemes of addresses, with the WebSocket scheme that each stands for."""

_HOST: Final = re.compile(r"[\w.-]+|[0-9a-fA-F:.]+(%\w+)?")
"""A name or IPv4 address, or an IPv6 address, optionally with its zone."""


_HOST_AND_PORT: Final = re.compile(r"(\[[0-9a-fA-F:.]+\]|[\w.-]+):\d+(/.*)?")


_PROXY_SCHEMES: Final = {"http": 80, "https": 443, "socks4": 1080, "socks4a": 1080, "socks5": 1080, "socks5h": 1080}
"""Kinds of proxies, with their default ports."""


def address_uri(host: str, port: int) -> str:
    """The plain WebSocket URI of a host and port; an IPv6 address gets its brackets.

    Args:
        host: A name or address, an IPv6 address with or without brackets.
        port: 1 to 65535.

    Returns:
        A ``ws://`` URI.

    Raises:
        ValueError: The port is out of range, or the host is neither a name nor an address.
        TypeError: One of them is of another type.
    """
    if not isinstance(host, str):
        raise TypeError(f"host must be a string, not {host!r:.100}")
    if not isinstance(port, int):
        raise TypeError(f"port must be an integer, not {port!r:.100}")
    if not 0 < port < 2**16:
        raise ValueError(f"port must be from 1 to 65535, not {port!r}")
    bare = host.removeprefix("[").removesuffix("]")
    shown = f"[{bare}]" if ":" in bare else bare
    uri = f"ws://{shown}:{port}"
    if not _HOST.fullmatch(bare) or urlsplit(uri).hostname is None:
        raise ValueError(f"host must be a name or an address, not {shown_uri(host)!r}")
    return uri


def checked_proxy(uri: str | None) -> tuple[str | None, str | None]:
    """A proxy's URI with its port, with and without its user and password.

    Args:
        uri: As the user wrote it; the scheme may be missing.

    Returns:
        The URI with and without user and password; twice the argument where it is empty or None.

    Raises:
        ValueError: The URI is malformed.
    """
    if not uri:
        return uri, uri
    problem = f"proxy {shown_uri(uri)!r} must be of the form http://host:port or socks5h://host:port"
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


def split_address(uri: str) -> tuple[SplitResult, tuple[str, str] | None]:
    """The parts of a signalling server's URI, and the user and password in it."""
    problem = f"signalling server address must be of the form ws://host:port or wss://host:port, not {shown_uri(uri)!r}"
    try:
        parts = urlsplit(uri)
        usable = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        # The original message may quote a part of a password.
        raise ValueError(problem + _hint(uri)) from None
    # An @ after the host most probably follows a password with a slash or question mark in it.
    if (
        parts.scheme not in SCHEMES
        or not usable
        or "@" in parts.path + parts.query + parts.fragment
        or not uri.isprintable()
    ):
        raise ValueError(problem + _hint(uri))
    if " " in uri:
        raise ValueError(problem)
    return parts, _credentials(parts, problem)


def _hint(uri: str) -> str:
    """A hint at what the user may have meant."""
    if "@" in uri:
        return "; in a user or password, / ? # : and @ must be percent-encoded"
    if _HOST_AND_PORT.fullmatch(uri):
        return f"; did you mean 'ws://{shown_uri(uri)}'?"
    if re.fullmatch(r"[\w.-]+", uri):
        return f"; did you mean name={uri!r}, or host={uri!r}?"
    if re.fullmatch(r"[\w. -]+", uri):
        return f"; did you mean name={uri!r}?"
    return ""


def _credentials(parts: SplitResult, problem: str) -> tuple[str, str] | None:
    """The decoded user and password of a URI; None: there are none."""
    if parts.username is None:
        return None
    user, password = unquote(parts.username), unquote(parts.password or "")
    if ":" in user or any(not char.isprintable() for char in user + password):
        raise ValueError(
            f"{problem}: its user must have no colon, and user and password printable characters only (RFC 7617 section 2)"
        )
    return (user, password) if user or password else None
