"""A crowd of peers without a role, which answer pings and do nothing else.

Its arguments are the server's port and the number of peers. They connect from several addresses of 127.0.0.0/8, because one
address has too few ports. It prints a line when all are connected. For each line of its standard input it prints a line of
JSON with the number of peers that are still connected. It ends with its standard input.
"""

from __future__ import annotations

import contextlib
import json
import resource
import select
import socket
import sys
from typing import Final

from ..helpers.hostile import FIN
from ..helpers.strangers import HANDSHAKE, masked

_PER_ADDRESS: Final = 2_000
_AT_ONCE: Final = 50
_SPARE_DESCRIPTORS: Final = 100

_PING: Final = bytes((FIN | 0x9, 5)) + b"lease"
_PONG: Final = masked(0xA, b"lease")


class _Crowd:
    def __init__(self, port: int) -> None:
        self._port = port
        self._poll = select.epoll()
        self._poll.register(sys.stdin, select.EPOLLIN)
        self._peers: dict[int, socket.socket] = {}
        self.welcomed = 0

    def __len__(self) -> int:
        return len(self._peers)

    def come(self, first: int, count: int) -> None:
        """Connect more peers.

        Args:
            first: Number of the first peer.
            count: Number of peers.
        """
        for number in range(first, first + count):
            peer = socket.socket()
            peer.bind((f"127.0.1.{1 + number // _PER_ADDRESS}", 0))
            peer.connect(("127.0.0.1", self._port))
            peer.sendall(HANDSHAKE)
            peer.setblocking(False)
            self._peers[peer.fileno()] = peer
            self._poll.register(peer, select.EPOLLIN)

    def serve(self, seconds: float) -> bool:
        """Answer pings.

        Args:
            seconds: Maximum that it waits for a ping.

        Returns:
            Whether standard input has something to read.
        """
        is_asked = False
        for descriptor, _ in self._poll.poll(seconds):
            if descriptor == sys.stdin.fileno():
                is_asked = True
            else:
                self._read(self._peers[descriptor])
        return is_asked

    def _read(self, peer: socket.socket) -> None:
        with contextlib.suppress(BlockingIOError):
            try:
                received = peer.recv(4096)
                self.welcomed += b'"welcome"' in received
                if _PING in received:
                    peer.send(_PONG)
                if received:
                    return
            except ConnectionError:
                pass
            del self._peers[peer.fileno()]
            peer.close()


def main() -> None:
    port, count = int(sys.argv[1]), int(sys.argv[2])
    limit = count + _SPARE_DESCRIPTORS
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    crowd = _Crowd(port)
    for first in range(0, count, _AT_ONCE):
        crowd.come(first, min(_AT_ONCE, count - first))
        # A new peer may be welcomed later than the next one connects, so this waits for all of them.
        while crowd.welcomed < len(crowd):
            crowd.serve(1.0)
    print("connected", flush=True)
    while True:
        if crowd.serve(1.0):
            if not sys.stdin.readline():
                return
            print(json.dumps({"connected": len(crowd)}), flush=True)


if __name__ == "__main__":
    main()
