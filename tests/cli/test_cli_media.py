"""``record``, ``snapshot`` and the frames of ``demo``, run as their users run them."""

from __future__ import annotations

import io
import json
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import av
import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray
from rich.console import Console

from gst_signalling_sync import Producer, SignallingServer, encode_still, save_still
from gst_signalling_sync.cli import main
from gst_signalling_sync.cli.demo.children import Child
from gst_signalling_sync.cli.demo.measurement import Measurement
from gst_signalling_sync.cli.demo.pattern import HEIGHT, WIDTH, MovingPattern, seconds_since
from gst_signalling_sync.cli.demo.processor import ProcessorUse
from gst_signalling_sync.cli.demo.screen import drawing
from gst_signalling_sync.cli.demo.tone import RATE, Tone, frequency_of
from gst_signalling_sync.cli.recorder_group import files_of_all
from gst_signalling_sync.webrtc.media.pictures import to_array

from ..helpers.filming import filming, humming
from ..helpers.media import frequency_of as loudest_frequency_of
from ..helpers.media import has_colour_bars, number_in
from ..helpers.processes import exit_of, start_script
from ..helpers.waiting import wait_until
from .test_cli import PROGRAM, Command, errors_without_a_reader, is_one_line, run, run_in_terminal

pytestmark = pytest.mark.slow

SUFFIXES = ("mp4", "mkv", "webm")

LEAST_SECONDS = 1.4
"""Minimum of a recording of 2 s. Its last frame counts for as long as the one before it lasted, which is at most 0.5 s."""

ROBOT = """
    import sys, time
    sys.path.insert(0, sys.argv[2])
    from gst_signalling_sync import Producer
    from tests.helpers.filming import filming, humming

    with Producer(sys.argv[1], name="robot") as robot, filming(robot.add_video()), humming(robot.add_audio()):
        print("ready", flush=True)
        sys.stdin.read()
"""


