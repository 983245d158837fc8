"""The addresses of this machine that sessions use, in order of preference (RFC 8445 section 5.1.2.1)."""

from __future__ import annotations

import contextlib
import socket
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

import ifaddr

from ...ice_options import IceOptions, uses_address
from ...threads.fork import new_socket

__all__ = ["LocalAddress", "local_addresses"]

_LOOPBACK: Final = "127.0.0.1"

_ELSEWHERE: Final = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))
"""Documentation addresses (RFC 5737, RFC 3849), to which the default route leads. Nothing is sent there."""

_BRIDGES: Final = ("docker*", "br-*", "virbr*", "veth*", "cni*", "podman*", "lxc*", "lxd*", "vboxnet*", "vmnet*")
"""Usual names of interfaces that lead to containers and virtual machines on this machine."""


@dataclass(frozen=True, slots=True)
class LocalAddress:
    """An address of this machine.

    Attributes:
        host: The numeric address.
        family: Address family of sockets.
        interface: Name of its network interface.
        preference: Local preference of RFC 8445 section 5.1.2.1, from 0 to 65535; the highest is preferred.
    """

    host: str
    family: int
    interface: str
    preference: int


def local_addresses(options: IceOptions) -> list[LocalAddress]:
    """The addresses to use.

    127.0.0.1 is left out, since no other machine reaches it, unless the options name its interface or there is no other
    address. In these cases peers can only be on this machine.

    Args:
        options: Options, which say which interfaces to use.

    Returns:
        The addresses. Those of the default route come first, those of bridges to containers last.
    """
    found: list[tuple[str, str]] = []
    for adapter in ifaddr.get_adapters():
        for ip in adapter.ips:
            if isinstance(ip.ip, str):
                found.append((str(adapter.nice_name), ip.ip))
            elif ip.ip[2] == 0:
                found.append((str(adapter.nice_name), ip.ip[0]))
    wanted = [each for each in found if uses_address(options, *each)]
    others = [each for each in wanted if not _is_loopback(each[1])]
    if not any(not each.startswith("!") for each in options.interfaces):
        wanted = others or [("lo", _LOOPBACK)]
    routed = _routed()
    ranked = sorted(wanted, key=lambda each: (each[1] not in routed, _is_bridge(each[0])))
    return [
        LocalAddress(host, socket.AF_INET6 if ":" in host else socket.AF_INET, name, 65535 - rank)
        for rank, (name, host) in enumerate(ranked)
    ]


def _is_loopback(host: str) -> bool:
    return host in (_LOOPBACK, "::1")


def _is_bridge(interface: str) -> bool:
    return any(fnmatchcase(interface, pattern) for pattern in _BRIDGES)


def _routed() -> set[str]:
    """The addresses of the default routes."""
    routed = set()
    for family, host in _ELSEWHERE:
        with contextlib.suppress(OSError), new_socket(family, socket.SOCK_DGRAM) as sock:
            sock.connect((host, 9))
            routed.add(sock.getsockname()[0])
    return routed
