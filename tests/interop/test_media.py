"""Video and audio between this library and the real peers webrtcbin, webrtcsink, webrtcsrc and Chromium, in both roles.

Every test asserts on decoded frames and on the frequency of a tone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gst_signalling_sync import Producer, Session, SignallingServer, connect

from ..helpers.filming import filming, humming
from ..helpers.media import frequency_of, has_colour_bars, number_in
from ..helpers.waiting import wait_until
from ..peers.browser import Browser, BrowserMedia, BrowserPage, find_browser
from ..peers.colour_bars import has_smpte_bars
from ..peers.gst_pipelines import SentMedia
from ..peers.gst_signalling import find_gst_signalling, gst_consumer, gst_producer
from ..peers.require import require
from ..peers.rust_peer import find_media_peer, run_webrtcsink, run_webrtcsrc

pytestmark = pytest.mark.interop

Frame = np.ndarray[Any, np.dtype[np.uint8]]

# GStreamer 1.22 itself does not support AV1 in RTP; gst-plugins-rs does.
codecs_of_webrtcbin = pytest.mark.parametrize("codec", ["VP8", "H264", "VP9"])
codecs_from_webrtcbin = pytest.mark.parametrize("codec", ["VP8", "H264", "VP9", "H265"])
codecs = pytest.mark.parametrize("codec", ["VP8", "H264", "VP9", "AV1"])
codecs_from_webrtcsink = pytest.mark.parametrize("codec", ["VP8", "H264", "VP9", "AV1", "H265"])


@pytest.fixture
def webrtcbin() -> None:
    require("gst-signalling 1.1.2", find_gst_signalling(), ".ci/peers")


@pytest.fixture
def gst_plugins_rs() -> None:
    require("webrtcsink and webrtcsrc", find_media_peer(), ".ci/peers")


@pytest.fixture
def browser() -> Iterator[Browser]:
    require("Chromium with gstwebrtc-api", find_browser(), ".ci/peers")
    with Browser() as started:
        yield started


@contextmanager
def robot(uri: str, codec: str = "VP8", frequency: float = 440) -> Iterator[Producer]:
    """A producer of this library that sends numbered frames and a tone."""
    with ExitStack() as stack:
        producer = stack.enter_context(Producer(uri, name="robot"))
        stack.enter_context(filming(producer.add_video(codecs=(codec,))))
        stack.enter_context(humming(producer.add_audio(), frequency))
        yield producer


def see(session: Session, is_right: Callable[[Frame], bool]) -> Frame:
    """Read until a frame meets a condition, and return it."""
    frame = session.video.read()
    for _ in range(100):
        if is_right(frame):
            return frame
        frame = session.video.read()
    pytest.fail("no frame was as it should be")


def answer_of(session: Session) -> str:
    """This end's answer."""
    assert session.peer_connection is not None
    sdp: str = session.peer_connection.localDescription.sdp
    return sdp


def scalability_modes(page: BrowserPage) -> list[str | None]:
    """The scalability modes of the video that a page sends; None: it is not reported at the moment."""
    return [each.get("scalabilityMode") for each in page.stats() if each["kind"] == "video"]


def hear(session: Session, frequency: float) -> None:
    """Assert that a tone is heard, after the sound of the beginning has passed."""
    session.audio.read(24000)
    assert abs(frequency_of(session.audio.read(48000)) - frequency) < 5


