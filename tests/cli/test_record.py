"""``record``."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import av
import pytest
from click.testing import CliRunner

from gst_signalling_sync import Producer
from gst_signalling_sync.cli import main
from gst_signalling_sync.cli.recorder_group import files_of_all

from ..helpers.filming import filming, humming
from ..helpers.media import has_colour_bars, number_in
from ..helpers.waiting import wait_until
from .command import PROGRAM, Command, errors_without_a_reader, is_one_line, run, run_in_terminal
from .recordings import Content, killable_robot

pytestmark = pytest.mark.slow

record_and_snapshot = pytest.mark.parametrize(("command", "file"), [("record", "robot.mp4"), ("snapshot", "robot.png")])

SUFFIXES = ("mp4", "mkv", "webm")

MIN_SECONDS = 1.4
"""Minimum of a recording of 2 s. Its last frame counts for as long as the one before it lasted, which is at most 0.5 s."""


@pytest.fixture
def lonely_robot(uri: str) -> Iterator[subprocess.Popen[str]]:
    with killable_robot(uri) as robot:
        yield robot


def play(file: Path) -> Content:
    """Decode a robot's file, and assert its content."""
    content = Content(file)
    numbers = [number_in(frame) for frame in content.frames]
    assert numbers
    assert all(map(has_colour_bars, content.frames))
    assert numbers == sorted(number for number in numbers if number is not None)
    assert content.frequency == pytest.approx(440, abs=3)
    return content


def line_after(record: Command, seconds: int) -> str:
    """The line of output of a recording that has reached a length."""
    while not (match := re.match(r" *(\d+) s: (.*)", record.line())) or int(match[1]) < seconds:
        pass
    return match[2]


@pytest.mark.parametrize("command", ["record", "snapshot"])
def test_has_examples_and_the_environment_variable(command: str) -> None:
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
def test_wrong_usage_exits_with_2(arguments: tuple[str, ...]) -> None:
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert "Usage:" in result.output


def test_wrong_suffix_is_told_with_those_there_are() -> None:
    assert ".mp4, .mkv, .webm or .mcap" in CliRunner().invoke(main, ["record", "robot", "drive.avi"]).output


@record_and_snapshot
def test_absent_directory_exits_with_1_and_one_line(uri: str, command: str, file: str) -> None:
    finished = run(command, "robot", f"/nowhere/at/all/{file}", "--uri", uri)
    assert (finished.returncode, finished.stdout) == (1, "")
    assert is_one_line(finished.stderr)
    assert "/nowhere/at/all" in finished.stderr


@record_and_snapshot
def test_unknown_producer_is_told_with_those_there_are(uri: str, command: str, file: str, tmp_path: Path) -> None:
    with Producer(uri, name="other"):
        finished = run(command, "robot", str(tmp_path / file), "--uri", uri)
    assert (finished.returncode, finished.stdout) == (1, "")
    assert is_one_line(finished.stderr)
    assert "'other'" in finished.stderr
    assert not list(tmp_path.iterdir())


@record_and_snapshot
def test_producer_without_tracks_exits_with_1(uri: str, command: str, file: str, tmp_path: Path) -> None:
    with Producer(uri, name="robot") as producer:
        producer.add_channel("words")
        finished = run(command, "robot", str(tmp_path / file), "--uri", uri)
    assert (finished.returncode, finished.stdout) == (1, "")
    assert is_one_line(finished.stderr)
    assert "video" in finished.stderr
    assert not list(tmp_path.iterdir())


