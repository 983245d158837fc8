"""STUN and TURN servers as GStreamer's elements write them, as aiortc takes them."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import unquote, urlsplit

from aiortc import RTCIceServer

__all__ = ["parse_ice_servers"]


def parse_ice_servers(uris: Iterable[str]) -> list[RTCIceServer]:
    """Parse server addresses.

    Args:
        uris: One or several of ``stun://host:port``, ``turn://user:password@host:port``,
            ``turns://user:password@host:port``, with ``?transport=tcp`` perhaps. Special
            characters in user and password are percent-encoded.

    Returns:
        The servers.

    Raises:
        ValueError: One is not of that form.
    """
    return [_parse(uri) for uri in ((uris,) if isinstance(uris, str) else uris)]


def _parse(uri: str) -> RTCIceServer:
    # The RFC 7064 form has no slashes; with them the rest parses like any URI.
    scheme, _, rest = uri.partition(":")
    parts = urlsplit(f"{scheme}://{rest.removeprefix('//')}")
    if scheme not in ("stun", "turn", "turns") or not parts.hostname:
        raise ValueError(f"ICE server {uri!r} is not of the form stun://host:port or turn://user:password@host:port")
    if scheme != "stun" and (parts.username is None or parts.password is None):
        raise ValueError(
            f"ICE server {scheme}://{parts.hostname} needs a user and a password: {scheme}://user:password@host"
        )
    host = f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname
    query = f"?{parts.query}" if parts.query else ""
    return RTCIceServer(
        urls=f"{scheme}:{host}{query}",
        username=None if parts.username is None else unquote(parts.username),
        credential=None if parts.password is None else unquote(parts.password),
    )