class TestWebrtcbin:
    """GStreamer's webrtcbin, through gst-signalling."""

    pytestmark = pytest.mark.usefixtures("webrtcbin")

    @codecs_from_webrtcbin
    def test_as_producer(self, signalling_uri: str, codec: str) -> None:
        media = SentMedia(video=codec, frequency=660)
        with gst_producer(signalling_uri, "gst", media=media) as producer:
            producer.wait_for("ready")
            with connect(signalling_uri, name="gst") as session:
                assert see(session, has_smpte_bars).shape == (240, 320, 3)
                hear(session, 660)
                assert (session.video.codec, session.audio.codec) == (codec, "opus")

    @pytest.mark.parametrize(("profile", "identifier"), [("baseline", "42"), ("main", "4d"), ("high", "64")])
    def test_profiles_of_h264(self, embedded_server: SignallingServer, profile: str, identifier: str) -> None:
        media = SentMedia(video="H264", frequency=None, profile=profile)
        with gst_producer(embedded_server.uri, "gst", media=media) as producer:
            producer.wait_for("ready")
            with connect(embedded_server.uri, name="gst") as session:
                assert see(session, has_smpte_bars).shape == (240, 320, 3)
                assert session.video.codec == "H264"
                assert f"profile-level-id={identifier}" in answer_of(session)

    @codecs_of_webrtcbin
    def test_as_consumer(self, signalling_uri: str, codec: str, tmp_path: Path) -> None:
        with (
            robot(signalling_uri, codec),
            gst_consumer(signalling_uri, producer_name="robot", save_to=tmp_path) as consumer,
        ):
            first = consumer.received.wait_for_frame(has_colour_bars)
            consumer.received.wait_for_frame(lambda frame: number_in(frame) != number_in(first))
            consumer.received.wait_for_tone(440)
            assert consumer.received.codec("video") == codec
            assert consumer.received.codec("audio") == "OPUS"

    def test_that_talks_back(self, signalling_uri: str, tmp_path: Path) -> None:
        media = SentMedia(frequency=880)
        with (
            robot(signalling_uri) as producer,
            gst_consumer(signalling_uri, producer_name="robot", media=media, save_to=tmp_path) as consumer,
        ):
            session = producer.wait_for_session(20)
            see(session, has_smpte_bars)
            hear(session, 880)
            consumer.received.wait_for_frame(has_colour_bars)


class TestGstPluginsRs:
    """webrtcsink and webrtcsrc, which robots run."""

    pytestmark = pytest.mark.usefixtures("gst_plugins_rs")

    @codecs_from_webrtcsink
    def test_webrtcsink_as_producer(self, signalling_uri: str, codec: str) -> None:
        with run_webrtcsink(signalling_uri, "sink", SentMedia(video=codec, frequency=550)) as sink:
            producer_id = sink.wait_until_registered()
            with connect(signalling_uri, peer_id=producer_id) as session:
                assert see(session, has_smpte_bars).shape == (240, 320, 3)
                hear(session, 550)
                assert session.video.codec == codec

    @codecs
    def test_webrtcsrc_as_consumer(self, signalling_uri: str, codec: str, tmp_path: Path) -> None:
        with robot(signalling_uri, codec) as producer:
            assert producer.peer_id is not None
            with run_webrtcsrc(signalling_uri, producer.peer_id, tmp_path) as source:
                first = source.received.wait_for_frame(has_colour_bars)
                source.received.wait_for_frame(lambda frame: number_in(frame) != number_in(first))
                source.received.wait_for_tone(440)
                assert source.received.codec("video") == codec


