"""`DatagramSocket`: a UDP socket on an event loop, with several datagrams per system call where the kernel has that.

asyncio's transport goes back to the selector after each datagram, which costs three times what the datagram does; uvloop's has
one system call for each. Linux cuts what is sent together into datagrams (UDP_SEGMENT), and gives what it received together in
one piece (UDP_GRO); elsewhere each datagram has its call.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
import sys
from collections import deque
from typing import Any, Final, Protocol, runtime_checkable

__all__ = ["DatagramSocket", "TakesBatches"]

_UDP_SEGMENT: Final = 103
"""``linux/udp.h``; `socket` does not have it."""
_UDP_GRO: Final = 104
_GSO_SIZE: Final = struct.Struct("=H")

_NO_SEGMENTS: Final = (errno.EINVAL, errno.EIO, errno.ENOPROTOOPT, errno.EOPNOTSUPP, errno.EMSGSIZE)
"""What `sendmsg` says where the kernel, or the network device, does not cut."""

_MAX_DATAGRAM: Final = 65535
_ANCILLARY_BYTES: Final = 64

_MAX_TAKEN: Final = 64
"""Datagrams read in a turn of the loop, at least; the other sockets and timers are to have theirs."""

_MAX_WAITING: Final = 256
"""Datagrams kept while the system has no room for them. More are dropped, as the network would."""

_Address = tuple[Any, ...]


@runtime_checkable
class TakesBatches(Protocol):
    """A protocol that wants to know which datagrams came together."""

    def datagrams_received(self, datagrams: list[bytes], addr: _Address) -> None:
        """Take datagrams from one address, in order."""


class DatagramSocket(asyncio.DatagramTransport):
    """The transport of a socket; lives on the loop.

    Args:
        loop: The loop.
        sock: A bound or connected UDP socket, not blocking. It is closed with the transport.
        protocol: Is told what arrives.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, sock: socket.socket, protocol: asyncio.DatagramProtocol
    ) -> None:
        super().__init__({"socket": sock, "sockname": sock.getsockname()})
        self._loop = loop
        self._sock = sock
        self._protocol = protocol
        self._receive_batch = protocol.datagrams_received if isinstance(protocol, TakesBatches) else None
        self._is_closing = False
        self._waiting: deque[tuple[bytes, _Address | None]] = deque()
        self._cuts = sys.platform == "linux"
        self._joins = self._cuts and _receives_joined(sock)
        loop.add_reader(sock.fileno(), self._read)
        protocol.connection_made(self)

    def is_closing(self) -> bool:
        """Whether it is closed."""
        return self._is_closing

    def close(self) -> None:
        """Close the socket; `connection_lost` follows."""
        if self._is_closing:
            return
        self._is_closing = True
        self._loop.remove_reader(self._sock.fileno())
        if self._waiting:
            self._waiting.clear()
            self._loop.remove_writer(self._sock.fileno())
        self._loop.call_soon(self._end)

    abort = close

    def _end(self) -> None:
        self._sock.close()
        self._protocol.connection_lost(None)

    # Receiving.

    def _read(self) -> None:
        taken = 0
        while taken < _MAX_TAKEN and not self._is_closing:
            size = 0
            try:
                if self._joins:
                    data, ancillary, _, address = self._sock.recvmsg(_MAX_DATAGRAM, _ANCILLARY_BYTES)
                    if ancillary:
                        size = int.from_bytes(ancillary[0][2], sys.byteorder)
                else:
                    data, address = self._sock.recvfrom(_MAX_DATAGRAM)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                # An ICMP message about what was sent before.
                self._protocol.error_received(error)
                return
            if 0 < size < len(data):
                datagrams = [data[start : start + size] for start in range(0, len(data), size)]
                taken += len(datagrams)
                self._deliver(datagrams, address)
            else:
                taken += 1
                self._protocol.datagram_received(data, address)

    def _deliver(self, datagrams: list[bytes], address: _Address) -> None:
        if self._receive_batch is not None:
            self._receive_batch(datagrams, address)
            return
        for datagram in datagrams:
            self._protocol.datagram_received(datagram, address)

    # Sending.

    def sendto(self, data: Any, addr: Any = None) -> None:
        """Send a datagram.

        Args:
            data: Its bytes.
            addr: Where to; None: where the socket is connected to.
        """
        if self._is_closing:
            return
        if self._waiting:
            self._wait(data, addr)
            return
        try:
            if addr is None:
                self._sock.send(data)
            else:
                self._sock.sendto(data, addr)
        except (BlockingIOError, InterruptedError):
            self._wait(data, addr)
        except OSError as error:
            self._protocol.error_received(error)

    def send_segments(self, data: bytes, size: int, addr: _Address) -> None:
        """Send datagrams, at once where the system can.

        Args:
            data: All of them, one behind the other.
            size: Bytes of each; the last one may have fewer.
            addr: Where to.
        """
        if self._cuts and not (self._waiting or self._is_closing):
            ancillary = [(socket.IPPROTO_UDP, _UDP_SEGMENT, _GSO_SIZE.pack(size))]
            try:
                self._sock.sendmsg((data,), ancillary, 0, addr)
            except OSError as error:
                # Whatever it is: each by itself it is sent, kept, or told of.
                self._cuts = error.errno not in _NO_SEGMENTS
            else:
                return
        for start in range(0, len(data), size):
            self.sendto(data[start : start + size], addr)

    def _wait(self, data: Any, addr: _Address | None) -> None:
        if not self._waiting:
            self._loop.add_writer(self._sock.fileno(), self._send_waiting)
        if len(self._waiting) < _MAX_WAITING:
            self._waiting.append((bytes(data), addr))

    def _send_waiting(self) -> None:
        waiting, self._waiting = self._waiting, deque()
        self._loop.remove_writer(self._sock.fileno())
        for data, addr in waiting:
            self.sendto(data, addr)


def _receives_joined(sock: socket.socket) -> bool:
    try:
        sock.setsockopt(socket.IPPROTO_UDP, _UDP_GRO, 1)
    except OSError:
        return False
    return True
