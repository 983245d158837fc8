"""Tools for tests of programs that use this library: a signalling server, a connected pair of peers and a simulated network.

This is a pytest plugin that pytest finds by itself, with the fixtures `signalling_server`, `peer_pair` and `simulated_network`.
Other test frameworks use `SignallingServer(port=0)`, `connected_peers` and `network.SimulatedNetwork` as context managers, and
need no pytest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

# pytest imports this module in every run, so slow imports are delayed until a test needs them.
if TYPE_CHECKING:
    from .. import Consumer, DataChannel, Producer, Session, SignallingServer
    from .network import SimulatedNetwork

from .link import LinkProfile, SimulatedLink

__all__ = ["PRODUCER_NAME", "LinkProfile", "PeerPair", "SimulatedLink", "connected_peers"]

PRODUCER_NAME: Final = "producer"
"""The name of the pair's producer."""

_LABEL: Final = "data"


@dataclass(frozen=True)
class PeerPair:
    """A producer and a consumer in a session with an open data channel, and their signalling server.

    Attributes:
        server: The signalling server, which other peers may use too.
        producer: The producer, whose name is `PRODUCER_NAME`.
        consumer: The consumer.
        producer_session: The session object of the producer.
        consumer_session: The session object of the consumer.
        producer_channel: The producer's object of the data channel ``data``, which is ordered and reliable.
        consumer_channel: The consumer's object of the same channel.
    """

    server: SignallingServer
    producer: Producer
    consumer: Consumer
    producer_session: Session
    consumer_session: Session
    producer_channel: DataChannel
    consumer_channel: DataChannel


@contextmanager
def connected_peers(server: SignallingServer) -> Iterator[PeerPair]:
    """Connect a producer and a consumer. On exit both are closed; the server is not.

    Args:
        server: A running signalling server.

    Yields:
        The pair, with the channel open at both ends.

    Raises:
        SessionClosed: The peers could not connect.
        WaitTimeout: The peers did not connect within 10 s.
    """
    from .. import Consumer, Producer

    producer = Producer(server.uri, name=PRODUCER_NAME)
    producer.add_channel(_LABEL)
    with producer, Consumer(server.uri) as consumer:
        consumer_session = consumer.start_session(producer.peer_id)
        producer_session = producer.wait_for_session()
        yield PeerPair(
            server,
            producer,
            consumer,
            producer_session,
            consumer_session,
            producer_session.channel(_LABEL),
            consumer_session.channel(_LABEL),
        )


try:
    import pytest
except ModuleNotFoundError:
    # Without pytest there are no fixtures.
    pass
else:

    @pytest.fixture
    def signalling_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[SignallingServer]:
        """A signalling server on a free port, for one test.

        During the test it is also the default server (``$GST_SIGNALLING_URI``), so that code under test without an address, and
        processes that it starts, use it.
        """
        from ..endpoint import URI_VARIABLE
        from ..server import SignallingServer

        with SignallingServer(port=0) as server:
            monkeypatch.setenv(URI_VARIABLE, server.uri)
            yield server

    @pytest.fixture
    def peer_pair(signalling_server: SignallingServer) -> Iterator[PeerPair]:
        """A producer and a consumer on `signalling_server`, connected by a session with an open data channel."""
        with connected_peers(signalling_server) as pair:
            yield pair

    @pytest.fixture
    def simulated_network(signalling_server: SignallingServer) -> Iterator[Callable[..., SimulatedNetwork]]:
        """Makes a network from a `LinkProfile`. Peers that use its ``uri`` instead of the server's are behind it."""
        from .network import SimulatedNetwork

        with ExitStack() as stack:

            def make(profile: LinkProfile, seed: int = 1) -> SimulatedNetwork:
                return stack.enter_context(SimulatedNetwork(signalling_server.uri, profile, seed))

            yield make