class TestChromium:
    """Headless Chromium with gstwebrtc-api."""

    @codecs
    def test_as_consumer(self, signalling_uri: str, browser: Browser, codec: str, tmp_path: Path) -> None:
        with robot(signalling_uri, codec), browser.consumer(signalling_uri, name="robot") as page:
            first = page.wait_for_frame(has_colour_bars)
            page.wait_for_frame(lambda frame: number_in(frame) != number_in(first))
            page.wait_for_tone(440)
            assert (page.codec("video"), page.codec("audio")) == (codec, "OPUS")
            page.screenshot(tmp_path / "page.png")
        assert (tmp_path / "page.png").stat().st_size > 1000

    @pytest.mark.parametrize("form", ["packetization-mode=0", "profile-level-id=4d"])
    def test_forms_of_h264(self, embedded_server: SignallingServer, browser: Browser, form: str) -> None:
        media = BrowserMedia(codec=f"H264 {form}", frequency=None)
        with browser.producer(embedded_server.uri, "page", media) as page:
            page.wait_for("registered")
            with connect(embedded_server.uri, name="page") as session:
                see(session, has_colour_bars)
                assert form in answer_of(session)
                assert session.video.codec == "H264"

    @codecs
    def test_as_producer(self, signalling_uri: str, browser: Browser, codec: str) -> None:
        with browser.producer(signalling_uri, "page", BrowserMedia(codec=codec, frequency=550)) as page:
            page.wait_for("registered")
            with connect(signalling_uri, name="page") as session:
                first = see(session, has_colour_bars)
                see(session, lambda frame: number_in(frame) not in (None, number_in(first)))
                hear(session, 550)
                assert session.video.codec == codec

    def test_profile_2_of_vp9(self, embedded_server: SignallingServer, browser: Browser) -> None:
        media = BrowserMedia(codec="VP9 profile-id=2", frequency=None)
        with browser.producer(embedded_server.uri, "page", media) as page:
            page.wait_for("registered")
            with connect(embedded_server.uri, name="page") as session:
                see(session, has_colour_bars)
                assert "profile-id=2" in answer_of(session)

    @pytest.mark.parametrize("layers", ["L2T1", "L1T3"])
    def test_layers_of_vp9(self, embedded_server: SignallingServer, browser: Browser, layers: str) -> None:
        media = BrowserMedia(codec="VP9", frequency=None, layers=layers, width=640, height=480)
        with browser.producer(embedded_server.uri, "page", media) as page:
            page.wait_for("registered")
            with connect(embedded_server.uri, name="page") as session:
                see(session, lambda frame: frame.shape == (480, 640, 3) and has_colour_bars(frame))
                # The W3C's getStats reports the mode only while frames are encoded, and on a busy machine there may be a pause.
                wait_until(lambda: scalability_modes(page) == [layers], f"sent in {layers}", timeout=20)

    def test_each_consumer_gets_the_codec_that_it_takes(self, signalling_uri: str, browser: Browser) -> None:
        with Producer(signalling_uri, name="robot") as producer, filming(producer.add_video()), ExitStack() as stack:
            for codec in ("H264", "VP8"):
                media = BrowserMedia(video=False, frequency=None, codec=codec)
                page = stack.enter_context(browser.consumer(signalling_uri, name="robot", media=media))
                page.wait_for_frame(has_colour_bars)
                assert page.codec("video") == codec

    def test_that_talks_back(self, signalling_uri: str, browser: Browser) -> None:
        with (
            robot(signalling_uri) as producer,
            browser.consumer(signalling_uri, name="robot", media=BrowserMedia(codec="VP8", frequency=880)) as page,
        ):
            session = producer.wait_for_session(20)
            see(session, has_colour_bars)
            hear(session, 880)
            page.wait_for_frame(has_colour_bars)


def test_one_producer_for_all_of_them(
    signalling_uri: str, browser: Browser, webrtcbin: None, gst_plugins_rs: None, tmp_path: Path
) -> None:
    for name in ("bin", "src"):
        (tmp_path / name).mkdir()
    with ExitStack() as stack:
        producer = stack.enter_context(robot(signalling_uri))
        assert producer.peer_id is not None
        page = stack.enter_context(browser.consumer(signalling_uri, name="robot"))
        source = stack.enter_context(run_webrtcsrc(signalling_uri, producer.peer_id, tmp_path / "src"))
        consumer = stack.enter_context(gst_consumer(signalling_uri, producer_name="robot", save_to=tmp_path / "bin"))
        session = stack.enter_context(connect(signalling_uri, name="robot"))
        for received in (page, source.received, consumer.received):
            received.wait_for_frame(has_colour_bars)
            received.wait_for_tone(440)
        see(session, has_colour_bars)
        hear(session, 440)
