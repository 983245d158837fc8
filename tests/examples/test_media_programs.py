"""The programs in `examples/` for audio and video, run as a user runs them."""

from __future__ import annotations

import json
import math
import re
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import av
import numpy as np
import pyarrow.parquet as parquet  # type: ignore[import-untyped,unused-ignore]
import pytest
from numpy.typing import NDArray

from gst_signalling_sync import Producer, Session, SignallingServer, connect
from gst_signalling_sync.testing import LinkProfile
from gst_signalling_sync.testing.network import SimulatedNetwork
from gst_signalling_sync.webrtc.media.frame_conversion import to_array

from ..helpers.media import frequency_of, has_colour_bars, number_in, numbered_frame, tone
from ..helpers.playing import write_file
from .test_programs import EXAMPLES, SECONDS, example, running

pytestmark = pytest.mark.slow

FPS = 30


@contextmanager
def robot(server: SignallingServer, name: str = "robot") -> Iterator[Producer]:
    """A producer that sends numbered frames and a tone of 440 Hz, both in real time."""
    producer = Producer(server.uri, name=name)
    video = producer.add_video(fps=FPS)
    audio = producer.add_audio()
    ended = threading.Event()

    def run() -> None:
        start = time.monotonic()
        number = 0
        while not ended.wait(max(0.0, start + number / FPS - time.monotonic())):
            video.write(numbered_frame(number))
            audio.write(tone(440, 48000 // FPS, start=number * 48000 // FPS))
            number += 1

    thread = threading.Thread(target=run)
    thread.start()
    try:
        with producer:
            yield producer
    finally:
        ended.set()
        thread.join()


def first_frames(session: Session, count: int) -> list[NDArray[np.uint8]]:
    return [session.video.read() for _ in range(count)]


def yellow_centre(frame: NDArray[np.uint8]) -> tuple[float, float]:
    """The position of the square of `camera.py`: row and column."""
    blue, _, red = np.moveaxis(frame.astype(int), 2, 0)
    rows, columns = np.nonzero((red > 150) & (blue < 100))
    assert len(rows), "no yellow square"
    return float(rows.mean()), float(columns.mean())


def test_camera_example_shows_a_moving_square_without_a_camera(embedded_server: SignallingServer) -> None:
    with example(embedded_server, "camera.py", "--camera", "99") as camera:
        camera.expect("showing a square that moves")
        with connect(embedded_server.uri, name="camera") as session:
            frames = first_frames(session, 15)
        camera.interrupt()

    assert frames[0].shape == (480, 640, 3)
    (row, column), (later_row, later_column) = yellow_centre(frames[0]), yellow_centre(frames[-1])
    assert abs(later_row - row) + abs(later_column - column) > 20


def test_ip_camera_example_passes_a_film_through(embedded_server: SignallingServer, tmp_path: Path) -> None:
    film = write_file(tmp_path / "film.mp4", seconds=5)
    with example(embedded_server, "ip_camera.py", f"front={film}") as camera:
        camera.expect("front: video, as it is")
        camera.expect("front: audio, encoded here")
        with connect(embedded_server.uri, name="cameras") as session:
            assert number_in(session.videos["front"].read()) is not None
        camera.interrupt()


def test_camera_example_shows_what_opencv_reads(
    embedded_server: SignallingServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cv2.py").write_text(
        """
import time
import numpy as np

class VideoCapture:
    def __init__(self, number):
        self.number = number

    def read(self):
        time.sleep(1 / 30)
        return True, np.full((240, 320, 3), (0, 0, 200 + self.number), np.uint8)

    def release(self):
        print("released", flush=True)
"""
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with example(embedded_server, "camera.py", "--camera", "7") as camera:
        with connect(embedded_server.uri, name="camera") as session:
            frame = session.video.read()
        camera.interrupt()
        camera.expect("released")

    assert frame.shape == (240, 320, 3)
    assert frame.mean(axis=(0, 1)) == pytest.approx([0, 0, 207], abs=15)


def test_frames_are_processed_in_real_time(embedded_server: SignallingServer) -> None:
    with (
        example(embedded_server, "camera.py", "--camera", "99") as camera,
        example(embedded_server, "process_frames.py") as watcher,
    ):
        # On a busy machine some seconds have fewer frames.
        match = watcher.expect(
            r"\n([5-9]|[123]\d)\.\d fps of 640x480, brightness (\d+), motion ([\d.]+) %\n",
        )
        camera.interrupt()
        watcher.wait()

    assert 70 < int(match[2]) < 110
    assert 0.2 < float(match[3]) < 5


def test_intercom_carries_a_tone_each_way(embedded_server: SignallingServer) -> None:
    with (
        example(embedded_server, "intercom.py", "answer", "--tone", "440") as answer,
        example(embedded_server, "intercom.py", "call", "--tone", "880") as call,
    ):
        call.expect(r"hears 44\d Hz, loudness 0\.2")
        answer.expect(r"hears 88\d Hz, loudness 0\.2")

        answer.interrupt()

        call.wait()


def test_intercom_plays_a_file(embedded_server: SignallingServer, tmp_path: Path) -> None:
    path = tmp_path / "speech.wav"
    with av.open(path, "w") as container:
        stream = container.add_stream("pcm_s16le", rate=48000, layout="mono")
        assert isinstance(stream, av.AudioStream)
        frame = av.AudioFrame.from_ndarray(tone(660, 48000).reshape(1, -1), "s16", "mono")
        frame.sample_rate = 48000
        container.mux(stream.encode(frame))

    with (
        example(embedded_server, "intercom.py", "answer", "--file", str(path)) as answer,
        example(embedded_server, "intercom.py", "call") as call,
    ):
        call.expect(r"hears 66\d Hz")
        answer.expect(r"hears 44\d Hz")
        call.interrupt()
        answer.wait()


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "webm"])
def test_recorder_writes_a_file_that_plays(embedded_server: SignallingServer, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"film.{suffix}"
    with (
        robot(embedded_server),
        example(embedded_server, "recorder.py", "robot", str(path), "--seconds", "3") as recorder,
    ):
        recorder.wait()

    assert int(recorder.expect(rf"film\.{suffix}: [\d.]+ s, (\d+) frames")[1]) > 10
    with av.open(path) as container:
        frames = [to_array(frame) for frame in container.decode(video=0)]
    with av.open(path) as container:
        # Decoded Opus has values from -1 to 1.
        samples = np.concatenate([32768 * frame.to_ndarray().mean(axis=0) for frame in container.decode(audio=0)])
    assert len(frames) > 10
    assert None not in [number_in(frame) for frame in frames]
    assert has_colour_bars(frames[-1])
    middle = samples[len(samples) // 3 : len(samples) // 3 * 2]
    assert frequency_of(middle) == pytest.approx(440, abs=2)


def test_recorder_that_is_interrupted_leaves_a_file_that_plays(
    embedded_server: SignallingServer, tmp_path: Path
) -> None:
    path = tmp_path / "film.mkv"
    with robot(embedded_server), example(embedded_server, "recorder.py", "robot", str(path)) as recorder:
        recorder.expect(r"[1-9]\.\d s, \d+ frames")
        recorder.interrupt()

    with av.open(path) as container:
        assert number_in(to_array(next(container.decode(video=0)))) is not None


def next_jpeg(stream: IO[bytes]) -> bytes:
    """The next part of a multipart response."""
    assert stream.readline() == b"--frame\r\n"
    headers = dict(line.decode().strip().split(": ") for line in iter(stream.readline, b"\r\n"))
    assert headers["Content-Type"] == "image/jpeg"
    jpeg = stream.read(int(headers["Content-Length"]))
    assert stream.readline() == b"\r\n"
    return jpeg


def decoded(jpeg: bytes) -> NDArray[np.uint8]:
    decoder = av.CodecContext.create("mjpeg", "r")
    (frame,) = decoder.decode(av.Packet(jpeg))
    assert isinstance(frame, av.VideoFrame)
    return to_array(frame)


@pytest.fixture
def web_page(embedded_server: SignallingServer) -> Iterator[str]:
    """The URL of the Flask application."""
    with example(embedded_server, "mjpeg.py", "--port", "0") as application:
        yield application.expect(r"Running on (http://127\.0\.0\.1:\d+)")[1]
        application.interrupt()


def test_address_that_the_terminal_shows_lists_the_robots(embedded_server: SignallingServer, web_page: str) -> None:
    def index() -> str:
        with urllib.request.urlopen(web_page, timeout=SECONDS) as answer:
            page: str = answer.read().decode()
            return page

    assert "None is registered" in index()
    with robot(embedded_server), Producer(embedded_server.uri, name="<Ärmchen> 1/2"):
        assert re.findall('<li><a href="(.*?)">(.*?)</a>', index()) == [
            ("/%3C%C3%84rmchen%3E%201/2", "&lt;Ärmchen&gt; 1/2"),
            ("/robot", "robot"),
        ]
        with urllib.request.urlopen(f"{web_page}/%3C%C3%84rmchen%3E%201/2", timeout=SECONDS) as answer:
            assert 'src="/%3C%C3%84rmchen%3E%201/2/frames"' in answer.read().decode()


def test_page_says_that_there_is_no_signalling_server(embedded_server: SignallingServer, web_page: str) -> None:
    embedded_server.close()
    with pytest.raises(urllib.error.HTTPError) as raised:
        urllib.request.urlopen(web_page, timeout=SECONDS)
    with raised.value as error:
        assert error.code == 502
        assert "gst-signalling-sync serve" in error.read().decode()


def test_page_shows_the_robots_frames(embedded_server: SignallingServer, web_page: str) -> None:
    with robot(embedded_server):
        with urllib.request.urlopen(f"{web_page}/robot", timeout=SECONDS) as answer:
            assert '<img src="/robot/frames"' in answer.read().decode()
        with urllib.request.urlopen(f"{web_page}/robot/frames", timeout=SECONDS) as stream:
            assert stream.headers.get_content_type() == "multipart/x-mixed-replace"
            first = number_in(decoded(next_jpeg(stream)))
            assert first is not None
            # Each part is the newest frame, which may be the same as before.
            while (number := number_in(decoded(next_jpeg(stream)))) == first:
                pass
            assert number is not None
            assert number > first


def test_page_shows_a_robot_that_restarted(embedded_server: SignallingServer, web_page: str) -> None:
    for _ in range(2):
        with (
            robot(embedded_server),
            urllib.request.urlopen(f"{web_page}/robot/frames", timeout=SECONDS) as stream,
        ):
            assert number_in(decoded(next_jpeg(stream))) is not None


def test_page_says_that_a_robot_is_unknown(web_page: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as raised:
        urllib.request.urlopen(f"{web_page}/nobody/frames", timeout=SECONDS)
    with raised.value as error:
        assert error.code == 404
        assert "nobody" in error.read().decode()


def hand_angle(frame: NDArray[np.uint8]) -> float:
    """The angle of the hand of `robot.py`."""
    rows, columns = np.nonzero(frame.max(axis=2) > 150)
    assert len(rows), "no hand"
    height, width, _ = frame.shape
    return math.atan2(rows.mean() - (height - 1) / 2, columns.mean() - (width - 1) / 2)


@pytest.mark.alone
def test_data_set_has_for_each_frame_the_joints_of_that_moment(
    embedded_server: SignallingServer, tmp_path: Path
) -> None:
    python = Path(sys.executable)
    with (
        SimulatedNetwork(embedded_server.uri, LinkProfile(delay=0.05, jitter=0.02)) as network,
        running(network.uri, python, EXAMPLES / "robot.py") as robot,
        example(embedded_server, "dataset.py", "--seconds", "3", str(tmp_path), python=python) as writer,
    ):
        writer.expect("90 frames of left, right in ")
        writer.wait()
        robot.interrupt()

    rows = parquet.read_table(tmp_path / "data" / "chunk-000" / "episode_000000.parquet").to_pylist()
    info = json.loads((tmp_path / "meta" / "info.json").read_text())
    assert [row["frame_index"] for row in rows] == list(range(90))
    assert info["total_frames"] == 90
    assert info["features"]["observation.images.left"]["shape"] == [240, 320, 3]
    for camera in ("left", "right"):
        path = tmp_path / "videos" / "chunk-000" / f"observation.images.{camera}" / "episode_000000.mp4"
        with av.open(str(path)) as video:
            seen = [hand_angle(to_array(frame, "bgr24")) for frame in video.decode(video=0)]
        assert len(seen) == 90
        told = [row["observation.state"][0] for row in rows]
        # The joint rotates by 1 rad/s. A frame lasts 33 ms, by which the second camera may be off.
        errors = [abs(math.remainder(each - joint, math.tau)) for each, joint in zip(seen, told, strict=True)]
        assert np.median(errors) < (0.015 if camera == "left" else 0.04)
        assert np.percentile(errors, 95) < 0.06