@record_and_snapshot
def test_producer_that_sends_nothing_exits_with_1(uri: str, command: str, file: str, tmp_path: Path) -> None:
    with Producer(uri, name="robot") as producer:
        producer.add_video()
        finished = run(command, "robot", str(tmp_path / file), "--uri", uri, "--timeout", "1")
    assert finished.returncode == 1
    assert is_one_line(finished.stderr)
    assert not list(tmp_path.iterdir())


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
def test_files_of_all(videos: str, audios: str, files: list[tuple[str | None, str | None]]) -> None:
    assert files_of_all(list(videos), list(audios)) == files


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_records_so_many_seconds(uri: str, robot: Producer, tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"drive.{suffix}"
    finished = run("record", "robot", str(file), "--uri", uri, "--seconds", "2")
    assert (finished.returncode, finished.stderr) == (0, "")
    lines = finished.stdout.splitlines()
    assert lines[0] == f"recording robot ({robot.peer_id}) at {uri} into {file}"
    assert re.match(rf"{re.escape(str(file))}: \d+\.\d s", lines[-1])
    content = play(file)
    # What has arrived when the time is over is written too, which is more if the program was delayed.
    assert MIN_SECONDS < content.seconds < 6
    assert len(content.frames) > 15


def test_json_is_one_document(uri: str, robot: Producer, tmp_path: Path) -> None:
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


def test_segments_are_files_of_their_own(uri: str, robot: Producer, tmp_path: Path) -> None:
    arguments = ("--segment", "1", "--seconds", "4", "--json")
    finished = run("record", "robot", str(tmp_path / "drive.mkv"), "--uri", uri, *arguments)
    assert finished.returncode == 0
    document: dict[str, Any] = json.loads(finished.stdout)
    files = sorted(tmp_path.iterdir())
    assert document["files"] == [str(file) for file in files]
    assert len(files) >= 2
    contents = [play(file) for file in files]
    assert document["frames"] == sum(len(content.frames) for content in contents)


@pytest.mark.parametrize(
    ("suffix", "option", "files"),
    [
        ("mkv", "--all", {"drive": ["front", "wrist", "wrist", "room"]}),
        ("mkv", "--per-camera", {"drive-front": ["front", "room"], "drive-wrist": ["wrist", "wrist"]}),
        ("webm", "--all", {"drive-front": ["front", "room"], "drive-wrist": ["wrist", "wrist"]}),
    ],
)
def test_all_tracks(uri: str, tmp_path: Path, suffix: str, option: str, files: dict[str, list[str]]) -> None:
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
def test_signal_ends_it_with_a_whole_file(uri: str, robot: Producer, tmp_path: Path, number: signal.Signals) -> None:
    file = tmp_path / "drive.mp4"
    with Command("record", str(robot.peer_id), str(file), "--uri", uri) as record:
        line_after(record, 2)
        assert record.stop(number) == 0
        assert record.rest()[-1].startswith(f"{file}: ")
        assert record.errors == ""
    assert play(file).seconds > MIN_SECONDS


def test_line_has_size_frame_rate_and_losses(uri: str, robot: Producer, tmp_path: Path) -> None:
    with Command("record", "robot", str(tmp_path / "drive.webm"), "--uri", uri) as record:
        size, frames, losses = line_after(record, 2).split(", ")
        assert size.endswith(" kB")
        assert frames.endswith(" fps")
        assert losses.endswith(" lost")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_producer_that_is_killed_leaves_a_whole_file(
    uri: str, lonely_robot: subprocess.Popen[str], tmp_path: Path, suffix: str
) -> None:
    file = tmp_path / f"drive.{suffix}"
    with Command("record", "robot", str(file), "--uri", uri) as record:
        line_after(record, 2)
        lonely_robot.kill()
        record.line_with("the producer is gone, waiting for it")
        assert (record.stop(), record.errors) == (0, "")
        assert record.rest()[-1].startswith(f"{file}: ")
    assert play(file).seconds > MIN_SECONDS


def test_producer_that_closes_is_reported_in_json(uri: str, robot: Producer, tmp_path: Path) -> None:
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
def test_full_disk_exits_with_1_and_one_line(uri: str, robot: Producer, tmp_path: Path) -> None:
    file = tmp_path / "drive.mkv"
    limited = ("bash", "-c", 'ulimit -f 60; exec "$@"', "bash", *PROGRAM)
    with Command("record", "robot", str(file), "--uri", uri, prefix=limited) as record:
        assert record.exit_code() == 1
        assert is_one_line(record.errors)
        assert str(file) in record.errors
    assert len(play(file).frames) > 5


def test_sound_alone_is_recorded(uri: str, tmp_path: Path) -> None:
    file = tmp_path / "words.webm"
    with Producer(uri, name="robot") as robot, humming(robot.add_audio()):
        finished = run("record", "robot", str(file), "--uri", uri, "--seconds", "1")
    assert (finished.returncode, finished.stderr) == (0, "")
    assert "frame" not in finished.stdout
    assert Content(file).frequency == pytest.approx(440, abs=3)


def test_producer_that_pauses_for_too_long_leaves_a_whole_file(uri: str, tmp_path: Path) -> None:
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


def test_terminal_gets_a_live_line(uri: str, robot: Producer, tmp_path: Path) -> None:
    output = run_in_terminal("record", "robot", str(tmp_path / "drive.mp4"), "--uri", uri, "--seconds", "4")
    assert re.search(r"0:0[1-3] of 0:04", output)
    assert " fps" in output
    assert "Ctrl-C ends it" in output


@pytest.mark.parametrize("columns", [40, 60])
def test_live_line_of_a_narrow_terminal_has_room_for_ctrl_c(
    uri: str, robot: Producer, tmp_path: Path, columns: int
) -> None:
    options = ("--uri", uri, "--seconds", "1")
    output = run_in_terminal("record", "robot", str(tmp_path / "drive.mkv"), *options, columns=columns)
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", output)
    lines = [line for line in re.split("[\r\n]+", plain) if line.startswith("●")]
    assert 20 < max(map(len, lines)) <= columns - 3
    assert "Ctrl-C" not in plain


def test_reader_that_left_gets_no_traceback(uri: str, robot: Producer, tmp_path: Path) -> None:
    file = tmp_path / "drive.mkv"
    assert errors_without_a_reader("record", "robot", str(file), "--uri", uri, "--seconds", "1") == ""
