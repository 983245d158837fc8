"""A signalling server that stops and comes back at the same address, as a robot's does."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from gst_signalling_sync import SignallingServer

from .ports import reserved_port

__all__ = ["MortalServer", "mortal_server"]


class MortalServer:
    """A server on a port of its own that can be stopped and started again.

    Args:
        port: The port.
    """

    def __init__(self, port: int) -> None:
        self.uri = f"ws://127.0.0.1:{port}"
        self._port = port
        self._server: SignallingServer | None = None

    @property
    def names(self) -> list[str | None]:
        """The names of the producers that it knows, in the order in which they registered."""
        assert self._server is not None
        return [peer.name for peer in self._server.peers.values() if "producer" in peer.roles]

    @property
    def peer_ids(self) -> list[str]:
        """The ids of its peers."""
        assert self._server is not None
        return list(self._server.peers)

    def come(self) -> None:
        """Start the server."""
        self._server = SignallingServer(port=self._port).start()

    def go(self) -> None:
        """Stop the server; does nothing when it is stopped. A receiver that is told of it may start it again at once."""
        server, self._server = self._server, None
        if server is not None:
            server.close()


@contextlib.contextmanager
def mortal_server() -> Iterator[MortalServer]:
    """A server that runs, and is stopped when the block ends."""
    with reserved_port() as port:
        server = MortalServer(port)
        server.come()
        try:
            yield server
        finally:
            server.go()
