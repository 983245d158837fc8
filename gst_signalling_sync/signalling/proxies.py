"""Proxies of a connection: which one applies, HTTP CONNECT (RFC 9110 section 9.3.6), and SOCKS by python-socks."""

from __future__ import annotations

import base64
import ipaddress
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from ..endpoint import Endpoint, access_of, checked_proxy
from ..threads.waiting import Deadline
from .http_head import HttpHead
from .stream import Stream

__all__ = ["Proxy", "is_this_machine", "proxy_of", "tunnel_http", "tunnel_socks"]


@dataclass(frozen=True)
class Proxy:
    """A proxy.

    Attributes:
        scheme: ``http``, ``https``, ``socks4``, ``socks4a``, ``socks5`` or ``socks5h``.
        host: Its name or address.
        port: Its TCP port.
        source: The environment variable that names it, for errors; empty: it was given with the endpoint.
        credentials: User and password, where it requires them.
    """

    scheme: str
    host: str
    port: int
    source: str = ""
    credentials: tuple[str, str] | None = field(default=None, repr=False)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"the proxy {self.scheme}://{host}:{self.port}" + (f" of ${self.source}" if self.source else "")

    @property
    def is_socks(self) -> bool:
        """Whether it speaks SOCKS."""
        return self.scheme.startswith("socks")

    @property
    def resolves_names(self) -> bool:
        """Whether it gets the server's name instead of its address."""
        return self.scheme not in ("socks4", "socks5")

    def secrets(self) -> tuple[str, ...]:
        """The strings that must not be shown."""
        if self.credentials is None:
            return ()
        return (*self.credentials, self._basic())

    def _basic(self) -> str:
        assert self.credentials is not None
        return base64.b64encode(":".join(self.credentials).encode()).decode()


def proxy_of(endpoint: Endpoint, environment: Mapping[str, str]) -> Proxy | None:
    """The proxy to go through.

    Args:
        endpoint: Its own proxy comes first, even for this machine.
        environment: Has ``https_proxy``, ``http_proxy``, ``all_proxy`` and ``no_proxy``, in lower or upper case.

    Returns:
        The proxy; None: there is no proxy.

    Raises:
        ValueError: The environment names a proxy by something that is not its URI.
    """
    proxy_uri = access_of(endpoint).proxy_uri
    if proxy_uri is not None:
        return _proxy(proxy_uri, "") if proxy_uri else None
    if is_this_machine(endpoint.host) or _is_exempt(endpoint.host, endpoint.port, environment):
        return None
    for name in ("https_proxy" if endpoint.is_secure else "http_proxy", "all_proxy"):
        # In a web server's CGI program, HTTP_PROXY is set by any client that sends the header `Proxy:`.
        spellings = (name,) if name == "http_proxy" and "REQUEST_METHOD" in environment else (name, name.upper())
        for spelling in spellings:
            if environment.get(spelling):
                try:
                    uri, _ = checked_proxy(environment[spelling])
                except ValueError as error:
                    raise ValueError(f"${spelling}: {error}") from None
                assert uri is not None
                return _proxy(uri, spelling)
    return None


def _proxy(uri: str, source: str) -> Proxy:
    parts = urlsplit(uri)
    assert parts.hostname is not None
    assert parts.port is not None
    credentials = None if parts.username is None else (unquote(parts.username), unquote(parts.password or ""))
    return Proxy(parts.scheme, parts.hostname, parts.port, source, credentials)


def is_this_machine(host: str) -> bool:
    """Whether a name or address certainly belongs to this machine, without asking a resolver.

    Args:
        host: The name or address.
    """
    name = host.lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost") or name == socket.gethostname().lower():
        return True
    address = _address(host)
    if isinstance(address, ipaddress.IPv6Address):
        address = address.ipv4_mapped or address
    return address is not None and (address.is_loopback or address.is_unspecified)


