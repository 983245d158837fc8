"""For tests of programs that use this library: a signalling server and a connected pair of peers.

A pytest plugin, which pytest finds by itself: the fixtures `signalling_server`, `peer_pair` and `simulated_network`. Other test
frameworks use `SignallingServer(port=0)`, `connected_peers` and `network.SimulatedNetwork` as context managers, and need no
pytest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

# pytest imports this module in every run, so what takes time to import waits until a test asks for it.
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
    """A producer and a consumer in a session with an open data channel, and the server that brought them together.

    Attributes:
        server: The signalling server; further peers may use it too.
        producer: The producer, named `PRODUCER_NAME`.
        consumer: The consumer.
        producer_session: The session, as the producer sees it.
        consumer_session: The same session, as the consumer sees it.
        producer_channel: The data channel labelled ``data``, ordered and reliable, as the producer sees it.
        consumer_channel: The same channel, as the consumer sees it.
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
    """Connect a producer and a consumer; on exit both are closed, the server is not.

    Args:
        server: A signalling server that runs.

    Yields:
        The pair, its channel open at both ends.

    Raises:
        SessionClosed: The peers could not come together.
        WaitTimeout: They did not within 10 s.
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
    # Nobody can ask for fixtures then.
    pass
else:

    @pytest.fixture
    def signalling_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[SignallingServer]:
        """A signalling server on a free port, for one test.

        For that long it is the default server as well (``$GST_SIGNALLING_URI``): code under test that gives no address, and the
        processes that it starts, find it.
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
        """Makes a network of a `LinkProfile`: peers that take its ``uri`` for the server's are behind it."""
        from .network import SimulatedNetwork

        with ExitStack() as stack:

            def make(profile: LinkProfile, seed: int = 1) -> SimulatedNetwork:
                return stack.enter_context(SimulatedNetwork(signalling_server.uri, profile, seed))

            yield make