class Content:
    """The content of a recorded file, decoded completely."""

    def __init__(self, file: Path) -> None:
        self.frames: list[NDArray[np.uint8]] = []
        to_mono = av.AudioResampler(format="s16", layout="mono", rate=48_000)
        sounds: list[NDArray[Any]] = []
        with av.open(file) as container:
            self.seconds = (container.duration or 0) / av.time_base
            for frame in container.decode():
                if isinstance(frame, av.VideoFrame):
                    self.frames.append(to_array(frame))
                elif isinstance(frame, av.AudioFrame):
                    sounds.extend(mono.to_ndarray()[0] for mono in to_mono.resample(frame))
        sound = np.concatenate(sounds)
        # The sound may begin with silence.
        self.frequency = loudest_frequency_of(sound[len(sound) // 2 :])


@pytest.fixture
def uri(embedded_server: SignallingServer) -> str:
    return embedded_server.uri


@pytest.fixture
def robot(uri: str) -> Iterator[Producer]:
    """A producer with a camera and a tone."""
    with Producer(uri, name="robot") as producer, ExitStack() as running:
        running.enter_context(filming(producer.add_video()))
        running.enter_context(humming(producer.add_audio()))
        yield producer


@pytest.fixture
def lonely_robot(uri: str) -> Iterator[subprocess.Popen[str]]:
    """The same producer in a process of its own, which can be killed."""
    with start_script(ROBOT, uri, str(Path(__file__).parents[2])) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
        process.kill()
        exit_of(process)


def play(file: Path) -> Content:
    """Decode a robot's file, and assert its content."""
    content = Content(file)
    numbers = [number_in(frame) for frame in content.frames]
    assert all(map(has_colour_bars, content.frames))
    assert numbers == sorted(number for number in numbers if number is not None)
    assert content.frequency == pytest.approx(440, abs=3)
    return content


def line_after(record: Command, seconds: int) -> str:
    """The line of output of a recording that has reached a length."""
    while not (match := re.match(r" *(\d+) s: (.*)", record.line())) or int(match[1]) < seconds:
        pass
    return match[2]


class TestHelp:
    @pytest.mark.parametrize("command", ["record", "snapshot"])
    def test_has_examples_and_the_environment_variable(self, command: str) -> None:
        output = CliRunner().invoke(main, [command, "--help"]).output
        assert f"gst-signalling-sync {command} robot" in output
        assert "GST_SIGNALLING_URI" in output

    @pytest.mark.parametrize(
        "arguments",
        [
            ("record", "robot"),
            ("record", "robot", "drive.avi"),
            ("record", "robot", "drive"),
            ("record", "robot", "drive.mp4", "--seconds", "0"),
            ("record", "robot", "drive.mp4", "--seconds", "nan"),
            ("record", "robot", "drive.mp4", "--seconds", "inf"),
            ("record", "robot", "drive.mp4", "--segment", "0.5"),
            ("record", "robot", "."),
            ("snapshot", "robot", "robot.gif"),
            ("snapshot", "robot", "-"),
            ("demo", "--save", "frame.mp4"),
        ],
    )
    def test_wrong_usage_exits_with_2(self, arguments: tuple[str, ...]) -> None:
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 2
        assert "Usage:" in result.output

    def test_wrong_suffix_is_told_with_those_there_are(self) -> None:
        assert ".mp4, .mkv, .webm or .mcap" in CliRunner().invoke(main, ["record", "robot", "drive.avi"]).output


@pytest.mark.parametrize(("command", "file"), [("record", "robot.mp4"), ("snapshot", "robot.png")])
class TestErrors:
    def test_absent_directory_exits_with_1_and_one_line(self, uri: str, command: str, file: str) -> None:
        finished = run(command, "robot", f"/nowhere/at/all/{file}", "--uri", uri)
        assert (finished.returncode, finished.stdout) == (1, "")
        assert is_one_line(finished.stderr)
        assert "/nowhere/at/all" in finished.stderr

    def test_unknown_producer_is_told_with_those_there_are(
        self, uri: str, command: str, file: str, tmp_path: Path
    ) -> None:
        with Producer(uri, name="other"):
            finished = run(command, "robot", str(tmp_path / file), "--uri", uri)
        assert (finished.returncode, finished.stdout) == (1, "")
        assert is_one_line(finished.stderr)
        assert "'other'" in finished.stderr
        assert not list(tmp_path.iterdir())

    def test_producer_without_tracks_exits_with_1(self, uri: str, command: str, file: str, tmp_path: Path) -> None:
        with Producer(uri, name="robot") as producer:
            producer.add_channel("words")
            finished = run(command, "robot", str(tmp_path / file), "--uri", uri)
        assert (finished.returncode, finished.stdout) == (1, "")
        assert is_one_line(finished.stderr)
        assert "video" in finished.stderr
        assert not list(tmp_path.iterdir())

    def test_producer_that_sends_nothing_exits_with_1(self, uri: str, command: str, file: str, tmp_path: Path) -> None:
        with Producer(uri, name="robot") as producer:
            producer.add_video()
            finished = run(command, "robot", str(tmp_path / file), "--uri", uri, "--timeout", "1")
        assert finished.returncode == 1
        assert is_one_line(finished.stderr)
        assert not list(tmp_path.iterdir())


class TestRecord:
    @pytest.mark.parametrize(
        ("videos", "audios", "files"),
        [
            ("", "", []),
            ("f", "", [("f", None)]),
            ("", "r", [(None, "r")]),
            ("f", "r", [("f", "r")]),
            ("fw", "r", [("f", "r"), ("w", None)]),
            ("fw", "wr", [("f", "r"), ("w", "w")]),
            ("fw", "fr", [("f", "f"), ("w", "r")]),
            ("fw", "fwr", [("f", "f"), ("w", "w"), (None, "r")]),
            ("f", "rs", [("f", "r"), (None, "s")]),
        ],
    )
    def test_files_of_all(self, videos: str, audios: str, files: list[tuple[str | None, str | None]]) -> None:
        assert files_of_all(list(videos), list(audios)) == files

    @pytest.mark.parametrize("suffix", SUFFIXES)
    def test_records_so_many_seconds(self, uri: str, robot: Producer, tmp_path: Path, suffix: str) -> None:
        file = tmp_path / f"drive.{suffix}"
        finished = run("record", "robot", str(file), "--uri", uri, "--seconds", "2")
        assert (finished.returncode, finished.stderr) == (0, "")
        lines = finished.stdout.splitlines()
        assert lines[0] == f"recording robot ({robot.peer_id}) at {uri} into {file}"
        assert re.match(rf"{re.escape(str(file))}: \d+\.\d s", lines[-1])
        content = play(file)
        # What has arrived when the time is over is written too, which is more if the program was delayed.
        assert LEAST_SECONDS < content.seconds < 6
        assert len(content.frames) > 15

    def test_json_is_one_document(self, uri: str, robot: Producer, tmp_path: Path) -> None:
        file = tmp_path / "drive.mkv"
        finished = run("record", "robot", str(file), "--uri", uri, "--seconds", "1", "--json")
        assert finished.returncode == 0
        document: dict[str, Any] = json.loads(finished.stdout)
        content = play(file)
        assert document["seconds"] == pytest.approx(content.seconds, abs=0.1)
        assert document["bytes"] == file.stat().st_size
        assert document["frames"] == len(content.frames)
        assert (document["file"], document["name"], document["id"]) == (str(file), "robot", robot.peer_id)
        assert document["end"] == "seconds"
        assert (document["video"], document["audio"], document["transcodes"]) == ("VP8", "opus", [])

    def test_segments_are_files_of_their_own(self, uri: str, robot: Producer, tmp_path: Path) -> None:
        arguments = ("--segment", "1", "--seconds", "4", "--json")
        finished = run("record", "robot", str(tmp_path / "drive.mkv"), "--uri", uri, *arguments)
        assert finished.returncode == 0
        document: dict[str, Any] = json.loads(finished.stdout)
        files = sorted(tmp_path.iterdir())
        assert document["files"] == [str(file) for file in files]
        assert len(files) >= 2
        contents = [play(file) for file in files]
        assert document["frames"] == sum(len(content.frames) for content in contents)
        assert all(content.frames for content in contents)

    @pytest.mark.parametrize(
        ("suffix", "option", "files"),
        [
            ("mkv", "--all", {"drive": ["front", "wrist", "wrist", "room"]}),
            ("mkv", "--per-camera", {"drive-front": ["front", "room"], "drive-wrist": ["wrist", "wrist"]}),
            ("webm", "--all", {"drive-front": ["front", "room"], "drive-wrist": ["wrist", "wrist"]}),
        ],
    )
    def test_all_tracks(self, uri: str, tmp_path: Path, suffix: str, option: str, files: dict[str, list[str]]) -> None:
        robot = Producer(uri, name="robot")
        cameras = [robot.add_video(name=name) for name in ("front", "wrist")]
        microphones = [robot.add_audio(name=name) for name in ("wrist", "room")]
        with ExitStack() as stack:
            stack.enter_context(robot)
            for camera in cameras:
                stack.enter_context(filming(camera))
            for microphone in microphones:
                stack.enter_context(humming(microphone))
            arguments = (option, "--seconds", "2", "--json")
            finished = run("record", "robot", str(tmp_path / f"drive.{suffix}"), "--uri", uri, *arguments)

        assert finished.returncode == 0
        document: dict[str, Any] = json.loads(finished.stdout)
        assert document["files"] == [str(tmp_path / f"{name}.{suffix}") for name in files]
        for name, tracks in files.items():
            with av.open(str(tmp_path / f"{name}.{suffix}")) as file:
                assert [each.metadata["title"] for each in file.streams] == tracks

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_signal_ends_it_with_a_whole_file(
        self, uri: str, robot: Producer, tmp_path: Path, number: signal.Signals
    ) -> None:
        file = tmp_path / "drive.mp4"
        with Command("record", str(robot.peer_id), str(file), "--uri", uri) as record:
            line_after(record, 2)
            assert record.stop(number) == 0
            assert record.rest()[-1].startswith(f"{file}: ")
            assert record.errors == ""
        assert play(file).seconds > LEAST_SECONDS

    def test_line_has_size_frame_rate_and_losses(self, uri: str, robot: Producer, tmp_path: Path) -> None:
        with Command("record", "robot", str(tmp_path / "drive.webm"), "--uri", uri) as record:
            size, frames, losses = line_after(record, 2).split(", ")
            assert size.endswith(" kB")
            assert frames.endswith(" fps")
            assert losses.endswith(" lost")

    @pytest.mark.parametrize("suffix", SUFFIXES)
    def test_producer_that_is_killed_leaves_a_whole_file(
        self, uri: str, lonely_robot: subprocess.Popen[str], tmp_path: Path, suffix: str
    ) -> None:
        file = tmp_path / f"drive.{suffix}"
        with Command("record", "robot", str(file), "--uri", uri) as record:
            line_after(record, 2)
            lonely_robot.kill()
            record.line_with("the producer is gone, waiting for it")
            assert (record.stop(), record.errors) == (0, "")
            assert record.rest()[-1].startswith(f"{file}: ")
        assert play(file).seconds > LEAST_SECONDS

    def test_producer_that_closes_is_reported_in_json(self, uri: str, robot: Producer, tmp_path: Path) -> None:
        file = tmp_path / "drive.mkv"
        with Command("record", "robot", str(file), "--uri", uri, "--json") as record:
            wait_until(lambda: file.exists() and file.stat().st_size > 20_000, "something is recorded", 60)
            robot.close()
            document = json.loads(record.line())
            assert record.exit_code() == 1
            assert is_one_line(record.errors)
        assert document["end"] == "left"
        assert document["seconds"] == pytest.approx(play(file).seconds, abs=0.1)

    # Coverage's data file would not fit on the disk either.
    @pytest.mark.usefixtures("_not_measured")
    def test_full_disk_exits_with_1_and_one_line(self, uri: str, robot: Producer, tmp_path: Path) -> None:
        file = tmp_path / "drive.mkv"
        limited = ("bash", "-c", 'ulimit -f 60; exec "$@"', "bash", *PROGRAM)
        with Command("record", "robot", str(file), "--uri", uri, prefix=limited) as record:
            assert record.exit_code() == 1
            assert is_one_line(record.errors)
            assert str(file) in record.errors
        assert len(play(file).frames) > 5

    def test_sound_alone_is_recorded(self, uri: str, tmp_path: Path) -> None:
        file = tmp_path / "words.webm"
        with Producer(uri, name="robot") as robot, humming(robot.add_audio()):
            finished = run("record", "robot", str(file), "--uri", uri, "--seconds", "1")
        assert (finished.returncode, finished.stderr) == (0, "")
        assert "frame" not in finished.stdout
        assert Content(file).frequency == pytest.approx(440, abs=3)

    def test_producer_that_pauses_for_too_long_leaves_a_whole_file(self, uri: str, tmp_path: Path) -> None:
        file = tmp_path / "words.mkv"
        with Producer(uri, name="robot") as robot:
            audio = robot.add_audio()
            options = ("--uri", uri, "--seconds", "4", "--timeout", "4")
            with Command("record", "robot", str(file), *options) as record:
                with humming(audio):
                    line_after(record, 1)
                assert record.exit_code() == 1
                assert is_one_line(record.errors)
                assert record.rest()[-1].startswith(f"{file}: ")
        assert Content(file).frequency == pytest.approx(440, abs=3)

    def test_terminal_gets_a_live_line(self, uri: str, robot: Producer, tmp_path: Path) -> None:
        output = run_in_terminal("record", "robot", str(tmp_path / "drive.mp4"), "--uri", uri, "--seconds", "4")
        assert re.search(r"0:0[1-3] of 0:04", output)
        assert " fps" in output
        assert "Ctrl-C ends it" in output

    @pytest.mark.parametrize("columns", [40, 60])
    def test_live_line_of_a_narrow_terminal_has_room_for_ctrl_c(
        self, uri: str, robot: Producer, tmp_path: Path, columns: int
    ) -> None:
        options = ("--uri", uri, "--seconds", "1")
        output = run_in_terminal("record", "robot", str(tmp_path / "drive.mkv"), *options, columns=columns)
        plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", output)
        lines = [line for line in re.split("[\r\n]+", plain) if line.startswith("●")]
        assert 20 < max(map(len, lines)) <= columns - 3
        assert "Ctrl-C" not in plain

    def test_reader_that_left_gets_no_traceback(self, uri: str, robot: Producer, tmp_path: Path) -> None:
        file = tmp_path / "drive.mkv"
        assert errors_without_a_reader("record", "robot", str(file), "--uri", uri, "--seconds", "1") == ""


class TestSnapshot:
    @pytest.mark.parametrize("suffix", ["png", "jpg", "jpeg", "PNG"])
    def test_saves_a_frame(self, uri: str, robot: Producer, tmp_path: Path, suffix: str) -> None:
        file = tmp_path / f"robot.{suffix}"
        finished = run("snapshot", "robot", str(file), "--uri", uri)
        assert (finished.returncode, finished.stderr) == (0, "")
        assert finished.stdout.startswith(f"{file}: 320x240, ")
        frame = frame_in(file)
        assert frame.shape == (240, 320, 3)
        assert has_colour_bars(frame)
        assert number_in(frame) is not None

    def test_json_is_one_document(self, uri: str, robot: Producer, tmp_path: Path) -> None:
        file = tmp_path / "robot.png"
        document = json.loads(run("snapshot", str(robot.peer_id), str(file), "--uri", uri, "--json").stdout)
        assert document == {
            "file": str(file),
            "bytes": file.stat().st_size,
            "width": 320,
            "height": 240,
            "name": "robot",
            "id": robot.peer_id,
        }

    def test_file_that_cannot_be_written_exits_with_1(self, uri: str, robot: Producer, tmp_path: Path) -> None:
        file = tmp_path / "full.png"
        file.symlink_to("/dev/full")
        finished = run("snapshot", "robot", str(file), "--uri", uri)
        assert finished.returncode == 1
        assert is_one_line(finished.stderr)
        assert "No space left" in finished.stderr


class TestDemo:
    def test_measures_frames_and_hears_the_tone(self) -> None:
        began = time.monotonic()
        finished = run("demo", "--seconds", "3", "--json")
        seconds = time.monotonic() - began
        assert (finished.returncode, finished.stderr) == (0, "")
        summary = json.loads(finished.stdout)
        assert 0 < summary["frames_per_second"] < 60
        assert 0 < summary["cores_used"] <= summary["cores"] * 1.1
        for consumer in summary["consumers"]:
            latency = consumer["latency_ms"]
            # The latency is at most the duration of the run: beside other tests, the machine may delay frames.
            assert 0 < latency["min"] <= latency["p50"] <= latency["max"] < seconds * 1000
            assert consumer["tone_hz"] == pytest.approx(440, abs=5)

    def test_pipe_gets_frame_rate_latency_and_tone(self) -> None:
        with Command("demo", "--seconds", "2", "--consumers", "1") as demo:
            assert "frames/s, latency p50 " in demo.line_with(" s: ")
            demo.line_with(" frames, ")
            demo.line_with("The tone of 440 Hz was heard by 1 of 1 consumer")
            demo.line_with("2 processes drew, encoded and decoded video in software on ")

    def test_what_was_measured_before_all_were_connected_does_not_count(self, monkeypatch: pytest.MonkeyPatch) -> None:
        now = 100.0
        monkeypatch.setattr(time, "monotonic", lambda: now)
        measurement = Measurement("ws://127.0.0.1:8443", 1)
        child = measurement.consumers[0].child = cast(Child, SimpleNamespace(process_id=7))

        def report(count: int, seconds: float) -> None:
            counts = {"sent": count, "received": count, "frames": count, "lost": 0, "tone": None}
            measured = {"round_trips": [seconds], "latencies": [seconds], "cpu_seconds": count / 100}
            measurement.take(child, {**counts, **measured})

        measurement.take(child, {"connected_seconds": 3.0})
        report(10, 5.0)
        now += 1
        report(20, 4.0)
        assert measurement.is_running
        now += 2
        report(70, 0.001)

        summary = measurement.summary()
        assert (summary["messages_to_producer"], summary["messages_from_producer"], summary["frames"]) == (50, 50, 50)
        assert summary["round_trip_ms"]["max"] == summary["latency_ms"]["max"] == 1.0
        assert (summary["seconds"], summary["cores_used"]) == (2.0, 0.25)
        assert summary["frames_per_second"] == summary["consumers"][0]["frames_per_second"] == 25.0

    @pytest.mark.parametrize(
        ("seconds", "load", "said"),
        [
            (1.0, 0.5, "2 processes drew, encoded and decoded video in software on 0.5 of 4 cores; waiting"),
            (7.0, 0.5, "on 3.5 of 4 cores (load 0.5): the cores were busy"),
            (1.0, 9.0, "on 0.5 of 4 cores (load 9.0): the cores were busy"),
        ],
    )
    def test_end_says_what_the_figures_are_made_of(self, seconds: float, load: float, said: str) -> None:
        use = ProcessorUse(4)
        use.take(1, 3.0)
        use.begin()
        use.take(1, 3.0 + seconds / 2)
        use.take(2, seconds / 2)
        assert said in use.explanation(2.0, load)

    def test_save_keeps_a_frame(self, tmp_path: Path) -> None:
        file = tmp_path / "frame.png"
        finished = run("demo", "--seconds", "1", "--consumers", "1", "--save", str(file))
        assert finished.returncode == 0
        assert f"A frame is in {file}." in finished.stdout
        grey = frame_in(file).mean(axis=2).astype(np.uint8)
        assert seconds_since(grey, 0) is not None

    def test_absent_directory_exits_with_1_before_it_begins(self) -> None:
        finished = run("demo", "--save", "/nowhere/at/all/frame.png")
        assert (finished.returncode, finished.stdout) == (1, "")
        assert is_one_line(finished.stderr)

    def test_table_fits_into_80_columns(self) -> None:
        drawn = drawn_at(80)
        assert "…" not in drawn
        assert "tone" in drawn
        assert len(drawn.splitlines()) == 9

    @pytest.mark.parametrize("columns", [60, 40])
    def test_table_of_a_narrow_terminal_has_what_is_most_important(self, columns: int) -> None:
        drawn = drawn_at(columns)
        assert "…" not in drawn
        assert "tone" not in drawn
        assert all(whole in drawn for whole in ("consumer 2", "round trip", "frames", "latency"))
        assert max(map(len, drawn.splitlines())) <= columns


def test_moving_pattern_tells_its_age() -> None:
    pattern = MovingPattern()
    for drawn in (0.0, 1.5, 1677.7, 1677.75, 98765.4321):
        grey = pattern.draw(drawn).mean(axis=2).astype(np.uint8)
        assert grey.shape == (HEIGHT, WIDTH)
        assert seconds_since(grey, drawn + 0.0123) == pytest.approx(0.0123, abs=0.0002)


def test_frame_without_squares_tells_no_age() -> None:
    grey = MovingPattern().draw(3.0).mean(axis=2).astype(np.uint8)
    assert seconds_since(255 - grey, 3.0) is None
    assert seconds_since(grey[:-2], 3.0) is None


def test_tone_goes_on_where_it_was_left() -> None:
    tone = Tone(440)
    sound = np.concatenate([tone.next(length) for length in (1600, 1, 30_000, 16_399)])[:, np.newaxis]
    assert frequency_of(sound) == pytest.approx(440, abs=1)
    assert np.abs(np.diff(sound[:, 0].astype(int))).max() < 400
    assert len(sound) == RATE
    assert frequency_of(np.zeros((RATE // 4, 2), np.int16)) is None


class TestStills:
    @pytest.mark.parametrize("suffix", [".png", ".jpg"])
    @pytest.mark.parametrize("size", [(1, 1), (3, 17), (240, 320)])
    def test_any_size_can_be_saved(self, tmp_path: Path, suffix: str, size: tuple[int, int]) -> None:
        frame = np.full((*size, 3), (40, 90, 200), np.uint8)
        file = tmp_path / f"still{suffix}"
        assert save_still(file, frame) == file.stat().st_size
        assert np.abs(frame_in(file).astype(int) - frame).max() <= (0 if suffix == ".png" else 6)

    def test_formats_of_arrays(self) -> None:
        grey = np.arange(64, dtype=np.uint8).reshape(8, 8)
        assert encode_still(grey, format="gray8").startswith(b"\x89PNG")
        assert encode_still(grey.repeat(3).reshape(8, 8, 3), "jpeg", "rgb24").startswith(b"\xff\xd8")

    def test_bad_input_is_refused(self, tmp_path: Path) -> None:
        frame = np.zeros((8, 8, 3), np.uint8)
        with pytest.raises(ValueError, match="png or jpeg"):
            encode_still(frame, "gif")
        with pytest.raises(ValueError, match="shape"):
            encode_still(frame[0])
        with pytest.raises(ValueError, match=r"\.png, \.jpg"):
            save_still(tmp_path / "still.gif", frame)
        with pytest.raises(FileNotFoundError):
            save_still(tmp_path / "absent" / "still.png", frame)


def drawn_at(columns: int) -> str:
    """The demo's table on a terminal with a number of columns."""
    measurement = Measurement("ws://127.0.0.1:8443", 2)
    for consumer in measurement.consumers:
        consumer.connected_seconds = 0.2
        consumer.tone = 440
        consumer.round_trips.add(0.12345)
        consumer.latencies.add(0.12345)
    drawn = io.StringIO()
    Console(file=drawn, width=columns).print(drawing(measurement, "10 s to go"))
    return drawn.getvalue()


def frame_in(file: Path) -> NDArray[np.uint8]:
    with av.open(file) as container:
        return to_array(next(container.decode(video=0)))
