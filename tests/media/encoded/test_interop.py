"""Frames that were encoded elsewhere, sent to the real peers webrtcsrc and Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gst_signalling_sync import Producer
from gst_signalling_sync.webrtc.media.sending.controlled_track import feed_of

from ...helpers.media import has_colour_bars, number_in
from ...helpers.waiting import wait_until
from ...peers.browser import Browser, BrowserMedia, find_browser
from ...peers.require import require
from ...peers.rust_peer import find_media_peer, run_webrtcsrc
from .units import Encoder, bringing

pytestmark = pytest.mark.interop

SECONDS = 40.0

streams = pytest.mark.parametrize(
    ("codec", "profile"), [("VP8", ""), ("H264", "baseline"), ("H264", "main"), ("H264", "high")]
)


@pytest.fixture
def gst_plugins_rs() -> None:
    require("webrtcsrc", find_media_peer(), ".ci/peers")


@pytest.fixture
def browser() -> Iterator[Browser]:
    require("Chromium with gstwebrtc-api", find_browser(), ".ci/peers")
    with Browser() as started:
        yield started


@streams
def test_chromium_sees_a_stream_as_it_is(producer: Producer, browser: Browser, codec: str, profile: str) -> None:
    video = producer.add_encoded_video(codec)
    with bringing(video, Encoder(codec, profile)):
        wait_until(lambda: video.frames_written > 30, "a second of it", SECONDS)
        with browser.consumer(producer.uri, name="robot") as page:
            first = page.wait_for_frame(has_colour_bars)
            page.wait_for_frame(lambda frame: number_in(frame) != number_in(first))
            assert page.codec("video") == codec
        assert feed_of(video).frames_decoded == 0


@streams
@pytest.mark.usefixtures("gst_plugins_rs")
def test_webrtcsrc_sees_a_stream_as_it_is(producer: Producer, tmp_path: Path, codec: str, profile: str) -> None:
    video = producer.add_encoded_video(codec)
    with bringing(video, Encoder(codec, profile)):
        wait_until(lambda: video.frames_written > 30, "a second of it", SECONDS)
        assert producer.peer_id is not None
        with run_webrtcsrc(producer.uri, producer.peer_id, tmp_path, audio=False) as source:
            first = source.received.wait_for_frame(has_colour_bars)
            source.received.wait_for_frame(lambda frame: number_in(frame) != number_in(first))
            assert source.received.codec("video") == codec
        assert feed_of(video).frames_decoded == 0


def test_browser_that_takes_another_codec_gets_it_encoded_again(producer: Producer, browser: Browser) -> None:
    video = producer.add_encoded_video("H264")
    media = BrowserMedia(video=False, frequency=None, codec="VP8")
    with bringing(video, Encoder("H264", "high")), browser.consumer(producer.uri, name="robot", media=media) as page:
        first = page.wait_for_frame(has_colour_bars)
        page.wait_for_frame(lambda frame: number_in(frame) != number_in(first))
        assert page.codec("video") == "VP8"
