"""One camera and eight consumers behind eight links: a bad link affects only its own consumer."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from benchmarks.links.profiles import PROFILES
from gst_signalling_sync import Producer, SignallingServer, VideoSource, connect
from gst_signalling_sync.testing.network import SimulatedNetwork

from ..helpers.filming import filming
from .watching import Watched

pytestmark = [pytest.mark.long, pytest.mark.timeout(180), pytest.mark.usefixtures("_ahead_of_other_programs")]

GOOD = ("2 Mbit/s", "2 % loss", "5 % loss", "100 +- 30 ms")
BAD = ("300 kbit/s", "800 kbit/s", "1 Mbit/s policed", "bursts of 300 ms")
BITRATE = 740_000
"""Bitrate of the camera, which is more than two of the bad links carry."""

SETTLING_SECONDS = 5.0
SECONDS = 10.0


def watch(server: SignallingServer, camera: VideoSource, *profiles: str) -> dict[str, float]:
    """Frames per second of each consumer, all at the same time."""
    with ExitStack() as stack:
        watched = {}
        stack.enter_context(filming(camera, noisy=True))
        for profile in profiles:
            network = stack.enter_context(SimulatedNetwork(server.uri, PROFILES[profile]))
            session = stack.enter_context(connect(network.uri, name="robot"))
            watched[profile] = stack.enter_context(Watched(session.video))
        for each in watched.values():
            each.watch(0.0)
        next(iter(watched.values())).watch(SETTLING_SECONDS)
        for each in watched.values():
            each.watch(0.0)
        next(iter(watched.values())).watch(SECONDS)
        return {profile: each.fps for profile, each in watched.items()}


def test_good_links_have_among_bad_ones_what_they_have_alone(embedded_server: SignallingServer) -> None:
    producer = Producer(embedded_server.uri, name="robot")
    camera = producer.add_video(bitrate=BITRATE)
    with producer:
        alone = {profile: watch(embedded_server, camera, profile)[profile] for profile in GOOD}
        together = watch(embedded_server, camera, *GOOD, *BAD)

    for profile in GOOD:
        assert together[profile] > 0.95 * alone[profile], (alone, together)
