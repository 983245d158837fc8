"""Names of tracks as Chromium and GStreamer see them, and a choice among the tracks of GStreamer and Chromium."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gst_signalling_sync import SignallingServer, connect

from ..helpers.waiting import wait_until
from ..media.test_track_names import robot
from ..peers.browser import Browser, BrowserMedia, BrowserPage, find_browser
from ..peers.gst_signalling import find_gst_signalling, gst_consumer
from ..peers.require import require
from ..peers.rust_peer import find_media_peer, run_webrtcsink

pytestmark = pytest.mark.interop


@pytest.fixture
def browser() -> Iterator[Browser]:
    require("Chromium with gstwebrtc-api", find_browser(), ".ci/peers")
    with Browser() as started:
        yield started


@pytest.fixture
def uri(embedded_server: SignallingServer) -> Iterator[str]:
    with robot(embedded_server.uri):
        yield embedded_server.uri


def received(page: BrowserPage) -> set[str]:
    return {each["trackIdentifier"] for each in page.stats() if each["type"] == "inbound-rtp"}


def test_chromium_has_them_as_track_ids(uri: str, browser: Browser) -> None:
    with browser.consumer(uri, name="robot") as page:
        # The W3C's getStats has a report about a track from its first packet on.
        wait_until(lambda: len(received(page)) == 4, "packets of four tracks", timeout=20)
        assert received(page) == {"front", "wrist", "back", "ears"}


def test_gstreamer_has_them_as_msids(uri: str) -> None:
    require("gst-signalling 1.1.2", find_gst_signalling(), ".ci/peers")
    with gst_consumer(uri, producer_name="robot") as peer:
        assert {peer.wait_for("track")["msid"] for _ in range(4)} == {"front", "wrist", "back", "ears"}


def test_webrtcsink_sends_nothing_that_was_not_chosen(embedded_server: SignallingServer) -> None:
    require("webrtcsink and webrtcsrc", find_media_peer(), ".ci/peers")
    with run_webrtcsink(embedded_server.uri, "sink"), connect(embedded_server.uri, name="sink", video=False) as session:
        assert session.audio.read(4800).shape[0] == 4800
        assert session.videos == []
        received = [each for each in session.stats().values() if each["type"] == "inbound-rtp"]
        assert {each["kind"] for each in received if each["packetsReceived"]} == {"audio"}


def test_chromium_sends_nothing_that_was_not_chosen(embedded_server: SignallingServer, browser: Browser) -> None:
    with browser.producer(embedded_server.uri, "page", BrowserMedia()) as page:
        page.wait_for("registered")
        with connect(embedded_server.uri, name="page", audio=False) as session:
            assert session.video.read().any()
            assert session.audios == []
            received = [each for each in session.stats().values() if each["type"] == "inbound-rtp"]
            assert {each["kind"] for each in received if each["packetsReceived"]} == {"video"}
