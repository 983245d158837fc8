"""A webrtcsink adds and removes streams while this library's consumer receives."""

from __future__ import annotations

import random

import pytest

from gst_signalling_sync import SignallingServer, connect

from ..helpers.waiting import wait_until
from ..peers.colour_bars import has_smpte_bars
from ..peers.gst_pipelines import SentMedia
from ..peers.require import require
from ..peers.rust_peer import find_media_peer, run_webrtcsink

pytestmark = pytest.mark.interop

SECONDS = 30.0


def test_streams_that_come_and_go_are_followed(embedded_server: SignallingServer) -> None:
    require("webrtcsink and webrtcsrc", find_media_peer(), ".ci/peers")
    chance = random.Random(3)
    kinds = {name: chance.random() < 0.7 for name in "abcd"}
    with run_webrtcsink(embedded_server.uri, "sink", SentMedia(frequency=None)) as sink:
        sink.wait_until_registered()
        with connect(embedded_server.uri, name="sink", timeout=SECONDS) as session:
            kept = session.video
            kept.read()
            there: set[str] = set()
            for _ in range(20):
                name = chance.choice("abcd")
                if name in there:
                    there.remove(name)
                    sink.remove(name)
                else:
                    there.add(name)
                    video = "VP8" if kinds[name] else None
                    sink.add(name, SentMedia(video=video, width=160, height=120, fps=15))

                def agrees() -> bool:
                    videos = sum(kinds[each] for each in there)
                    return (len(session.videos), len(session.audios)) == (1 + videos, len(there) - videos)

                wait_until(agrees, f"it sends {there}", SECONDS)
                for video_ in session.videos:
                    assert has_smpte_bars(video_.read(timeout=SECONDS))
                for audio in session.audios:
                    audio.read(4800, timeout=SECONDS)
            assert session.videos[0] is kept
            assert kept.read(timeout=SECONDS).shape == (240, 320, 3)
