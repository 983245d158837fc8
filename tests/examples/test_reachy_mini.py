"""`examples/reachy_mini_media.py`, with a webrtcsink that runs its own signalling server."""

from __future__ import annotations

import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gst_signalling_sync import Producer, SignallingServer

from ..helpers.filming import filming, humming
from ..helpers.media import frequency_of
from ..helpers.ports import reserved_port
from ..helpers.waiting import wait_until
from ..peers.require import require
from ..peers.rust_peer import find_media_peer, run_webrtcsink

SECONDS = 20.0

ReachyMiniMedia: Any = runpy.run_path(str(Path(__file__).parents[2] / "examples" / "reachy_mini_media.py"))[
    "ReachyMiniMedia"
]


@pytest.fixture
def sink() -> Iterator[int]:
    """The port of the signalling server of a webrtcsink."""
    require("webrtcsink and webrtcsrc", find_media_peer(), ".ci/peers")
    with reserved_port() as port:
        server = f"run-signalling-server=true signalling-server-host=127.0.0.1 signalling-server-port={port}"
        with run_webrtcsink(f"ws://127.0.0.1:{port}", "reachymini", properties=server) as sink:
            sink.wait_until_registered()
            yield port


@pytest.mark.interop
def test_a_program_sees_and_hears_a_webrtcsink(sink: int) -> None:
    media = ReachyMiniMedia(signaling_port=sink)
    media.resolution = (320, 180)
    media.open()
    frames: list[NDArray[np.uint8]] = []
    blocks: list[NDArray[np.float32]] = []

    def gather() -> bool:
        frame, audio = media.read(), media.get_audio_sample()
        if frame is not None:
            frames.append(frame)
        if audio is not None:
            blocks.append(audio)
        return len(frames) >= 30 and sum(map(len, blocks)) >= 32000

    wait_until(gather, "frames and sound come", SECONDS)
    media.close()
    assert {frame.shape for frame in frames} == {(180, 320, 3)}
    audio = np.concatenate(blocks)
    assert audio.dtype == np.float32
    assert audio.shape[1] == 2
    assert abs(frequency_of((audio[-16000:] * 32767).astype(np.int16), 16000) - 440) < 5


def test_a_robot_hears_a_program_until_it_is_silenced(embedded_server: SignallingServer) -> None:
    robot = Producer(embedded_server.uri, name="reachymini")
    with filming(robot.add_video()), humming(robot.add_audio()), robot:
        media = ReachyMiniMedia(signaling_port=embedded_server.port or 0)
        assert media.read() is None
        assert media.get_audio_sample() is None
        media.open()
        session = robot.wait_for_session()
        tone = 0.5 * np.sin(2 * np.pi * 700 * np.arange(16000 * 10) / 16000)
        media.push_audio_sample(tone.astype(np.float32))
        assert abs(frequency_of(session.audio.read(24000)) - 700) < 5
        media.clear_player()
        session.audio.read_available()
        media.push_audio_sample(np.zeros(len(tone), np.float32))
        wait_until(lambda: frequency_of(session.audio.read(9600)) == 0, "it is silent", SECONDS)
        assert frequency_of(session.audio.read(9600)) == 0
        media.close()
