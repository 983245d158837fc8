"""Real senders behind a thin link: by transport-wide feedback (TWCC) they learn its capacity, and reduce their rate to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from gst_signalling_sync import Session, SignallingServer, connect
from gst_signalling_sync.testing import LinkProfile
from gst_signalling_sync.testing.network import SimulatedNetwork

from ..peers.browser import Browser, BrowserMedia, find_browser
from ..peers.gst_pipelines import SentMedia
from ..peers.require import require
from ..peers.rust_peer import find_media_peer, run_webrtcsink
from .watching import Watched

pytestmark = [pytest.mark.interop, pytest.mark.alone, pytest.mark.timeout(90)]

THIN = LinkProfile(rate=800_000, queue=0.2, delay=0.02)

Sender = Callable[[str, str], AbstractContextManager[Session]]


@contextmanager
def webrtcsink(server: str, network: str) -> Iterator[Session]:
    """A 720p camera, which webrtcsink begins to send at 2 Mbit/s."""
    require("webrtcsink", find_media_peer(), ".ci/peers")
    with run_webrtcsink(server, "robot", SentMedia(width=1280, height=720, frequency=None)) as sink:
        sink.wait_until_registered()
        with connect(network, name="robot") as session:
            yield session


@contextmanager
def chromium(server: str, network: str) -> Iterator[Session]:
    """A browser's canvas."""
    require("Chromium with gstwebrtc-api", find_browser(), ".ci/peers")
    with Browser() as browser, browser.producer(server, "browser", BrowserMedia(codec="VP8", frequency=None)) as page:
        page.wait_for("registered")
        with connect(network, peer_id=page.wait_for("ready")["peer_id"]) as session:
            yield session


@pytest.mark.parametrize("sender", [webrtcsink, chromium])
def test_sender_finds_the_rate_of_a_thin_link(embedded_server: SignallingServer, sender: Sender) -> None:
    with (
        SimulatedNetwork(embedded_server.uri, THIN) as network,
        sender(embedded_server.uri, network.uri) as session,
        Watched(session.video) as watched,
    ):
        watched.watch(5.0)
        before = network.relay.traffic
        watched.watch(8.0)
        after = network.relay.traffic

    assert watched.fps > 7.5
    # The other program decides when it sends a keyframe of 720p, which takes up to a second here.
    assert watched.longest_freeze < 2.0
    dropped, passed = after.dropped - before.dropped, after.passed - before.passed
    assert dropped < 0.05 * passed
