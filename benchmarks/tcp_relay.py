"""A relay of TCP connections that can be cut."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

__all__ = ["TcpRelay"]

_CHUNK = 65536
_RESET = struct.pack("ii", 1, 0)


class TcpRelay:
    """Listens on a port of its own and passes connections on to a signalling server.

    Args:
        uri: Of the server.
    """

    def __init__(self, uri: str) -> None:
        address = urlsplit(uri)
        assert address.hostname is not None
        assert address.port is not None
        self.server_uri = uri
        self._target = (address.hostname, address.port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._is_blocked = False
        # Guards the connections: pairs of sockets, and the threads that pass their bytes on.
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._acceptor = threading.Thread(target=self._accept, name="tcp-relay", daemon=True)
        self._acceptor.start()

    @property
    def uri(self) -> str:
        """What a peer takes for the server."""
        return f"ws://127.0.0.1:{self._listener.getsockname()[1]}"

    def cut(self) -> None:
        """Reset all connections, at both of their ends; new ones can be made."""
        with self._lock:
            sockets, self._sockets = self._sockets, []
            threads, self._threads = self._threads, []
        for each in sockets:
            with contextlib.suppress(OSError):
                each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                # Wakes the thread that reads it.
                each.shutdown(socket.SHUT_RD)
        for thread in threads:
            thread.join()
        for each in sockets:
            each.close()

    def block(self) -> None:
        """Reset all connections, and take no more until `unblock`: each is closed before a byte has passed."""
        self._is_blocked = True
        self.cut()

    def unblock(self) -> None:
        """Take connections again."""
        self._is_blocked = False

    def close(self) -> None:
        """Stop listening and cut all connections; idempotent."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._acceptor.join()
        self.cut()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _accept(self) -> None:
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            if self._is_blocked:
                peer.close()
                continue
            try:
                server = socket.create_connection(self._target)
            except OSError:
                peer.close()
                continue
            pumps = [
                threading.Thread(target=_pump, args=ends, name="tcp-relay", daemon=True)
                for ends in ((peer, server), (server, peer))
            ]
            with self._lock:
                self._sockets += [peer, server]
                self._threads += pumps
            for pump in pumps:
                pump.start()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(_CHUNK):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
