"""`TcpRelay`: a relay for TCP connections that can be cut."""

from __future__ import annotations

import contextlib
import selectors
import socket
import struct
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

__all__ = ["TcpRelay"]

_CHUNK: Final = 65536
_BACKLOG: Final = 4096
_RESET: Final = struct.pack("ii", 1, 0)


class TcpRelay:
    """Listens on a port and relays connections to a signalling server, hundreds of them on one thread.

    Args:
        uri: The server's.
    """

    def __init__(self, uri: str) -> None:
        address = urlsplit(uri)
        assert address.hostname is not None
        assert address.port is not None
        self.server_uri = uri
        self._target = (address.hostname, address.port)
        self._orders: SimpleQueue[tuple[Callable[[], None], Future[None]]] = SimpleQueue()
        self._wake, self._woken = socket.socketpair()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=_BACKLOG)
        self._uri = f"ws://127.0.0.1:{self._listener.getsockname()[1]}"
        # The attributes below belong to the thread.
        self._selector = selectors.DefaultSelector()
        self._ends: set[_End] = set()
        self._is_blocked = False
        self._is_closed = False
        self._thread = threading.Thread(target=self._main, name="tcp-relay", daemon=True)
        self._thread.start()

    @property
    def uri(self) -> str:
        """The relay's, for peers to connect to."""
        return self._uri

    def cut(self) -> None:
        """Reset all connections at both ends. New connections are accepted."""
        self._order(self._reset_all)

    def block(self) -> None:
        """Reset all connections, and close new ones before any byte is relayed, until `unblock`."""
        self._order(self._block)

    def unblock(self) -> None:
        """Relay new connections again."""
        self._order(self._unblock)

    def close(self) -> None:
        """Stop listening and cut all connections; idempotent."""
        self._order(self._close)
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _order(self, order: Callable[[], None]) -> None:
        """Call a function on the thread, and wait until it has returned. Does nothing when the relay is closed."""
        done: Future[None] = Future()
        self._orders.put((order, done))
        try:
            self._wake.send(b"\0")
        except OSError:
            return
        while not done.done() and self._thread.is_alive():
            with contextlib.suppress(TimeoutError):
                done.result(0.1)

    # The methods below run on the thread.

    def _main(self) -> None:
        for each in (self._listener, self._woken):
            each.setblocking(False)
            self._selector.register(each, selectors.EVENT_READ)
        while not self._is_closed:
            for key, events in self._selector.select():
                if key.fileobj is self._listener:
                    self._accept()
                elif key.fileobj is self._woken:
                    self._obey()
                elif key.data in self._ends:
                    # Another of these events may have ended this connection.
                    self._pass_on(key.data, events)

    def _obey(self) -> None:
        self._woken.recv(_CHUNK)
        while not self._orders.empty():
            order, done = self._orders.get()
            order()
            done.set_result(None)

    def _accept(self) -> None:
        try:
            client, _ = self._listener.accept()
        except OSError:
            # The client has gone again, or an order that came first has closed the listener.
            return
        if self._is_blocked:
            client.close()
            return
        server = socket.socket()
        near, far = _End(client), _End(server)
        near.other, far.other = far, near
        for end in (near, far):
            end.socket.setblocking(False)
        # A failure to connect is reported when the first bytes are read or written.
        server.connect_ex(self._target)
        for end in (near, far):
            self._ends.add(end)
            self._selector.register(end.socket, end.events, end)

    def _pass_on(self, end: _End, events: int) -> None:
        try:
            if events & selectors.EVENT_READ:
                end.read()
            if events & selectors.EVENT_WRITE:
                end.write()
        except BlockingIOError:
            return
        except OSError:
            self._reset(end)
            return
        if end.has_ended and end.other.has_ended:
            self._reset(end)
            return
        for each in (end, end.other):
            self._watch(each)

    def _watch(self, end: _End) -> None:
        is_watched = end.socket in self._selector.get_map()
        if not end.events:
            if is_watched:
                self._selector.unregister(end.socket)
        elif is_watched:
            self._selector.modify(end.socket, end.events, end)
        else:
            self._selector.register(end.socket, end.events, end)

    def _reset(self, end: _End) -> None:
        """Close a connection at both ends. Bytes that are under way are lost."""
        for each in (end, end.other):
            if each.socket in self._selector.get_map():
                self._selector.unregister(each.socket)
            self._ends.discard(each)
            if not (end.has_ended and end.other.has_ended):
                each.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            each.socket.close()

    def _reset_all(self) -> None:
        while self._ends:
            self._reset(next(iter(self._ends)))

    def _block(self) -> None:
        self._is_blocked = True
        self._reset_all()

    def _unblock(self) -> None:
        self._is_blocked = False

    def _close(self) -> None:
        self._is_closed = True
        self._selector.unregister(self._listener)
        self._listener.close()
        self._reset_all()
        self._selector.close()
        self._woken.close()
        self._wake.close()


class _End:
    """One end of a relayed connection."""

    def __init__(self, end: socket.socket) -> None:
        self.socket = end
        self.other = self
        self.has_ended = False
        """Whether this end has said that it sends no more."""
        self._unsent = b""

    @property
    def events(self) -> int:
        """The events to wait for: bytes to read while the other end accepts them, and room to write what it has sent."""
        reads = selectors.EVENT_READ if not self.has_ended and not self.other._unsent else 0
        return reads | (selectors.EVENT_WRITE if self._unsent else 0)

    def read(self) -> None:
        """Read bytes for the other end.

        Raises:
            OSError: The connection was reset or could not be made.
        """
        data = self.socket.recv(_CHUNK)
        self.has_ended = not data
        self.other._unsent += data
        self.other.write()

    def write(self) -> None:
        """Write what the other end has sent, as far as this end accepts it.

        Raises:
            OSError: The connection was reset.
        """
        with contextlib.suppress(BlockingIOError):
            while self._unsent:
                self._unsent = self._unsent[self.socket.send(self._unsent) :]
        if self.other.has_ended and not self._unsent:
            self.socket.shutdown(socket.SHUT_WR)
