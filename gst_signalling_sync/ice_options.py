"""`IceOptions`: STUN and TURN servers, UDP ports and network interfaces of sessions."""

from __future__ import annotations

import fnmatch
import ipaddress
import os
from collections.abc import Callable, Iterable
from typing import Final

from .ice_servers import GivenServers, IceServer, parse_ice_servers

__all__ = [
    "ICE_CAFILE_VARIABLE",
    "ICE_SERVERS_VARIABLE",
    "RELAY_ONLY_VARIABLE",
    "IceOptions",
    "ask_servers",
    "resolve_ice",
    "uses_address",
]

ICE_SERVERS_VARIABLE: Final = "GST_SIGNALLING_ICE_SERVERS"
RELAY_ONLY_VARIABLE: Final = "GST_SIGNALLING_RELAY_ONLY"
ICE_CAFILE_VARIABLE: Final = "GST_SIGNALLING_ICE_CAFILE"

_TRUE: Final = ("1", "true", "yes", "on")


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
        udp_ports: The first and the last UDP port to use, such as ``(40000, 40100)``, for firewalls.
            ``docs/howto/networks.rst`` says how many a session uses. Defaults to ports that the system picks.
        interfaces: The network interfaces or networks to use: names with optional wildcards, such as ``"eth0"`` and
            ``"wlan*"``, and networks such as ``"10.0.0.0/8"``; with ``!`` before it, an entry is left out: ``"!docker*"``. If
            all entries have it, the other interfaces are used. Defaults to all but the loopback,
            which is used if there is no other address.
        cafile: A file of CA certificates in PEM format to trust for ``turns:`` servers instead of the system's. Defaults to
            ``$GST_SIGNALLING_ICE_CAFILE``.

    Raises:
        ValueError: A server is malformed, the ports are not a range, an interface is empty, or `relay_only` is given without a
            TURN server.
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


def ask_servers(options: IceOptions) -> tuple[IceServer, ...]:
    """The servers for one session. Calls the callable, which may take a while.

    Raises:
        ValueError: The callable returned a malformed server, or no TURN server although `IceOptions.relay_only` is set.
        TypeError: The callable did not return a list.
        Exception: Raised by the callable.
    """
    if not callable(options.servers):
        return options.servers
    servers = parse_ice_servers(options.servers())
    if options.relay_only and not any(server.is_relay for server in servers):
        raise ValueError("relay_only needs a TURN server, but the callable returned no such server")
    return servers


def uses_address(options: IceOptions, interface: str, address: str) -> bool:
    """Whether to use an address of this machine.

    Args:
        options: The options.
        interface: The name of its interface.
        address: The numeric address.
    """
    wanted = [each for each in options.interfaces if not each.startswith("!")]
    unwanted = [each.removeprefix("!") for each in options.interfaces if each.startswith("!")]
    if any(_matches(each, interface, address) for each in unwanted):
        return False
    return not wanted or any(_matches(each, interface, address) for each in wanted)


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
