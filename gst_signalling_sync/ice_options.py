"""`IceOptions`: STUN and TURN servers (RFC 7064, RFC 7065), UDP ports and network interfaces of sessions."""

from __future__ import annotations

import fnmatch
import ipaddress
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias
from urllib.parse import parse_qsl, unquote, urlsplit

__all__ = [
    "ICE_CAFILE_VARIABLE",
    "ICE_SERVERS_VARIABLE",
    "RELAY_ONLY_VARIABLE",
    "IceOptions",
    "IceServer",
    "parse_ice_servers",
    "resolve_ice",
]

ICE_SERVERS_VARIABLE: Final = "GST_SIGNALLING_ICE_SERVERS"
RELAY_ONLY_VARIABLE: Final = "GST_SIGNALLING_RELAY_ONLY"
ICE_CAFILE_VARIABLE: Final = "GST_SIGNALLING_ICE_CAFILE"

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

_TRUE: Final = ("1", "true", "yes", "on")


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


class IceOptions:
    """The ICE servers, ports and interfaces of sessions. An immutable value, which roles and `connect` take as ``ice=``.

    .. code-block:: python

        robot = Producer(name="robot", ice=IceOptions(["stun:stun.example", "turns://user:secret@relay.example"]))

    Args:
        servers: STUN and TURN servers, which are all asked at the same time: URIs such as ``"stun:host:3478"``,
            ``"turn://user:password@host?transport=tcp"`` and ``"turns://user:password@[2001:db8::1]"``; the W3C's dicts,
            ``{"urls": [...], "username": ..., "credential": ...}``; or a callable without arguments that returns such a list,
            for credentials that expire. It is called for each session, on its own thread and within the session's timeout.
            Defaults to ``$GST_SIGNALLING_ICE_SERVERS``, URIs separated by spaces.
        relay_only: Whether all packets go through a TURN server, so that the peer does not learn this machine's addresses.
            Defaults to ``$GST_SIGNALLING_RELAY_ONLY``.
        udp_ports: The first and the last UDP port to use, such as ``(40000, 40100)``, for firewalls. A session uses one port
            per address of this machine. Defaults to ports that the system picks.
        interfaces: The network interfaces or networks to use: names with optional wildcards, such as ``"eth0"`` and
            ``"wlan*"``, and networks such as ``"10.0.0.0/8"``; with ``!`` before it, an entry is left out: ``"!docker*"``. If
            all entries have it, the other interfaces are used. Defaults to all but the loopback.
        cafile: A file of CA certificates in PEM format to trust for ``turns:`` servers instead of the system's. Defaults to
            ``$GST_SIGNALLING_ICE_CAFILE``.

    Raises:
        ValueError: A server is malformed, the ports are not a range, or an interface is empty.
        TypeError: A value is of another type.
    """

    __slots__ = ("cafile", "interfaces", "relay_only", "servers", "udp_ports")

    servers: tuple[IceServer, ...] | Callable[[], GivenServers]
    """The servers, or the callable that returns them."""
    relay_only: bool
    """Whether all packets go through a TURN server."""
    udp_ports: tuple[int, int] | None
    """The first and the last UDP port; None: the system picks ports."""
    interfaces: tuple[str, ...]
    """Patterns of names, and networks; empty: all interfaces."""
    cafile: str | None
    """The file of CA certificates; None: the system's."""

    def __init__(
        self,
        servers: GivenServers | Callable[[], GivenServers] = (),
        *,
        relay_only: bool | None = None,
        udp_ports: tuple[int, int] | None = None,
        interfaces: str | Iterable[str] | None = None,
        cafile: str | os.PathLike[str] | None = None,
    ) -> None:
        known: tuple[IceServer, ...] | Callable[[], GivenServers]
        if callable(servers):
            known = servers
        else:
            known = parse_ice_servers(servers) or parse_ice_servers(os.environ.get(ICE_SERVERS_VARIABLE, "").split())
        if relay_only is None:
            relay_only = os.environ.get(RELAY_ONLY_VARIABLE, "").lower() in _TRUE
        patterns = (interfaces,) if isinstance(interfaces, str) else tuple(interfaces or ())
        if not all(isinstance(each, str) and each.removeprefix("!") for each in patterns):
            raise ValueError(f"interfaces must be names or networks, not {patterns!r:.200}")
        if relay_only and not callable(known) and not any(server.is_relay for server in known):
            raise ValueError("relay_only needs a TURN server: turn://user:password@host")
        values = {
            "servers": known,
            "relay_only": bool(relay_only),
            "udp_ports": None if udp_ports is None else _checked_ports(udp_ports),
            "interfaces": patterns,
            "cafile": os.fspath(cafile if cafile is not None else os.environ.get(ICE_CAFILE_VARIABLE, "")) or None,
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def ask_servers(self) -> tuple[IceServer, ...]:
        """The servers for one session. Calls the callable, which may take a while.

        Raises:
            ValueError: The callable returned a malformed server, or no TURN server although `relay_only` is set.
            TypeError: The callable did not return a list.
            Exception: Raised by the callable.
        """
        if not callable(self.servers):
            return self.servers
        servers = parse_ice_servers(self.servers())
        if self.relay_only and not any(server.is_relay for server in servers):
            raise ValueError("relay_only needs a TURN server, but the callable returned no such server")
        return servers

    @property
    def asks_for_servers(self) -> bool:
        """Whether a callable returns the servers of each session."""
        return callable(self.servers)

    def uses(self, interface: str, address: str) -> bool:
        """Whether to use an address of this machine.

        Args:
            interface: The name of its interface.
            address: The numeric address.
        """
        wanted = [each for each in self.interfaces if not each.startswith("!")]
        unwanted = [each.removeprefix("!") for each in self.interfaces if each.startswith("!")]
        if any(_matches(each, interface, address) for each in unwanted):
            return False
        return not wanted or any(_matches(each, interface, address) for each in wanted)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"IceOptions are immutable: make others with {name}=")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"IceOptions are immutable: {name} cannot be deleted")

    def _values(self) -> tuple[object, ...]:
        return (self.servers, self.relay_only, self.udp_ports, self.interfaces, self.cafile)

    def __eq__(self, other: object) -> bool:
        return self._values() == other._values() if isinstance(other, IceOptions) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._values())

    def __getstate__(self) -> dict[str, object]:
        return {name: getattr(self, name) for name in IceOptions.__slots__}

    def __setstate__(self, state: dict[str, object]) -> None:
        for name, value in state.items():
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        shown = ["<callable>" if callable(self.servers) else repr([str(server) for server in self.servers])]
        if self.relay_only:
            shown.append("relay_only=True")
        if self.udp_ports is not None:
            shown.append(f"udp_ports={self.udp_ports}")
        if self.interfaces:
            shown.append(f"interfaces={list(self.interfaces)}")
        if self.cafile is not None:
            shown.append(f"cafile={self.cafile!r}")
        return f"IceOptions({', '.join(shown)})"


