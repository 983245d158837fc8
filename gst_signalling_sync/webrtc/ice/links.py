"""Links to STUN and TURN servers over UDP, TCP and TLS, which carry whole messages. On the event loop."""

from __future__ import annotations

import asyncio
import os
import random
import socket
import ssl
from typing import Any, Final, Protocol

from ...ice_servers import IceServer
from ...threads.fork import new_socket
from ...tls_trust import explain, trusting_context
from .stun import message_length

__all__ = ["DatagramHandler", "Link", "LinkError", "bound_socket", "open_link", "resolve"]

RECEIVE_BUFFER_BYTES: Final = 256 * 1024

MAX_UNSENT_BYTES: Final = 256 * 1024
"""Maximum that waits for a slow TCP connection; further packets are dropped, as a network would drop them."""

_MAX_MESSAGE: Final = 65536

_HOW_TO_TRUST: Final = "name the file of its CA by IceOptions(cafile=...), $GST_SIGNALLING_ICE_CAFILE or --ice-cafile"


class LinkError(Exception):
    """A server cannot be reached; the message says which step failed."""


class DatagramHandler(Protocol):
    """Handles the events of a link; must not block."""

    def on_message(self, data: bytes) -> None:
        """A message arrived."""

    def on_refused(self) -> None:
        """Nothing listens at the server's port (ICMP port unreachable)."""

    def on_lost(self, error: Exception | None) -> None:
        """The link is lost; no other call follows."""


class Link(Protocol):
    """A transport of messages to one server."""

    is_reliable: bool
    """Whether messages are delivered, in order, until the link is lost."""

    def send(self, data: bytes) -> None:
        """Send a message; it is dropped where the link is lost or too slow."""

    def close(self) -> None:
        """Close the link; the handler is not called any more."""


async def resolve(host: str, port: int) -> list[tuple[int, tuple[Any, ...]]]:
    """The addresses of a server.

    Returns:
        Socket families, and addresses as `socket.connect` takes them.

    Raises:
        LinkError: The name is unknown.
    """
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    except OSError as error:
        raise LinkError(f"the name {host} cannot be resolved: {error.strerror or error}") from error
    return [(family, address) for family, _, _, _, address in found]


def bound_socket(family: int, host: str, ports: tuple[int, int] | None) -> socket.socket:
    """A bound UDP socket.

    Args:
        family: Of the socket.
        host: The address to bind to; ``""``: any address.
        ports: The first and the last port to try; None: the system picks a port.

    Returns:
        The socket, non-blocking.

    Raises:
        OSError: No socket can be bound, for instance because no port of the range is free.
    """
    choices = [0] if ports is None else random.sample(range(ports[0], ports[1] + 1), ports[1] - ports[0] + 1)
    refused: OSError | None = None
    for port in choices:
        sock = new_socket(family, socket.SOCK_DGRAM)
        try:
            sock.setblocking(False)
            sock.bind((host, port))
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        except OSError as error:
            sock.close()
            refused = error
        else:
            return sock
    assert refused is not None
    raise refused


async def open_link(
    server: IceServer,
    family: int,
    address: tuple[Any, ...],
    ports: tuple[int, int] | None,
    cafile: str | None,
    handler: DatagramHandler,
) -> Link:
    """Open a link to a server at one of its addresses.

    Args:
        server: The server.
        family: Of the address.
        address: As `socket.connect` takes it.
        ports: As in `bound_socket`.
        cafile: CA certificates to trust; None: the system's.
        handler: Handles the events of the link.

    Raises:
        LinkError: The server cannot be reached.
    """
    loop = asyncio.get_running_loop()
    try:
        if server.transport == "udp":
            sock = bound_socket(family, "", ports)
            try:
                sock.connect(address)
                _, datagrams = await loop.create_datagram_endpoint(lambda: _Datagrams(handler), sock=sock)
            except BaseException:
                sock.close()
                raise
            return datagrams
        stream = new_socket(family, socket.SOCK_STREAM)
        try:
            stream.setblocking(False)
            stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await loop.sock_connect(stream, address)
            context = _tls_context(cafile) if server.is_secure else None
            _, link = await loop.create_connection(
                lambda: _Stream(handler),
                sock=stream,
                ssl=context,
                server_hostname=server.host if context is not None else None,
            )
        except BaseException:
            stream.close()
            raise
        return link
    except ssl.SSLError as error:
        plain = f"{server.scheme.removesuffix('s')}:"
        raise LinkError(explain(error, server.host, how_to_trust=_HOW_TO_TRUST, plain=plain)) from error
    except OSError as error:
        # asyncio's own message has the address instead of the reason.
        raise LinkError((os.strerror(error.errno) if error.errno else str(error)).lower()) from error


def _tls_context(cafile: str | None) -> ssl.SSLContext:
    try:
        return trusting_context(cafile)
    except OSError as error:
        raise LinkError(f"TLS: the CA certificates {cafile!r}: {error.strerror or error}") from error


class _Datagrams(asyncio.DatagramProtocol):
    is_reliable = False

    def __init__(self, handler: DatagramHandler) -> None:
        self._handler: DatagramHandler | None = handler
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transport is no subclass of asyncio's.
        self._transport = transport  # type: ignore[assignment]

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        if self._handler is not None:
            self._handler.on_message(data)

    def error_received(self, error: Exception) -> None:
        if self._handler is not None and isinstance(error, ConnectionRefusedError):
            self._handler.on_refused()

    def connection_lost(self, error: Exception | None) -> None:
        if self._handler is not None:
            self._handler.on_lost(error)

    def send(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(data)

    def close(self) -> None:
        self._handler = None
        if self._transport is not None:
            self._transport.close()


class _Stream(asyncio.Protocol):
    is_reliable = True

    def __init__(self, handler: DatagramHandler) -> None:
        self._handler: DatagramHandler | None = handler
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transport is no subclass of asyncio's.
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while len(self._buffer) >= 4 and self._handler is not None:
            length = message_length(bytes(self._buffer[:4]))
            if length > _MAX_MESSAGE + 24:
                self.close()
                return
            if len(self._buffer) < length:
                return
            message = bytes(self._buffer[:length])
            del self._buffer[:length]
            self._handler.on_message(message)

    def connection_lost(self, error: Exception | None) -> None:
        if self._handler is not None:
            self._handler.on_lost(error)

    def send(self, data: bytes) -> None:
        transport = self._transport
        if transport is None or transport.is_closing() or transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
            return
        transport.write(data)

    def close(self) -> None:
        self._handler = None
        if self._transport is not None:
            self._transport.close()
