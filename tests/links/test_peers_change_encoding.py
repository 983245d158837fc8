"""Other programs' receivers go on without a stop when they are sent another of the source's two encodings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from benchmarks.links.profiles import PROFILES
from gst_signalling_sync import Producer, SignallingServer, connect
from gst_signalling_sync.testing import LinkProfile
from gst_signalling_sync.testing.network import SimulatedNetwork

from ..helpers.filming import filming, milliseconds
from ..helpers.media import number_in
from ..helpers.waiting import wait_until
from ..peers.browser import Browser, find_browser
from ..peers.received import Frame, Received
from ..peers.require import require
from ..peers.rust_peer import find_media_peer, run_webrtcsrc
from .sent import target

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.alone, pytest.mark.timeout(180)]

BITRATE = 740_000
CHANGE_SECONDS = 60.0
THIN = LinkProfile(rate=100e3, queue=0.2, delay=0.02)
"""Less than numbered frames take in any codec."""

Receiver = Callable[[str, Producer, Path], AbstractContextManager[Received]]


@contextmanager
def webrtcsrc(uri: str, producer: Producer, folder: Path) -> Iterator[Received]:
    require("webrtcsrc", find_media_peer(), ".ci/peers")
    assert producer.peer_id is not None
    with run_webrtcsrc(uri, producer.peer_id, folder, audio=False) as peer:
        yield peer.received


@contextmanager
def chromium(uri: str, producer: Producer, folder: Path) -> Iterator[Received]:
    require("Chromium with gstwebrtc-api", find_browser(), ".ci/peers")
    with Browser() as browser, browser.consumer(uri, name="robot") as page:
        yield page


@pytest.mark.parametrize("codec", ["VP8", "VP9", "H264"])
@pytest.mark.parametrize("receiver", [webrtcsrc, chromium])
def test_receiver_changes_its_encoding_and_back(
    embedded_server: SignallingServer, receiver: Receiver, codec: str, tmp_path: Path
) -> None:
    producer = Producer(embedded_server.uri, name="robot")
    camera = producer.add_video(bitrate=BITRATE, codecs=(codec,))
    with (
        producer,
        filming(camera),
        SimulatedNetwork(embedded_server.uri, PROFILES["800 kbit/s"]) as network,
        connect(embedded_server.uri, name="robot") as good,
        receiver(network.uri, producer, tmp_path) as received,
    ):
        received.wait_for_frame(lambda frame: number_in(frame) is not None)
        (other,) = [each.id for each in producer.sessions if each.id != good.id]
        network.relay.profile = THIN
        wait_until(lambda: target(producer, other) < BITRATE / 2, "it gets the slow encoding", CHANGE_SECONDS)
        assert target(producer, good.id) == BITRATE
        assert_goes_on(received)

        network.relay.profile = PROFILES["2 Mbit/s"]
        wait_until(lambda: target(producer, other) == BITRATE, "it gets the fast encoding", CHANGE_SECONDS)
        assert_goes_on(received)


def assert_goes_on(received: Received) -> None:
    """Wait for frames that were written from now on."""
    for _ in range(3):
        began = milliseconds()

        def is_new(frame: Frame, began: int = began) -> bool:
            number = number_in(frame)
            return number is not None and number >= began

        received.wait_for_frame(is_new, timeout=10)
