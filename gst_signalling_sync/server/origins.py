"""`OriginRules`: which Origin (RFC 6454) and Host headers the server accepts.

A browser lets any page open a WebSocket to any address, a robot's own loopback included, and names the page's site in
``Origin``. A page whose name was made to resolve to the server (DNS rebinding) has that name in ``Host`` too.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable, Sequence
from typing import Final
from urllib.parse import urlsplit

__all__ = ["OriginRules"]

_WEB_SCHEMES: Final = ("http", "https")


class OriginRules:
    """Decides by the Origin and Host headers of a request. Ports are not compared.

    Args:
        host: The host that the server listens on; a name counts as one of the server's own.
        origins: Origins to accept, such as ``"https://app.example"``, ``"app.example"`` (with any scheme),
            ``"*.app.example"`` or ``"null"``; ``"*"`` accepts every origin. None: localhost, the server's own names, and the
            name or address that the request was sent to, with any port. The origin of the server itself is always accepted.
        hosts: Names by which clients reach the server, besides localhost, every IP address and, for programs, names without a
            dot or in ``.local``; ``"*"`` accepts every name. None: the names of this machine, and `host`.

    Raises:
        ValueError: An entry is neither a name nor an origin.
        TypeError: A single string is given instead of a sequence of strings.
    """

    def __init__(self, host: str, origins: Sequence[str] | None, hosts: Sequence[str] | None) -> None:
        self._hosts = (
            _own_names(host) if hosts is None else [_checked_name("hosts", name) for name in _many("hosts", hosts)]
        )
        self._origins = None if origins is None else [_split_entry(entry) for entry in _many("origins", origins)]

    def allows_host(self, host: str, origin: str | None = None) -> bool:
        """Whether the server accepts a Host header.

        An IP address is always accepted, because DNS rebinding leaves a name in the header. A name without a dot, or in
        ``.local`` (mDNS, RFC 6762), is accepted from programs: it belongs to the local network, and to no stranger's domain.

        Args:
            host: The Host header, with or without a port.
            origin: The Origin header of the same request. Defaults to None: there is no such header, as in programs' requests.
        """
        name = _host_of(host)
        if name is None:
            return False
        if _is_local(name) or _is_address(name) or _matches_any(name, self._hosts):
            return True
        return origin is None and ("." not in name or name.endswith(".local"))

    def allows_origin(self, origin: str | None, host: str) -> bool:
        """Whether a page of an origin may use the server.

        Args:
            origin: The Origin header; None: there is no such header, so the request is not that of a page.
            host: The Host header of the same request, accepted by `allows_host`.
        """
        if origin is None:
            return True
        scheme, name = _split_origin(origin)
        if scheme in _WEB_SCHEMES and origin.partition("://")[2].lower() == host.lower():
            # Some WebSocket libraries of programs send the server itself as the origin, as the server's own page would.
            return True
        if self._origins is not None:
            return any(
                pattern == "*" or (name is not None and wanted in (None, scheme) and _matches(name, pattern))
                for wanted, pattern in self._origins
            )
        if name is None or scheme not in _WEB_SCHEMES:
            return False
        return _is_local(name) or _matches_any(name, self._hosts) or name == _host_of(host)


def _own_names(host: str) -> list[str]:
    machine = socket.gethostname().lower()
    label = machine.partition(".")[0]
    return [name for name in (host.lower(), machine, label, f"{label}.local") if name]


def _many(option: str, entries: Sequence[str]) -> Sequence[str]:
    if isinstance(entries, str):
        raise TypeError(f"{option} must be a list of strings, not the string {entries!r}")
    return entries


def _checked_name(option: str, name: str) -> str:
    if name == "*":
        return name
    host = _host_of(name)
    if host is None or "/" in name:
        raise ValueError(f"{option} must hold host names, such as 'robot.example', not {name!r}")
    return host


def _split_entry(entry: str) -> tuple[str | None, str]:
    if entry in ("*", "null"):
        return None, entry
    if "://" not in entry:
        return None, _checked_name("origins", entry)
    scheme, name = _split_origin(entry)
    if name is None:
        raise ValueError(f"origins must hold origins, such as 'https://app.example', not {entry!r}")
    return scheme, name


def _split_origin(origin: str) -> tuple[str | None, str | None]:
    """The scheme and the host of an origin; None where there is no such part."""
    if origin == "null":
        return None, "null"
    try:
        parts = urlsplit(origin)
    except ValueError:
        return None, None
    if parts.path or parts.query or parts.fragment or parts.username is not None or not parts.netloc:
        return None, None
    return parts.scheme.lower(), _host_of(parts.netloc)


def _host_of(authority: str) -> str | None:
    """The host of ``host[:port]``, lower case, without brackets and the root's dot; None where there is no host."""
    authority = authority.strip().lower()
    if authority.startswith("["):
        host, bracket, port = authority[1:].partition("]")
        if not bracket or not _is_address(host) or (port and not port.startswith(":")):
            return None
        return host
    host, _, port = authority.partition(":")
    if (port and not port.isdecimal()) or any(character.isspace() or character in "/@?#" for character in host):
        return None
    return host.removesuffix(".") or None


def _is_local(name: str) -> bool:
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _matches_any(name: str, patterns: Iterable[str]) -> bool:
    return any(_matches(name, pattern) for pattern in patterns)


def _matches(name: str, pattern: str) -> bool:
    if pattern == "*":
        return True
    if pattern.startswith("*."):
        return name.endswith(pattern[1:]) and len(name) > len(pattern) - 1
    return name == pattern
