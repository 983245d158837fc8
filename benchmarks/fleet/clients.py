"""A part of the fleet, in a process of its own.

Run as ``python -m benchmarks.fleet.clients URI COUNT``. It prints a line when all clients are registered. For each line of its
standard input it prints a JSON list with a pair for each client: when the client last came back, by `time.monotonic`, and
whether it is still the same peer. It ends with its standard input.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from gst_signalling_sync import Listener

_STARTING_AT_ONCE: Final = 10
_SECONDS: Final = 60.0


class _Client:
    """A client with the default `Retry`.

    Args:
        uri: The server's.
    """

    def __init__(self, uri: str) -> None:
        self.role = Listener(uri, timeout=_SECONDS)
        self.back_at: float | None = None
        self.role.reconnected.connect(self._on_reconnected)
        self._id: str | None = None

    def start(self) -> None:
        self.role.start()
        self._id = self.role.peer_id

    def tell(self) -> tuple[float | None, bool]:
        return self.back_at, self.role.peer_id == self._id

    def _on_reconnected(self, role: Listener, peer_id: str) -> None:
        self.back_at = time.monotonic()


def _main() -> None:
    uri, count = sys.argv[1], int(sys.argv[2])
    clients = [_Client(uri) for _ in range(count)]
    with contextlib.ExitStack() as stack, ThreadPoolExecutor(_STARTING_AT_ONCE) as pool:
        for client in clients:
            stack.callback(client.role.close)
        list(pool.map(_Client.start, clients))
        print("registered", flush=True)
        for _ in sys.stdin:
            print(json.dumps([client.tell() for client in clients]), flush=True)


if __name__ == "__main__":
    _main()