def _is_exempt(host: str, port: int, environment: Mapping[str, str]) -> bool:
    """Whether ``no_proxy`` names a host: by a domain, its parent, an address or a network, each optionally with a port."""
    entries = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    return any(_matches(entry.strip().lower(), host.lower().rstrip("."), port) for entry in entries.split(","))


def _matches(entry: str, host: str, port: int) -> bool:
    if not entry:
        return False
    if entry == "*":
        return True
    address = _address(host)
    if address is not None:
        try:
            return address in ipaddress.ip_network(entry.strip("[]"), strict=False)
        except ValueError:
            pass
    name, colon, entry_port = entry.rpartition(":")
    if colon and entry_port.isdecimal() and "]" not in entry_port:
        if int(entry_port) != port:
            return False
        entry = name
    entry = entry.strip("[]").removeprefix("*").lstrip(".")
    return host == entry or (address is None and host.endswith(f".{entry}"))


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None


def tunnel_http(stream: Stream, proxy: Proxy, authority: str, deadline: Deadline) -> HttpHead:
    """Ask an HTTP proxy to connect a stream to a server (CONNECT).

    Args:
        stream: Connected to the proxy; after a response of status 2xx, to the server.
        proxy: The proxy.
        authority: The server's host and port.
        deadline: How long the proxy may take.

    Returns:
        The proxy's response.

    Raises:
        NotHttp: The response is not HTTP.
        EOFError: The proxy closed the connection.
        TimeoutError: The proxy did not answer in time.
        Interrupted: The interruption given to the stream was triggered.
        OSError: The connection broke.
    """
    request = f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n"
    if proxy.credentials is not None:
        request += f"Proxy-Authorization: Basic {proxy._basic()}\r\n"
    stream.send(f"{request}\r\n".encode("latin-1"), deadline)
    received = b""
    while (head := HttpHead.of(received)) is None:
        data = stream.receive(deadline)
        if not data:
            raise EOFError
        received += data
    return head


def tunnel_socks(stream: Stream, proxy: Proxy, host: str, port: int, deadline: Deadline) -> None:
    """Ask a SOCKS proxy to connect a stream to a server.

    Args:
        stream: Connected to the proxy, afterwards to the server.
        proxy: The proxy.
        host: The server's address, or its name where the proxy resolves names.
        port: The server's TCP port.
        deadline: How long the proxy may take.

    Raises:
        ImportError: python-socks is not installed.
        python_socks.ProxyError: The proxy refused.
        TimeoutError: The proxy did not answer in time.
        Interrupted: The interruption given to the stream was triggered.
        OSError: The connection broke.
    """
    from python_socks import ProxyType
    from python_socks.sync import Proxy as Socks

    user, password = proxy.credentials or (None, None)
    socks = Socks(
        ProxyType.SOCKS4 if proxy.scheme.startswith("socks4") else ProxyType.SOCKS5,
        proxy.host,
        proxy.port,
        username=user,
        password=password,
        rdns=proxy.resolves_names,
        # Meant for a proxy behind another proxy; our stream takes the part of the other one.
        forward=_Forward(lambda: _SocketLike(stream, deadline)),  # type: ignore[arg-type]
    )
    socks.connect(host, port, timeout=max(0.001, deadline.remaining()))


@dataclass(frozen=True)
class _Forward:
    """The object that python-socks asks for a connection to the proxy."""

    make: Callable[[], _SocketLike]

    def connect(self, **_: Any) -> _SocketLike:
        return self.make()


class _SocketLike:
    """The methods of a socket that python-socks uses, over a stream, whose waits have a deadline and can be interrupted."""

    def __init__(self, stream: Stream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline
        self._rest = b""

    def sendall(self, data: bytes) -> None:
        self._stream.send(bytes(data), self._deadline)

    def recv(self, size: int) -> bytes:
        if not self._rest:
            self._rest = self._stream.receive(self._deadline)
        data, self._rest = self._rest[:size], self._rest[size:]
        return data

    def close(self) -> None:
        """Do nothing: the owner closes the stream."""
