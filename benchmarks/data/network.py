"""`lossy_network`: puts a simulated link between the two ends of a contestant, whichever it is."""

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
    """A network between a contestant's producer and its consumer, for the time of the block.

    Args:
        contestant: Which of the two ways of meeting it has.
        address: Where the consumer would find the producer.
        profile: Of the link at first.
        seed: Of its random numbers.

    Yields:
        Where it finds it behind the network, and the relay, whose profile may be set.
    """
    if contestant.uses_signalling:
        with SimulatedNetwork(address, profile, seed) as network:
            yield network.uri, network.relay
        return
    with LinkRelay(profile, seed) as relay, _DescriptionProxy(address, relay) as proxy:
        yield proxy.address, relay


class _DescriptionProxy:
    """A TCP proxy for descriptions, one JSON per line, which puts a relay's candidates into them.

    Args:
        address: The producer's.
        relay: Whose candidates.
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
        # A thread in `accept` does not notice that the socket is closed.
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
