"""Sessions are connected over a link that loses a fifth of the UDP packets in each direction."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from statistics import quantiles

import pytest

from gst_signalling_sync import Consumer, Producer, SessionLimits, SignallingServer
from gst_signalling_sync.testing import LinkProfile
from gst_signalling_sync.testing.network import SimulatedNetwork

from ..figures import Figures, Stopwatch

pytestmark = [pytest.mark.slow, pytest.mark.alone, pytest.mark.timeout(600)]

LINK = LinkProfile(loss=0.2, delay=0.01)
AT_ONCE = 4
P99_SECONDS = 2.0
LONGEST_SECONDS = 4.0


@pytest.mark.parametrize(
    "connects", [pytest.param(24, id="short"), pytest.param(200, id="long", marks=pytest.mark.long)]
)
def test_connecting_takes_two_seconds_at_most(
    embedded_server: SignallingServer, figures: Figures, connects: int
) -> None:
    with (
        SimulatedNetwork(embedded_server.uri, LINK) as network,
        Producer(embedded_server.uri, name="robot", limits=SessionLimits(requests_per_peer=None)) as robot,
        Consumer(network.uri) as consumer,
    ):
        robot.add_channel("data")

        def connect(_: int) -> float:
            watch = Stopwatch()
            session = consumer.start_session(robot.peer_id, timeout=30)
            seconds = watch.seconds
            session.close()
            return seconds

        with ThreadPoolExecutor(AT_ONCE) as pool:
            taken = sorted(pool.map(connect, range(connects)))
        assert network.relay.traffic.dropped > 0

    if connects >= 100:
        figures.add("connected, p99", quantiles(taken, n=100, method="inclusive")[-1], P99_SECONDS)
    figures.add("connected, the longest", taken[-1], LONGEST_SECONDS)
