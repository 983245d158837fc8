"""`lossy_network`: puts a simulated link between the two ends of any contestant."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Iterator

from benchmarks.data.contestants import Contestant
from gst_signalling_sync.testing.link import LinkProfile
from gst_signalling_sync.testing.network import SimulatedNetwork
from gst_signalling_sync.testing.relay import LinkRelay

__all__ = ["lossy_network"]


@contextlib.contextmanager
def lossy_network(
    contestant: Contestant, address: str, profile: LinkProfile, seed: int = 1
) -> Iterator[tuple[str, LinkRelay]]:
    """A network between a contestant's producer and its consumer, for the duration of the block.

    Args:
        contestant: Decides how its two ends meet.
        address: The producer's address.
        profile: The link's first profile.
        seed: Seed of the link's random numbers.

    Yields:
        The producer's address behind the network, and the relay, whose profile may be changed.
    """
    if contestant.uses_signalling:
        with SimulatedNetwork(address, profile, seed) as network:
            yield network.uri, network.relay
        return
    with LinkRelay(profile, seed) as relay, _DescriptionProxy(address, relay) as proxy:
        yield proxy.address, relay


class _DescriptionProxy:
    """A TCP proxy for descriptions, one JSON object per line, that replaces their candidates with a relay's.

    Args:
        address: The producer's.
        relay: The relay.
    """

    def __init__(self, address: str, relay: LinkRelay) -> None:
        host, _, port = address.partition(":")
        self._producer = host, int(port)
        self._relay = relay
        self._server = socket.create_server(("127.0.0.1", 0))
        self.address = "{}:{}".format(*self._server.getsockname())
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def __enter__(self) -> _DescriptionProxy:
        return self

    def __exit__(self, *_: object) -> None:
        # `accept` on another thread does not return when the socket is closed.
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join()

    def _accept(self) -> None:
        while True:
            try:
                consumer, _ = self._server.accept()
            except OSError:
                return
            producer = socket.create_connection(self._producer)
            for source, target in ((consumer, producer), (producer, consumer)):
                threading.Thread(target=self._pass_on, args=(source, target), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with source.makefile("r") as lines, contextlib.suppress(OSError):
            for line in lines:
                description = json.loads(line)
                description["sdp"] = self._relay.rewrite_sdp(description["sdp"])
                target.sendall(json.dumps(description).encode() + b"\n")
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)
