"""Audio over lossy links: redundancy (RED, RFC 2198) fills the gaps, with this library and with Chromium at the other end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import av
import pytest

from gst_signalling_sync import AudioReceiver, Producer, SignallingServer, connect
from gst_signalling_sync.testing import LinkProfile
from gst_signalling_sync.testing.network import SimulatedNetwork

from ..figures import Figures
from ..helpers.filming import humming
from ..helpers.waiting import wait_until
from ..peers.browser import Browser, BrowserMedia, find_browser
from ..peers.gst_signalling import find_gst_signalling, gst_consumer
from ..peers.require import require
from ..peers.rust_peer import find_media_peer, run_webrtcsrc

LOSSY = LinkProfile(loss=0.1, delay=0.01)
SECONDS = 10.0
PACKET = 960


class Gaps:
    """Counts the audio packets that arrived, and those that are missing between them."""

    def __init__(self, audio: AudioReceiver) -> None:
        self._positions: list[int] = []
        self._lock = threading.Lock()
        audio.frame.connect(self._on_frame)

    def _on_frame(self, audio: AudioReceiver, frame: av.AudioFrame) -> None:
        with self._lock:
            self._positions.append(frame.pts or 0)

    @property
    def heard(self) -> int:
        return len(self._positions)

    @property
    def share(self) -> float:
        with self._lock:
            missing = sum((after - before) // PACKET - 1 for before, after in pairwise(self._positions))
            return missing / (missing + len(self._positions))


def gaps(server: SignallingServer, fec: bool | None, skipped: int = 0) -> float:
    """The share of the audio that is missing at the other end of a link, after a number of skipped packets."""
    producer = Producer(server.uri, name="robot")
    microphone = producer.add_audio(fec=fec)
    with (
        SimulatedNetwork(server.uri, LOSSY) as network,
        producer,
        humming(microphone),
        connect(network.uri, name="robot") as session,
    ):
        before = Gaps(session.audio)
        wait_until(lambda: before.heard > skipped, "the first packets have come", 60)
        counted = Gaps(session.audio)
        wait_until(lambda: counted.heard > SECONDS * 50, "sound has come", 60)
        return counted.share


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.timeout(180)
def test_with_redundancy_a_third_of_the_gaps_is_left_at_most(
    embedded_server: SignallingServer, figures: Figures
) -> None:
    without = gaps(embedded_server, fec=False)
    protected = gaps(embedded_server, fec=True)
    # The link's receiver must report its losses first.
    adapted = gaps(embedded_server, fec=None, skipped=250)

    figures.add_share(f"of {without:.1%} without, there is left with fec=True", protected / without, limit=1 / 3)
    figures.add_share(f"of {without:.1%} without, there is left when losses are known", adapted / without, limit=1 / 3)
    assert without > 0.05


def test_link_that_loses_nothing_carries_nothing_twice(embedded_server: SignallingServer) -> None:
    producer = Producer(embedded_server.uri, name="robot")
    microphone = producer.add_audio()
    with producer, humming(microphone), connect(embedded_server.uri, name="robot") as session:
        counted = Gaps(session.audio)
        wait_until(lambda: counted.heard > 150, "sound has come")
        outbound = [each for each in producer.sessions[0].stats().values() if each["type"] == "outbound-rtp"]

    # 64 kbit/s in 50 packets per second.
    assert outbound[0]["bytesSent"] / outbound[0]["packetsSent"] < 250


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    require("Chromium with gstwebrtc-api", find_browser(), ".ci/peers")
    with Browser() as started:
        yield started


def repaired_by(page_stats: list[dict[str, object]]) -> int:
    (inbound,) = (each for each in page_stats if each["type"] == "inbound-rtp" and each["kind"] == "audio")
    received = inbound.get("fecPacketsReceived", 0)
    assert isinstance(received, int)
    return received


@pytest.mark.interop
@pytest.mark.timeout(90)
def test_chromium_takes_redundancy(embedded_server: SignallingServer, browser: Browser) -> None:
    producer = Producer(embedded_server.uri, name="robot")
    microphone = producer.add_audio(fec=True)
    with producer, humming(microphone), browser.consumer(embedded_server.uri, name="robot") as page:
        page.wait_for_tone(440)
        wait_until(lambda: repaired_by(page.stats()) > 50, "packets with earlier ones have come", 30)
        page.wait_for_tone(440)


@pytest.mark.interop
@pytest.mark.alone
@pytest.mark.timeout(90)
def test_redundancy_of_chromium_fills_gaps(embedded_server: SignallingServer, browser: Browser) -> None:
    media = BrowserMedia(video=False, frequency=550, prefers_red=True)
    with (
        SimulatedNetwork(embedded_server.uri, LOSSY) as network,
        browser.producer(embedded_server.uri, "browser", media) as page,
    ):
        page.wait_for("registered")
        with connect(network.uri, peer_id=page.wait_for("ready")["peer_id"]) as session:
            counted = Gaps(session.audio)
            wait_until(lambda: counted.heard > 400, "sound has come", 60)
            assert session.audio.packets_repaired > 10
            assert counted.share < 0.04


@pytest.mark.interop
@pytest.mark.timeout(90)
def test_webrtcsrc_hears_what_is_protected(embedded_server: SignallingServer, tmp_path: Path) -> None:
    require("webrtcsink and webrtcsrc", find_media_peer(), ".ci/peers")
    producer = Producer(embedded_server.uri, name="robot")
    microphone = producer.add_audio(fec=True)
    with producer, humming(microphone), run_webrtcsrc(embedded_server.uri, str(producer.peer_id), tmp_path) as source:
        source.received.wait_for_tone(440)


@pytest.mark.interop
@pytest.mark.timeout(90)
def test_webrtcbin_hears_what_is_protected(embedded_server: SignallingServer, tmp_path: Path) -> None:
    require("gst-signalling 1.1.2", find_gst_signalling(), ".ci/peers")
    producer = Producer(embedded_server.uri, name="robot")
    microphone = producer.add_audio(fec=True)
    with (
        producer,
        humming(microphone),
        gst_consumer(embedded_server.uri, producer_id=producer.peer_id, save_to=tmp_path) as consumer,
    ):
        consumer.received.wait_for_tone(440)
