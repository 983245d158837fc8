"""Short runs over links of ``python -m benchmarks links``: video goes on, and its rate follows the link's."""

from __future__ import annotations

import pytest

from gst_signalling_sync import Producer, SignallingServer, connect
from gst_signalling_sync.testing import LinkProfile
from gst_signalling_sync.testing.network import SimulatedNetwork

from ..helpers.filming import filming
from .watching import Watched

pytestmark = [pytest.mark.slow, pytest.mark.alone, pytest.mark.timeout(90)]

WIDE = LinkProfile(rate=3e6, queue=0.2, delay=0.02)
THIN = LinkProfile(rate=500e3, queue=0.2, delay=0.02)


@pytest.mark.parametrize(
    ("profile", "lost"),
    [
        pytest.param(LinkProfile(rate=800e3, queue=0.2, delay=0.02), 0.05, id="800 kbit/s"),
        # Until the collapse is known, four packets in five are lost.
        pytest.param(LinkProfile(rate=3e6, delay=0.02, changes=((5.0, THIN), (10.0, WIDE))), 0.15, id="3-0.5-3 Mbit/s"),
        pytest.param(LinkProfile(rate=5e6, loss=0.05, delay=0.02), 0.10, id="5 % loss"),
    ],
)
def test_video_goes_on_over_a_bad_link(embedded_server: SignallingServer, profile: LinkProfile, lost: float) -> None:
    producer = Producer(embedded_server.uri, name="robot")
    camera = producer.add_video(bitrate=2_500_000)
    with (
        SimulatedNetwork(embedded_server.uri, profile) as network,
        producer,
        filming(camera, size=(640, 480), noisy=True),
        connect(network.uri, name="robot") as session,
        Watched(session.video) as watched,
    ):
        session.video.read()
        watched.watch(2.0)
        watched.watch(10.0)
        fps, freeze, traffic = watched.fps, watched.longest_freeze, network.relay.traffic

    assert fps > 10
    assert freeze < 1.0
    assert traffic.dropped < lost * (traffic.passed + traffic.dropped)
