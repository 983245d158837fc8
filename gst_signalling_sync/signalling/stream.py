"""Byte streams to a server: TCP, and TLS (RFC 8446) over any other stream, such as one through a proxy."""

from __future__ import annotations

import contextlib
import errno
import selectors
import socket
import ssl
import struct
import threading
from abc import ABC, abstractmethod
from typing import Final

from ..threads.interruption import Interruption, Selector
from ..threads.waiting import MAX_WAIT_SECONDS, Deadline

__all__ = ["Stream", "TcpStream", "TlsStream"]

_CHUNK_BYTES: Final = 65536

_ADDRESS_GONE: Final = {errno.EADDRNOTAVAIL, errno.ENODEV, errno.ENXIO}


class Stream(ABC):
    """A stream that one thread may read while another one writes it, and that any thread may shut down."""

    @abstractmethod
    def receive(self, deadline: Deadline) -> bytes:
        """The next bytes; empty at the end of the stream.

        Args:
            deadline: How long to wait.

        Raises:
            TimeoutError: No bytes came in time.
            Interrupted: The interruption given to the stream was triggered.
            OSError: The connection broke.
        """

    @abstractmethod
    def send(self, data: bytes, deadline: Deadline) -> None:
        """Send bytes, all of them.

        Args:
            data: The bytes.
            deadline: How long the system may take to accept them.

        Raises:
            TimeoutError: The system did not accept all of them in time.
            Interrupted: The interruption given to the stream was triggered.
            OSError: The connection broke.
        """

    @property
    @abstractmethod
    def tcp(self) -> TcpStream:
        """The TCP stream below all others."""


class TcpStream(Stream):
    """A TCP connection.

    Args:
        connected: A connected socket; the stream owns it.
        interruption: Ends its waits until `opened`.
    """

    def __init__(self, connected: socket.socket, interruption: Interruption) -> None:
        connected.setblocking(False)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = connected
        self._interruption: Interruption | None = interruption
        self.bytes_received = 0
        """Number of bytes received, those of TLS and of incomplete messages included."""
        self._bytes_sent = 0

    @property
    def tcp(self) -> TcpStream:
        """The stream itself."""
        return self

    def opened(self, unanswered_seconds: float) -> None:
        """Record that the connection is open: from now on only `shut_down` ends waits.

        Args:
            unanswered_seconds: How long bytes may remain unacknowledged until the system gives the connection up
                (TCP_USER_TIMEOUT, RFC 5482, where the system has it); `math.inf`: the system's own limit.
        """
        self._interruption = None
        option = getattr(socket, "TCP_USER_TIMEOUT", None)
        milliseconds = unanswered_seconds * 1000
        if option is not None and milliseconds < 2**31:
            with contextlib.suppress(OSError):
                self._socket.setsockopt(socket.IPPROTO_TCP, option, int(milliseconds))

    def receive(self, deadline: Deadline) -> bytes:
        """The next bytes, see `Stream.receive`."""
        while True:
            try:
                data = self._socket.recv(_CHUNK_BYTES)
            except BlockingIOError:
                self._wait(selectors.EVENT_READ, deadline)
                continue
            self.bytes_received += len(data)
            return data

    def send(self, data: bytes, deadline: Deadline) -> None:
        """Send bytes, see `Stream.send`."""
        view = memoryview(data)
        while view:
            try:
                count = self._socket.send(view)
            except BlockingIOError:
                self._wait(selectors.EVENT_WRITE, deadline)
                continue
            self._bytes_sent += count
            view = view[count:]

    def shut_down(self) -> None:
        """End the connection and every wait for it; idempotent, from any thread. The descriptor stays open until `close`."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the socket; idempotent."""
        self._socket.close()

    def delivered(self) -> tuple[int, bool]:
        """The number of bytes that the other end has acknowledged, and whether any are still under way."""
        waiting = _unacknowledged(self._socket)
        return self._bytes_sent - waiting, waiting > 0

    def has_address(self) -> bool:
        """Whether the local address still belongs to this machine, which the system does not report by itself."""
        try:
            host, _, *rest = self._socket.getsockname()
            with socket.socket(self._socket.family, socket.SOCK_DGRAM) as probe:
                probe.bind((host, 0, *rest))
        except OSError as error:
            return error.errno not in _ADDRESS_GONE
        return True

    def _wait(self, events: int, deadline: Deadline) -> None:
        if self._interruption is not None:
            if not self._interruption.select([(self._socket, events)], deadline):
                raise TimeoutError
            return
        with Selector() as selector:
            selector.register(self._socket, events)
            while not selector.select(min(deadline.remaining(), MAX_WAIT_SECONDS)):
                if not deadline.remaining():
                    raise TimeoutError


class TlsStream(Stream):
    """TLS (RFC 8446) over another stream. Its state machine is locked while it computes, never while it waits.

    Before Python 3.13, `SSLSocket` must not be read and written by two threads at the same time, and it cannot run over another
    stream.

    Args:
        stream: Carries the TLS records; the handshake is still to come.
        context: The certificates to trust.
        host: The name or address that the certificate must be for.
    """

    def __init__(self, stream: Stream, context: ssl.SSLContext, host: str) -> None:
        self._stream = stream
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        # Guards the state machine and both buffers.
        self._lock = threading.Lock()
        # Held while sending, because records must leave in the order in which the state machine makes them.
        self._sending = threading.Lock()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)

    @property
    def tcp(self) -> TcpStream:
        """The TCP stream below all others."""
        return self._stream.tcp

    def shake_hands(self, deadline: Deadline) -> None:
        """Do the handshake.

        Args:
            deadline: How long it may take.

        Raises:
            ssl.SSLError: The other end is not trusted, refused the handshake, or does not speak TLS.
            TimeoutError: The handshake was not complete in time.
            Interrupted: The interruption given to the stream was triggered.
            OSError: The connection broke.
        """
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._flush(deadline)
                self._feed(self._stream.receive(deadline))
            except ssl.SSLError:
                # The alert that tells the other end why.
                with contextlib.suppress(OSError):
                    self._flush(deadline)
                raise
            else:
                self._flush(deadline)
                return

    def receive(self, deadline: Deadline) -> bytes:
        """The next bytes, see `Stream.receive`."""
        while True:
            with self._lock:
                try:
                    return self._tls.read(_CHUNK_BYTES)
                except ssl.SSLWantReadError:
                    pass
                except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                    return b""
            # Records that TLS itself makes leave with the next `send`: this thread must not wait for sending.
            self._feed(self._stream.receive(deadline))

    def send(self, data: bytes, deadline: Deadline) -> None:
        """Send bytes, see `Stream.send`."""
        view = memoryview(data)
        while view:
            with self._lock:
                view = view[self._tls.write(view) :]
            self._flush(deadline)

    def _feed(self, data: bytes) -> None:
        with self._lock:
            if data:
                self._incoming.write(data)
            else:
                self._incoming.write_eof()

    def _flush(self, deadline: Deadline) -> None:
        with self._sending:
            with self._lock:
                data = self._outgoing.read()
            self._stream.send(data, deadline)


def _unacknowledged(connected: socket.socket) -> int:
    """The number of bytes of a TCP connection that the other end has not acknowledged (tcp(7), SIOCOUTQ)."""
    try:
        import fcntl
        import termios

        return int(struct.unpack("i", fcntl.ioctl(connected, termios.TIOCOUTQ, b"\0" * 4))[0])
    except (ImportError, OSError):
        return 0
