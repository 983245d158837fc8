"""The programs of the tutorial and of the guides that are files beside their page, run as their reader does."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import av
import numpy as np
import pytest

from gst_signalling_sync import SignallingServer, connect

from ..examples.test_programs import PLAIN_PYTHON, SECONDS, Program, running
from ..helpers.processes import interruptible_environment
from .programs import DOCS, program_of_a_page


@pytest.fixture
def robot(embedded_server: SignallingServer, tmp_path: Path) -> Iterator[Program]:
    with program_of_a_page(embedded_server, "intro/robot.py", tmp_path) as program:
        program.expect("the robot is registered")
        yield program


@pytest.fixture
def page(embedded_server: SignallingServer, tmp_path: Path) -> Iterator[str]:
    """The URL of the web page."""
    copy = tmp_path / "page.py"
    copy.write_text((DOCS / "intro" / "page.py").read_text())
    command = (PLAIN_PYTHON, "-m", "flask", "--app", copy, "run", "--port", "0")
    with running(embedded_server.uri, *command) as program:
        yield program.expect(r"Running on (http://127\.0\.0\.1:\d+)")[1]
        program.interrupt()


def test_drive_prints_what_the_tutorial_shows(
    embedded_server: SignallingServer, robot: Program, tmp_path: Path
) -> None:
    result = subprocess.run(
        [sys.executable, DOCS / "intro" / "drive.py"],
        cwd=tmp_path,
        env={**interruptible_environment(), "GST_SIGNALLING_URI": embedded_server.uri},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )

    assert result.returncode == 0, result.stderr
    assert result.stdout == (DOCS / "intro" / "drive.txt").read_text()
    with av.open(tmp_path / "robot.png") as still:
        assert next(still.decode(video=0)).to_ndarray(format="bgr24").shape == (240, 320, 3)


def test_command_turns_the_square_round(embedded_server: SignallingServer, robot: Program) -> None:
    def place() -> float:
        frame = session.video.read()
        return float(np.nonzero(frame[120, :, 2] > 128)[0].mean())

    with connect(embedded_server.uri, name="robot") as session:
        commands = session.channel("commands")
        commands.send("stop")
        commands.recv()
        for _ in range(3):
            still = place()

        assert abs(place() - still) < 2


def test_page_shows_the_camera_and_sends_commands(robot: Program, page: str) -> None:
    with urllib.request.urlopen(page, timeout=SECONDS) as response:
        assert b"/camera" in response.read()
    with urllib.request.urlopen(f"{page}/commands/left", b"", timeout=SECONDS) as response:
        assert response.read() == b"the robot heard 'left'"
    with urllib.request.urlopen(f"{page}/camera", timeout=SECONDS) as response:
        assert b"image/jpeg" in response.read(1000)


def test_page_says_what_failed(page: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as failed:
        urllib.request.urlopen(f"{page}/commands/left", b"", timeout=SECONDS)

    with failed.value as response:
        assert response.code == 502
        assert b"robot" in response.read()


def raw_video(path: Path, frames: int) -> None:
    """H264 as a camera's program writes it: without a container, and with parameter sets before each keyframe."""
    with av.open(path, "w", format="h264") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        stream.options = {"profile": "baseline", "g": "30", "preset": "ultrafast", "x264-params": "repeat-headers=1"}
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(np.full((240, 320, 3), number, np.uint8), format="bgr24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


@contextmanager
def camera_program(uri: str, video: bytes) -> Iterator[subprocess.Popen[bytes]]:
    """The guide's program, behind a pipe that always has more video."""
    command = [sys.executable, str(DOCS / "howto" / "pipe_camera.py")]
    program = subprocess.Popen(command, stdin=subprocess.PIPE, env={**os.environ, "GST_SIGNALLING_URI": uri})
    assert program.stdin is not None
    ended = threading.Event()

    def write(pipe: IO[bytes]) -> None:
        with contextlib.suppress(BrokenPipeError), pipe:
            while not ended.is_set():
                pipe.write(video)

    writer = threading.Thread(target=write, args=[program.stdin])
    writer.start()
    try:
        yield program
        ended.set()
        assert program.wait(SECONDS) == 0, "it ends with its input"
    finally:
        ended.set()
        program.kill()
        program.wait()
        writer.join()


def test_what_a_camera_writes_to_a_pipe_is_sent_as_it_is(embedded_server: SignallingServer, tmp_path: Path) -> None:
    raw_video(tmp_path / "raw.h264", frames=60)
    video = (tmp_path / "raw.h264").read_bytes()
    with (
        camera_program(embedded_server.uri, video),
        connect(embedded_server.uri, name="robot", timeout=SECONDS) as session,
    ):
        assert session.video.read().shape == (240, 320, 3)
        assert session.video.codec == "H264"
        assert session.video.name == "front"
