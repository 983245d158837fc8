"""A webrtcsrc receives from a producer of this library whose tracks are added, paused and removed."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from gst_signalling_sync import Producer, SignallingServer

from ..helpers.filming import filming
from ..helpers.waiting import wait_until
from ..peers.require import require
from ..peers.rust_peer import WebRTCSrc, find_media_peer, run_webrtcsrc
from .tracks import come_and_go, robot_with_a_camera

pytestmark = pytest.mark.interop

SECONDS = 30.0


@pytest.fixture
def producer(embedded_server: SignallingServer) -> Iterator[Producer]:
    with robot_with_a_camera(embedded_server.uri) as producer:
        yield producer


@pytest.fixture
def receiver(embedded_server: SignallingServer, producer: Producer, tmp_path: Path) -> Iterator[WebRTCSrc]:
    require("webrtcsink and webrtcsrc", find_media_peer(), ".ci/peers")
    assert producer.peer_id is not None
    with run_webrtcsrc(embedded_server.uri, producer.peer_id, tmp_path, audio=False) as started:
        wait_until(lambda: started.counts, "frames come", SECONDS)
        yield started


def grows(receiver: WebRTCSrc, number: int) -> bool:
    """Whether the number of pads that deliver frames is this."""
    before = receiver.counts
    wait_until(lambda: receiver.counts["video_0"] > before["video_0"] + 20, "the first track goes on", SECONDS)
    return sum(count > before.get(pad, 0) + 2 for pad, count in receiver.counts.items()) == number


def test_tracks_that_come_and_go_are_followed(producer: Producer, receiver: WebRTCSrc) -> None:
    for number, there in enumerate(come_and_go(producer, fps=20)):
        wait_until(partial(grows, receiver, 1 + len(there)), f"{number}: kept and {sorted(there)}", SECONDS)


def test_paused_track_goes_on(producer: Producer, receiver: WebRTCSrc) -> None:
    wrist = producer.add_video(name="wrist")
    with filming(wrist, (160, 120)):
        wait_until(lambda: grows(receiver, 2), "both are seen", SECONDS)
        wrist.pause()
        wait_until(lambda: grows(receiver, 1), "one is seen", SECONDS)
        # Longer than the timeout after which an RTP receiver considers a sender gone (RFC 3550 section 6.3.5).
        for _ in range(15):
            assert grows(receiver, 1)
        wrist.resume()
        wait_until(lambda: grows(receiver, 2), "both are seen again", SECONDS)
