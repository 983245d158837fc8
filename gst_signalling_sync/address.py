"""Where a signalling server is: the addresses that users and GStreamer write, as WebSocket URIs."""

from __future__ import annotations

import os
import re
from typing import Final
from urllib.parse import parse_qs, urlsplit, urlunsplit

__all__ = ["DEFAULT_PORT", "DEFAULT_URI", "URI_VARIABLE", "address_uri", "peer_id_in", "resolve_uri"]

URI_VARIABLE: Final = "GST_SIGNALLING_URI"
DEFAULT_PORT: Final = 8443
DEFAULT_URI: Final = f"ws://127.0.0.1:{DEFAULT_PORT}"
"""Every GStreamer WebRTC client's default."""

_HOST: Final = re.compile(r"[\w.-]+|[0-9a-fA-F:.]+(%\w+)?")
"""A name or IPv4 address, or an IPv6 address with its zone perhaps."""

_SCHEMES: Final = {"ws": "ws", "wss": "wss", "gstwebrtc": "ws", "gstwebrtcs": "wss"}


def resolve_uri(uri: str | None = None, host: str | None = None, port: int | None = None) -> str:
    """The WebSocket URI of a signalling server.

    Args:
        uri: ``ws://``, ``wss://``, or GStreamer's ``gstwebrtc://`` and ``gstwebrtcs://``. None: host and port, else
            ``$GST_SIGNALLING_URI``, else ``ws://127.0.0.1:8443``.
        host: Instead of `uri`: a name or address.
        port: Instead of `uri`: 1 to 65535.

    Returns:
        A ``ws://`` or ``wss://`` URI.

    Raises:
        ValueError: The URI's scheme is another, it names no host, or both `uri` and `host` or `port` are given.
    """
    if uri is not None and (host is not None or port is not None):
        raise ValueError(f"give either uri={uri!r} or host={host!r} and port={port!r}, not both")
    if host is not None or port is not None:
        return address_uri(host or "127.0.0.1", DEFAULT_PORT if port is None else port)
    uri = uri or os.environ.get(URI_VARIABLE) or DEFAULT_URI
    try:
        parts = urlsplit(uri)
        usable = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError as error:
        raise ValueError(f"signalling server address {uri!r}: {error}") from error
    if parts.scheme not in _SCHEMES or not usable:
        raise ValueError(f"signalling server address {uri!r} is not of the form ws://host:port or wss://host:port")
    query = "" if parts.scheme.startswith("gstwebrtc") else parts.query
    return urlunsplit((_SCHEMES[parts.scheme], parts.netloc, parts.path, query, ""))


def peer_id_in(uri: str | None) -> str | None:
    """The peer that GStreamer's ``gstwebrtc://host:port?peer-id=ID`` names, if it does."""
    if uri is None or not uri.lower().startswith("gstwebrtc"):
        return None
    values = parse_qs(urlsplit(uri).query).get("peer-id")
    return values[0] if values else None


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
        raise ValueError(f"host {host!r} is neither a name nor an address")
    return uri
