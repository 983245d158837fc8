"""The real media peers with each other, on both servers. The interop tests rely on what is asserted here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ..helpers.media import has_colour_bars, number_in
from ..peers.browser import Browser, BrowserMedia, find_browser
from ..peers.colour_bars import has_smpte_bars
from ..peers.gst_pipelines import SentMedia
from ..peers.gst_signalling import find_gst_signalling, gst_consumer, gst_producer
from ..peers.require import require
from ..peers.rust_peer import find_media_peer, run_webrtcsink, run_webrtcsrc

pytestmark = pytest.mark.interop


@pytest.fixture(autouse=True)
def _peers() -> None:
    require("gst-signalling 1.1.2", find_gst_signalling(), ".ci/peers")
    require("Chromium with gstwebrtc-api", find_browser(), ".ci/peers")
    require("webrtcsink", find_media_peer(), ".ci/peers")


@pytest.fixture
def browser() -> Iterator[Browser]:
    with Browser() as browser:
        yield browser


def test_webrtcsink_to_the_browser(signalling_uri: str, browser: Browser, tmp_path: Path) -> None:
    with (
        run_webrtcsink(signalling_uri, "robot", SentMedia(video="H264", frequency=660)),
        browser.consumer(signalling_uri, name="robot") as page,
    ):
        assert page.wait_for_frame(has_smpte_bars).shape == (240, 320, 3)
        page.wait_for_tone(660)
        assert (page.codec("video"), page.codec("audio")) == ("H264", "OPUS")
        page.screenshot(tmp_path / "page.png")
    assert (tmp_path / "page.png").stat().st_size > 1000


def test_browser_to_webrtcsrc(signalling_uri: str, browser: Browser, tmp_path: Path) -> None:
    with browser.producer(signalling_uri, "browser", BrowserMedia(codec="VP8", frequency=550)) as page:
        page.wait_for("registered")
        with run_webrtcsrc(signalling_uri, page.wait_for("ready")["peer_id"], tmp_path) as source:
            first = source.received.wait_for_frame(has_colour_bars)
            source.received.wait_for_frame(lambda frame: number_in(frame) != number_in(first))
            source.received.wait_for_tone(550)
            assert source.received.codec("video") == page.sent_codec("video") == "VP8"


def test_webrtcsink_to_gst_signalling(signalling_uri: str, tmp_path: Path) -> None:
    with run_webrtcsink(signalling_uri, "robot", SentMedia(width=176, height=144, frequency=330)) as sink:
        producer_id = sink.wait_until_registered()
        with gst_consumer(signalling_uri, producer_id=producer_id, save_to=tmp_path) as consumer:
            assert consumer.received.wait_for_frame(has_smpte_bars).shape == (144, 176, 3)
            consumer.received.wait_for_tone(330)
        sink.wait_for("consumer_removed")


def test_gst_signalling_and_the_browser_talk_to_each_other(
    signalling_uri: str, browser: Browser, tmp_path: Path
) -> None:
    with (
        gst_producer(signalling_uri, "robot", media=SentMedia(frequency=440), save_to=tmp_path) as producer,
        browser.consumer(signalling_uri, name="robot", media=BrowserMedia(codec="VP8", frequency=880)) as page,
    ):
        page.wait_for_frame(has_smpte_bars)
        page.wait_for_tone(440)
        producer.received.wait_for_frame(has_colour_bars)
        producer.received.wait_for_tone(880)
