"""One camera and several consumers behind different links: a bad link affects only its own consumer."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import NamedTuple

import pytest

from benchmarks.links.profiles import PROFILES
from gst_signalling_sync import Producer, SignallingServer, VideoSource, connect
from gst_signalling_sync.testing.network import SimulatedNetwork

from ..helpers.filming import filming
from ..helpers.waiting import wait_until
from .sent import target
from .watching import Watched

pytestmark = [pytest.mark.timeout(180), pytest.mark.usefixtures("_ahead_of_other_programs")]

GOOD = ("2 Mbit/s", "2 % loss", "5 % loss", "100 +- 30 ms")
BAD = ("300 kbit/s", "800 kbit/s", "1 Mbit/s policed", "bursts of 300 ms")
BITRATE = 740_000
"""Bitrate of the camera, which is more than two of the bad links carry."""

THIN_BITRATE = 400_000
"""More than the thinnest link is ever sent in an encoding of its own."""

SETTLING_SECONDS = 5.0
SECONDS = 10.0
STEP_SECONDS = 0.5
DIVISION_SECONDS = 15.0
"""Time for the estimates to fall and for the slow link to change its encoding, on a busy machine."""


class Sent(NamedTuple):
    """What a consumer is sent.

    Attributes:
        fps: Frames per second.
        bitrate: Mean target of its encoder, in bit/s.
    """

    fps: float
    bitrate: float


def watch(server: SignallingServer, producer: Producer, camera: VideoSource, *profiles: str) -> dict[str, Sent]:
    """What each consumer is sent, all at the same time."""
    with ExitStack() as stack:
        watched, sessions = {}, {}
        stack.enter_context(filming(camera, noisy=True))
        for profile in profiles:
            network = stack.enter_context(SimulatedNetwork(server.uri, PROFILES[profile]))
            session = sessions[profile] = stack.enter_context(connect(network.uri, name="robot"))
            watched[profile] = stack.enter_context(Watched(session.video))
        next(iter(watched.values())).watch(SETTLING_SECONDS)
        for each in watched.values():
            each.watch(0.0)
        targets: dict[str, list[int]] = {profile: [] for profile in profiles}
        begin = time.monotonic()
        for step in range(round(SECONDS / STEP_SECONDS)):
            for profile, session in sessions.items():
                targets[profile].append(target(producer, session.id))
            wait_for(begin + (step + 1) * STEP_SECONDS)
        return {
            profile: Sent(each.fps, sum(targets[profile]) / len(targets[profile])) for profile, each in watched.items()
        }


def wait_for(moment: float) -> None:
    """Wait until a time of `time.monotonic`."""
    wait_until(lambda: time.monotonic() >= moment, "the time is over", SECONDS)


@pytest.mark.long
def test_good_links_have_among_bad_ones_what_they_have_alone(embedded_server: SignallingServer) -> None:
    producer = Producer(embedded_server.uri, name="robot")
    camera = producer.add_video(bitrate=BITRATE)
    with producer:
        alone = {profile: watch(embedded_server, producer, camera, profile)[profile] for profile in GOOD}
        together = watch(embedded_server, producer, camera, *GOOD, *BAD)

    for profile in GOOD:
        assert together[profile].fps > 0.95 * alone[profile].fps, (alone, together)
        # A link that carries nearly the bitrate of the camera is served better among the fast ones.
        assert together[profile].bitrate > 0.85 * alone[profile].bitrate, (alone, together)


def test_thin_link_has_an_encoding_of_its_own_while_it_is_there(embedded_server: SignallingServer) -> None:
    producer = Producer(embedded_server.uri, name="robot")
    camera = producer.add_video(bitrate=BITRATE)
    with producer, ExitStack() as stack:
        filmed = stack.enter_context(filming(camera, noisy=True))
        good = stack.enter_context(connect(embedded_server.uri, name="robot"))
        network = stack.enter_context(SimulatedNetwork(embedded_server.uri, PROFILES["300 kbit/s"]))
        thin = stack.enter_context(connect(network.uri, name="robot"))
        wait_until(
            lambda: target(producer, good.id) == BITRATE and 0 < target(producer, thin.id) < THIN_BITRATE,
            lambda: (
                f"the good link is sent {target(producer, good.id)} bit/s, the thin one {target(producer, thin.id)}"
            ),
            DIVISION_SECONDS,
        )
        with Watched(good.video) as of_good, Watched(thin.video) as of_thin:
            # What was too much for the thin link has left its queue by then.
            of_good.watch(2.0)
            of_good.watch(0.0)
            of_thin.watch(0.0)
            before = len(filmed.times)
            of_good.watch(3.0)
            written = len(filmed.times) - before
            assert len(of_good.times) - 1 > 0.9 * written
            assert len(of_thin.times) - 1 > 0.5 * written
        assert target(producer, good.id) == BITRATE

        thin.close()
        wait_until(lambda: len(producer.sessions) == 1, "the thin link is gone")
        encoded, before = camera.frames_encoded, len(filmed.times)
        wait_until(lambda: len(filmed.times) >= before + 30, "frames are written")
        # The camera goes on meanwhile, so the frames that were written are counted last.
        encoded_since = camera.frames_encoded - encoded
        assert encoded_since <= len(filmed.times) - before + 3, "each is encoded once"
        assert target(producer, good.id) == BITRATE


@pytest.mark.long
def test_thin_link_that_recovers_gets_what_the_others_get(embedded_server: SignallingServer) -> None:
    producer = Producer(embedded_server.uri, name="robot")
    camera = producer.add_video(bitrate=BITRATE)
    with producer, ExitStack() as stack:
        stack.enter_context(filming(camera, noisy=True))
        stack.enter_context(connect(embedded_server.uri, name="robot"))
        network = stack.enter_context(SimulatedNetwork(embedded_server.uri, PROFILES["300 kbit/s"]))
        thin = stack.enter_context(connect(network.uri, name="robot"))
        wait_until(
            lambda: 0 < target(producer, thin.id) < THIN_BITRATE, "the thin link is found to be thin", DIVISION_SECONDS
        )

        network.relay.profile = PROFILES["2 Mbit/s"]
        wait_until(lambda: target(producer, thin.id) == BITRATE, "the link is found to have recovered", 60)
        watched = stack.enter_context(Watched(thin.video))
        watched.watch(3.0)
        assert watched.fps > 20
