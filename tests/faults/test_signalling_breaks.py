"""The signalling connection of one end breaks while a session runs: the session goes on at both ends."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks.tcp_relay import TcpRelay
from gst_signalling_sync import ConnectionLost, Consumer, Producer, Session
from gst_signalling_sync.webrtc.liveness import DOUBT_SECONDS

from ..figures import Figures, Stopwatch
from ..helpers.waiting import Heard, wait_until

LABEL = "state"


class Pair:
    """A producer, a consumer, and their session at both ends.

    Args:
        producer_uri: The server's URI for the producer.
        consumer_uri: The server's URI for the consumer.
    """

    def __init__(self, producer_uri: str, consumer_uri: str) -> None:
        self.producer = Producer(producer_uri, name="robot")
        self.broadcast = self.producer.add_channel(LABEL)
        self.consumer = Consumer(consumer_uri)
        started = Heard(self.producer.session_started)
        self.producer.start()
        self.consumer.start()
        self.consumers_session: Session = self.consumer.start_session(name="robot")
        self.producers_session: Session = started.next()["session"]

    def close(self) -> None:
        self.consumer.close()
        self.producer.close()

    def assert_messages_flow(self) -> None:
        """Send a message in each direction."""
        channel = self.consumers_session.channel(LABEL)
        arrived = Heard(self.broadcast.message)
        channel.send("to the robot")
        assert arrived.next()["data"] == "to the robot"
        self.broadcast.send("from the robot")
        assert channel.recv() == "from the robot"


@pytest.fixture(params=["producer", "consumer"])
def broken_pair(request: pytest.FixtureRequest, relay: TcpRelay) -> Iterator[Pair]:
    """A session whose producer or consumer has just lost its signalling connection."""
    uris = (relay.uri, relay.server_uri) if request.param == "producer" else (relay.server_uri, relay.uri)
    pair = Pair(*uris)
    lost = Heard((pair.producer if request.param == "producer" else pair.consumer).connection_lost)
    pair.assert_messages_flow()
    relay.cut()
    assert isinstance(lost.next()["error"], ConnectionLost)
    yield pair
    pair.close()


def test_both_ends_of_the_session_live_on(broken_pair: Pair) -> None:
    states: list[str] = []
    for session in (broken_pair.consumers_session, broken_pair.producers_session):
        session.state_changed.connect(lambda session, state: states.append(state))
    watch = Stopwatch()
    while watch.seconds < DOUBT_SECONDS + 1.0:
        broken_pair.assert_messages_flow()
    # The change to "connected" may have been reported late.
    assert set(states) <= {"connected"}
    assert [broken_pair.consumers_session.state, broken_pair.producers_session.state] == ["connected"] * 2


def test_the_session_is_closed_in_order_afterwards(broken_pair: Pair, figures: Figures) -> None:
    watch = Stopwatch()
    broken_pair.consumers_session.close()
    wait_until(lambda: broken_pair.producers_session.state == "closed", "the other end is closed too")
    # Without the goodbye, the other end would first be interrupted, and closed after 30 s.
    figures.add("closed at both ends", watch.seconds, 2.5)
    assert broken_pair.producers_session.error is None
