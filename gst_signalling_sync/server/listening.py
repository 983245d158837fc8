"""`listen`: the socket that the server listens on; `authority`: its address as a URI has it (RFC 3986 section 3.2)."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
from typing import Final

from ..errors import ConnectError
from ..threads.fork import new_socket

__all__ = ["KERNEL_BYTES", "authority", "connectable", "is_loopback", "listen", "set_options"]

BACKLOG: Final = 4096
"""Connections that the kernel holds until they are accepted, for many peers that reconnect at the same time. Linux caps it at
``net.core.somaxconn``, 4096 by default."""

KERNEL_BYTES: Final = 256 * 1024
"""Size of the kernel's buffer of each connection and direction; Linux's default grows to megabytes."""


def listen(host: str, port: int) -> socket.socket:
    """Listen on the first usable address of a host.

    Args:
        host: The address or host name; empty: every IPv4 address of this machine.
        port: The TCP port; 0 picks a free one.

    Returns:
        The listening socket.

    Raises:
        ConnectError: No address of the host can be listened on.
    """
    trying = f"cannot listen on {authority(host, port)}"
    try:
        addresses = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise ConnectError(
            f"{trying}: {error}: give an address or name of this machine, such as 127.0.0.1 or 0.0.0.0"
        ) from error
    refused: OSError | None = None
    for family, _, _, _, address in addresses:
        try:
            return _listen_on(family, address)
        except OSError as error:
            refused = error
    assert refused is not None
    raise ConnectError(f"{trying}: {_explain(refused)}") from refused


def is_loopback(listening: socket.socket) -> bool:
    """Whether only this machine can reach a listening socket."""
    return ipaddress.ip_address(str(listening.getsockname()[0]).partition("%")[0]).is_loopback


def _listen_on(family: int, address: tuple[str | int, ...] | tuple[int, bytes]) -> socket.socket:
    listening = new_socket(family, socket.SOCK_STREAM)
    try:
        # Connections in TIME_WAIT must not keep the port from being used. On Windows the option would share a port in use.
        if os.name != "nt":
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        set_options(listening)
        listening.bind(address)
        listening.listen(BACKLOG)
    except BaseException:
        listening.close()
        raise
    return listening


def set_options(listening: socket.socket) -> None:
    """Set the options that accepted connections inherit: no delay, and bounded buffers in the kernel.

    Args:
        listening: A TCP socket.
    """
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BYTES)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, KERNEL_BYTES)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _explain(error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            advice = "stop the program that uses it, or choose another port (0 picks a free one)"
        case errno.EMFILE | errno.ENFILE:
            return "no file descriptor is left: close files, or allow more (ulimit -n)"
        case errno.EACCES | errno.EPERM:
            advice = "choose a port from 1024 on (0 picks a free one)"
        case errno.EADDRNOTAVAIL:
            advice = "give an address of this machine, such as 127.0.0.1 or 0.0.0.0"
        case _:
            return str(error)
    return f"{error.strerror}: {advice}"


def connectable(host: str) -> str:
    """The host that a client of this machine connects to.

    Args:
        host: The host that the server listens on.

    Returns:
        The same host, or the loopback's address where the server listens on every address.
    """
    if host == "":
        return "127.0.0.1"
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if not address.is_unspecified:
        return host
    return "127.0.0.1" if address.version == 4 else "::1"


def authority(host: str, port: int) -> str:
    """A host and port as a URI has them (RFC 3986 section 3.2).

    Args:
        host: A name or address; an IPv6 address gets brackets.
        port: The TCP port.

    Returns:
        Host and port with a colon between them.
    """
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