def resolve_ice(ice: IceOptions | None, ice_servers: GivenServers = ()) -> IceOptions:
    """The options that a user's arguments name.

    Args:
        ice: The options.
        ice_servers: The short form: servers alone.

    Returns:
        The options; without arguments, those of the environment.

    Raises:
        ValueError: Both are given, or a server is malformed.
        TypeError: `ice` is not an `IceOptions`.
    """
    if ice is None:
        return IceOptions(ice_servers)
    if not isinstance(ice, IceOptions):
        raise TypeError(f"ice must be IceOptions, not {type(ice).__name__}: write IceOptions([...])")
    if ice_servers:
        raise ValueError("give either ice= or ice_servers=, not both")
    return ice


def _matches(pattern: str, interface: str, address: str) -> bool:
    try:
        network = ipaddress.ip_network(pattern, strict=False)
    except ValueError:
        return fnmatch.fnmatchcase(interface, pattern)
    return ipaddress.ip_address(address) in network


def _checked_ports(ports: tuple[int, int]) -> tuple[int, int]:
    try:
        first, last = ports
    except (TypeError, ValueError):
        raise ValueError(f"udp_ports must be the first and the last port, not {ports!r:.100}") from None
    if not all(isinstance(port, int) for port in (first, last)) or not 0 < first <= last < 2**16:
        raise ValueError(f"udp_ports must be two ports from 1 to 65535 in their order, not {ports!r:.100}")
    return first, last
