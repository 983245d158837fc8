"""A webrtcsrc receives from a producer of this library whose tracks are added, paused and removed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from gst_signalling_sync import Producer, SignallingServer, VideoSource

from ..helpers.filming import filming
from ..helpers.waiting import wait_until
from ..peers.require import require
from ..peers.rust_peer import WebRTCSrc, find_media_peer, run_webrtcsrc

pytestmark = pytest.mark.interop

SECONDS = 30.0


@pytest.fixture
def producer(embedded_server: SignallingServer) -> Iterator[Producer]:
    producer = Producer(embedded_server.uri, name="robot")
    with filming(producer.add_video(name="kept")), producer:
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
    chance = random.Random(5)
    there: dict[str, ExitStack] = {}
    sources: dict[str, VideoSource] = {}
    for number in range(20):
        name = chance.choice(["front", "wrist", "back"])
        if name in there:
            sources.pop(name).remove()
            there.pop(name).close()
        else:
            sources[name] = producer.add_video(name=name)
            there[name] = ExitStack()
            there[name].enter_context(filming(sources[name], (160, 120), fps=20))
        wait_until(lambda: grows(receiver, 1 + len(there)), f"{number}: kept and {sorted(there)}", SECONDS)
    for stack in there.values():
        stack.close()


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
