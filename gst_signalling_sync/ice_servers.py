"""`IceServer`: a STUN or TURN server (RFC 7064, RFC 7065), and `parse_ice_servers`, which reads what users write for it."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias
from urllib.parse import parse_qsl, unquote, urlsplit

__all__ = ["GivenServers", "IceServer", "parse_ice_servers"]

IceScheme = Literal["stun", "stuns", "turn", "turns"]
IceTransport = Literal["udp", "tcp"]

_SCHEMES: Final[tuple[IceScheme, ...]] = ("stun", "stuns", "turn", "turns")
_DEFAULT_PORTS: Final = {"stun": 3478, "turn": 3478, "stuns": 5349, "turns": 5349}

_FORM: Final = (
    "stun:host:port, stuns:host:port, turn://user:password@host:port or turns://user:password@host:port, the last two with"
    " optional ?transport=udp or ?transport=tcp"
)

_W3C_MEMBERS: Final = frozenset(("urls", "url", "username", "credential", "credentialType"))

_CREDENTIALS: Final = re.compile(r"//[^/@]*@")


@dataclass(frozen=True, slots=True)
class IceServer:
    """A STUN or TURN server (RFC 7064, RFC 7065).

    Attributes:
        scheme: ``"stun"``, ``"stuns"``, ``"turn"`` or ``"turns"``.
        host: A name or an address; an IPv6 address without brackets.
        port: 1 to 65535.
        transport: The transport to the server, ``"udp"`` or ``"tcp"``; with DTLS or TLS over it where the scheme ends in ``s``.
        username: The user of a TURN server; None for a STUN server.
        password: The password of a TURN server; `repr` and `str` do not show it.
    """

    scheme: IceScheme
    host: str
    port: int
    transport: IceTransport = "udp"
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)

    @property
    def is_relay(self) -> bool:
        """Whether it is a TURN server."""
        return self.scheme in ("turn", "turns")

    @property
    def is_secure(self) -> bool:
        """Whether the transport to it is encrypted."""
        return self.scheme in ("stuns", "turns")

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        query = f"?transport={self.transport}" if self.is_relay else ""
        return f"{self.scheme}:{host}:{self.port}{query}"


GivenServer: TypeAlias = str | Mapping[str, Any]
"""A URI, or the W3C's ``RTCIceServer`` as a dict."""

GivenServers: TypeAlias = GivenServer | Iterable[GivenServer]


def parse_ice_servers(given: GivenServers) -> tuple[IceServer, ...]:
    """Parse server addresses.

    Args:
        given: One or several of ``stun:host:port``, ``stuns:host:port``, ``turn://user:password@host:port`` and
            ``turns://user:password@host:port``, the last two optionally with ``?transport=udp`` or ``?transport=tcp``. IPv6
            addresses are in brackets, special characters in user and password percent-encoded. Or the W3C's dicts,
            ``{"urls": [...], "username": ..., "credential": ...}``.

    Returns:
        The servers in their order, without duplicates.

    Raises:
        ValueError: A server is malformed.
        TypeError: A server is neither a string nor a mapping.
    """
    servers = (given,) if isinstance(given, str | Mapping) else given
    return tuple(dict.fromkeys(server for each in servers for server in _parse(each)))


def _parse(given: GivenServer) -> list[IceServer]:
    if isinstance(given, str):
        return [_parse_uri(given, None, None)]
    if not isinstance(given, Mapping):
        raise TypeError(f"an ICE server must be a string or a dict as the W3C's RTCIceServer, not {given!r:.100}")
    if unknown := sorted(set(given) - _W3C_MEMBERS):
        raise ValueError(f"an ICE server must have urls, username and credential, not {unknown[0]!r}")
    if given.get("credentialType", "password") != "password":
        raise ValueError(f"credentialType of an ICE server must be 'password', not {given['credentialType']!r}")
    urls = given.get("urls", given.get("url"))
    if not urls:
        raise ValueError('an ICE server as a dict must have "urls"')
    username, credential = given.get("username"), given.get("credential")
    return [_parse_uri(url, username, credential) for url in ((urls,) if isinstance(urls, str) else urls)]


def _parse_uri(uri: str, username: str | None, password: str | None) -> IceServer:
    shown = _CREDENTIALS.sub("//***@", uri) if isinstance(uri, str) else repr(uri)
    # The form of RFC 7064 has no slashes; with them it parses like any URI.
    scheme, _, rest = uri.partition(":")
    try:
        parts = urlsplit(f"{scheme}://{rest.removeprefix('//')}")
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"ICE server {shown!r}: {error}") from None
    known = next((each for each in _SCHEMES if each == scheme.lower()), None)
    if known is None or not host or parts.path or port == 0:
        raise ValueError(f"an ICE server must be of the form {_FORM}, not {shown!r}")
    if ":" in host:
        _check_ipv6(host, shown)
    is_relay = known in ("turn", "turns")
    if parts.username is not None:
        username, password = unquote(parts.username), None if parts.password is None else unquote(parts.password)
    if is_relay and (not username or not password):
        raise ValueError(f"ICE server {shown!r} needs a user and a password: {known}://user:password@host")
    return IceServer(
        known,
        host,
        port or _DEFAULT_PORTS[known],
        _transport(known, parts.query, shown),
        username if is_relay else None,
        password if is_relay else None,
    )


def _check_ipv6(host: str, shown: str) -> None:
    try:
        ipaddress.IPv6Address(host)
    except ValueError:
        raise ValueError(f"ICE server {shown!r}: the host must be an IPv6 address, not {host!r}") from None


def _transport(scheme: IceScheme, query: str, shown: str) -> IceTransport:
    default: IceTransport = "tcp" if scheme == "turns" else "udp"
    transport: IceTransport | None = default
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name != "transport":
            raise ValueError(f"ICE server {shown!r}: only ?transport= may follow the address, not {name!r}")
        transport = next((each for each in ("udp", "tcp") if each == value.lower()), None)
    if transport is None:
        raise ValueError(f"ICE server {shown!r}: transport must be udp or tcp; for TLS write turns: instead of turn:")
    if scheme == "stuns":
        raise ValueError(f"ICE server {shown!r}: TLS and DTLS to a STUN server are not supported: write stun: instead")
    if scheme == "turns" and transport == "udp":
        raise ValueError(
            f"ICE server {shown!r}: DTLS to a TURN server (RFC 7350) is not supported: write turns: with ?transport=tcp, which"
            " is TLS, or turn: with ?transport=udp; what the peers send is encrypted in any case"
        )
    if transport == "tcp" and scheme == "stun":
        raise ValueError(
            f"ICE server {shown!r}: a STUN server must be asked over UDP: the address over TCP is of no use to it"
        )
    return transport
