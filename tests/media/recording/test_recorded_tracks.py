"""Recordings of several cameras and microphones in one file: the content of each track, and the offsets between tracks."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace
from itertools import accumulate, dropwhile, pairwise
from pathlib import Path
from random import Random

import av
import pytest

from gst_signalling_sync.threads.callbacks import Callbacks
from gst_signalling_sync.webrtc.media.recording import matroska
from gst_signalling_sync.webrtc.media.recording.recorder import Recorder

from ...helpers.encoded_media import FPS, Robot, recording, send_together
from ...helpers.media import number_in
from ...helpers.proofs import short_and_long
from ...helpers.waiting import Heard, wait_until

SHOWN = tuple[float, int]
"""The time of a frame in the file, and its number."""


def cameras(*, codecs: tuple[str, ...] = ("H264", "VP8", "H264"), audio: bool = True) -> list[Robot]:
    """Cameras with keyframes at different times and with different delays; the first has a microphone."""
    names = ("front", "left", "wrist")
    robots = []
    for number, codec in enumerate(codecs):
        microphone = "opus" if audio and not number else ""
        robot = Robot(codec, microphone, ahead=9 * number, video_delay=(0.05, 0.4, 0.2)[number])
        robot.video_track.name = names[number]
        robot.audio_track.name = "room"
        robots.append(robot)
    for robot in robots:
        robot.began = robots[0].began
    return robots


def recorder_of_all(
    robots: list[Robot], path: Path, segment_seconds: float | None = None, callbacks: Callbacks | None = None
) -> Recorder:
    tracks = [robot.video_track for robot in robots] + [robot.audio_track for robot in robots if robot.audio]
    return recording(path, tracks, callbacks, segment_seconds=segment_seconds)[1]


def shown(path: Path) -> dict[str, list[SHOWN]]:
    """The frames of each video of a file, by its name. Each frame must be decodable."""
    videos: dict[str, list[SHOWN]] = {}
    with av.open(str(path)) as file:
        for stream in file.streams.video:
            videos[stream.metadata["title"]] = []
        for packet in file.demux(*file.streams.video):
            for frame in packet.decode():
                assert isinstance(frame, av.VideoFrame)
                number = number_in(frame.to_ndarray(format="bgr24"))
                assert number is not None
                videos[packet.stream.metadata["title"]].append((float(frame.time or 0), number))
    return videos


def audio_packets(path: Path) -> int:
    with av.open(str(path)) as file:
        return sum(packet.pts is not None for packet in file.demux(*file.streams.audio))


def numbers(frames: list[SHOWN]) -> list[int]:
    return [number for _, number in frames]


def captured(robot: Robot, frames: list[SHOWN]) -> list[float]:
    """Seconds from the capture of each frame until it is shown, in the first round of the loop."""
    return [at - (number - robot.ahead) % 100 / FPS for at, number in frames]


def expected(robot: Robot, begin: float, end: float) -> list[int]:
    return [(number + robot.ahead) % 100 for number in range(round(begin * FPS), round(end * FPS))]


def first_keyframe(robot: Robot) -> float:
    return (-robot.ahead % FPS) / FPS


def test_every_track_is_in_the_file_in_order_by_its_name(tmp_path: Path) -> None:
    robots = cameras()
    with recorder_of_all(robots, tmp_path / "drive.mkv") as recorder:
        send_together(robots, 0, 3.9)

    with av.open(str(recorder.path)) as file:
        tracks = [(stream.type, stream.metadata["title"], stream.codec_context.name) for stream in file.streams]
        assert [bool(stream.disposition & stream.disposition.default) for stream in file.streams] == [1, 0, 0, 1]
    assert tracks == [
        ("video", "front", "h264"),
        ("video", "left", "vp8"),
        ("video", "wrist", "h264"),
        ("audio", "room", "opus"),
    ]
    assert audio_packets(recorder.path) == pytest.approx(195, abs=1)
    assert recorder.frames == sum(map(len, shown(recorder.path).values()))


def test_frames_of_one_moment_are_shown_at_one_time_whatever_way_they_came(tmp_path: Path) -> None:
    robots = cameras()
    with recorder_of_all(robots, tmp_path / "drive.mkv") as recorder:
        send_together(robots, 0, 3.9)

    for robot, frames in zip(robots, shown(recorder.path).values(), strict=True):
        assert numbers(frames) == expected(robot, first_keyframe(robot), 3.9)
        assert captured(robot, frames) == pytest.approx([0.0] * len(frames), abs=0.002)


def test_recording_begins_with_the_keyframe_that_was_captured_first(tmp_path: Path) -> None:
    robots = cameras(audio=False)
    with recorder_of_all(robots, tmp_path / "drive.mkv") as recorder:
        send_together(robots, 0.1, 3.9)

    # The next keyframes of the others were captured at 1.0 and 0.64, and that of this camera at 0.28.
    begin = first_keyframe(robots[2])
    for robot, frames in zip(robots, shown(recorder.path).values(), strict=True):
        assert captured(robot, frames) == pytest.approx([-begin] * len(frames), abs=0.002)


def test_no_frame_is_lost_between_segments_though_keyframes_come_at_other_times(tmp_path: Path) -> None:
    robots = cameras()
    with recorder_of_all(robots, tmp_path / "drive.mkv", segment_seconds=2) as recorder:
        send_together(robots, 0, 9)

    files = [shown(path) for path in recorder.paths]
    assert len(files) >= 3
    for robot in robots:
        all_frames = [number for file in files for number in numbers(file[robot.video_track.name])]
        assert all_frames == expected(robot, first_keyframe(robot), 9)
    for file in files:
        # The offsets of frames of the same moment, in each file.
        offsets = {
            name: frames[0][0] - (frames[0][1] - robot.ahead) / FPS
            for robot, (name, frames) in zip(robots, file.items(), strict=True)
        }
        first = offsets["front"]
        assert all((offset - first + 2) % 4 - 2 == pytest.approx(0, abs=0.002) for offset in offsets.values())
    packets = sum(map(audio_packets, recorder.paths))
    assert 9 * 50 - 1 <= packets <= 9 * 50 + len(files)
    assert recorder.frames == sum(len(frames) for file in files for frames in file.values())


def test_each_segment_begins_each_video_with_its_own_keyframe(tmp_path: Path) -> None:
    robots = cameras(audio=False)
    with recorder_of_all(robots, tmp_path / "drive.mkv", segment_seconds=2) as recorder:
        send_together(robots, 0, 9)

    for path in recorder.paths:
        for frames in shown(path).values():
            assert frames[0][1] % FPS == 0


def test_camera_that_makes_no_more_keyframes_stays_in_its_file(tmp_path: Path) -> None:
    robots = cameras(audio=False)
    stubborn = robots[1]
    begin = first_keyframe(stubborn)
    with recorder_of_all(robots, tmp_path / "drive.mkv", segment_seconds=2) as recorder:
        frames = [(robot, *each) for robot in robots for each in robot.frames(0, 9)]
        for robot, track, at, frame in sorted(frames, key=lambda each: each[3].time):
            is_later = robot is stubborn and at > begin
            track.deliver(replace(frame, keyframe=False) if is_later else frame)

    files = [shown(path) for path in recorder.paths]
    # How many depends on how soon the recorder asks for keyframes, since all frames come at once here.
    assert len(files) >= 3
    assert [numbers(file.get("left", [])) for file in files] == [expected(stubborn, begin, 9)] + [[]] * (len(files) - 1)
    assert [number for file in files for number in numbers(file.get("front", []))] == expected(robots[0], 0, 9)


def test_camera_that_falls_silent_keeps_no_file_open(tmp_path: Path) -> None:
    callbacks = Callbacks("test-callbacks")
    callbacks.open()
    robots = cameras()
    try:
        with recorder_of_all(robots, tmp_path / "drive.mkv", 2, callbacks) as recorder:
            told = Heard(recorder.segment_ended)
            send_together(robots, 0, 8, lambda robot, at: robot is robots[2] and at > 1.5)
            ended = told.next()["path"]
            assert numbers(shown(ended)["wrist"]) == expected(robots[2], first_keyframe(robots[2]), 1.52)
    finally:
        callbacks.close(1)
    for robot in robots[:2]:
        files = [shown(path).get(robot.video_track.name, []) for path in recorder.paths]
        assert [number for file in files for number in numbers(file)] == expected(robot, first_keyframe(robot), 8)


def test_camera_that_never_sends_holds_back_no_other(tmp_path: Path) -> None:
    robots = cameras()
    with recorder_of_all(robots, tmp_path / "drive.mkv") as recorder:
        send_together(robots, 0, 3.9, lambda robot, _: robot is robots[1])
        wait_until(lambda: recorder.seconds > 3.5, "it waits no longer for that camera")

    frames = shown(recorder.path)
    assert [name for name, each in frames.items() if each] == ["front", "wrist"]
    assert numbers(frames["front"]) == expected(robots[0], 0, 3.9)


@pytest.mark.parametrize("codec", ["VP8", "H264", "H265", "AV1"])
def test_camera_that_comes_later_takes_its_place(tmp_path: Path, codec: str) -> None:
    robots = cameras(codecs=("H264", codec, "VP8"))
    with recorder_of_all(robots, tmp_path / "drive.mkv") as recorder:
        send_together(robots, 0, 4, lambda robot, _: robot is robots[1])
        wait_until(lambda: recorder.seconds > 3.5, "it waits no longer for that camera")
        inode = recorder.path.stat().st_ino
        send_together(robots, 4, 7.9)

    frames = shown(recorder.path)
    assert list(frames) == ["front", "left", "wrist"]
    begin = 4 + (-robots[1].ahead % FPS) / FPS
    assert numbers(frames["left"]) == expected(robots[1], begin, 7.9)
    assert frames["left"][0][0] == pytest.approx(begin, abs=0.05)
    assert len(frames["front"]) == round(7.9 * FPS)
    assert recorder.path.stat().st_ino == inode


def test_camera_for_whose_parameters_there_is_no_room_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(matroska, "ENTRY_BYTES", 16)
    robots = cameras()
    with recorder_of_all(robots, tmp_path / "drive.mkv") as recorder:
        send_together(robots, 0, 4, lambda robot, _: robot is robots[1])
        wait_until(lambda: recorder.seconds > 3.5, "it waits no longer for that camera")
        with caplog.at_level(logging.WARNING):
            send_together(robots, 4, 7)
            wait_until(lambda: "left" in caplog.text, "it is logged")

    assert list(shown(recorder.path)) == ["front", "wrist"]
    assert caplog.text.count("is left out") == 1


def test_file_plays_while_it_is_written(tmp_path: Path) -> None:
    robots = cameras()
    with recorder_of_all(robots, tmp_path / "drive.mkv") as recorder:
        send_together(robots, 0, 4, lambda robot, _: robot is robots[1])
        wait_until(lambda: recorder.seconds > 3.9, "it waits no longer for that camera")
        send_together(robots, 4, 8)
        wait_until(lambda: recorder.seconds > 7.9, "it is written")
        kept = tmp_path / "kept.mkv"
        kept.write_bytes(recorder.path.read_bytes())

    for robot, frames in zip(robots, shown(kept).values(), strict=True):
        assert len(frames) > (2 if robot is robots[1] else 6.5) * FPS


def test_pause_of_all_cameras(tmp_path: Path) -> None:
    robots = cameras()
    with recorder_of_all(robots, tmp_path / "drive.mkv") as recorder:
        send_together(robots, 0, 2)
        recorder.pause()
        send_together(robots, 2, 6)
        recorder.resume()
        assert [robot.video_track.keyframe_requests for robot in robots] == [2, 2, 2]
        send_together(robots, 6, 7.9)

    frames = shown(recorder.path)
    offsets = []
    for robot, each in zip(robots, frames.values(), strict=True):
        keyframe = 6 + first_keyframe(robot)
        begin = expected(robot, first_keyframe(robot), 2)
        assert numbers(each) == begin + expected(robot, keyframe, 7.9)
        offsets += [at - round((number - robot.ahead) % 100) / FPS for at, number in each[len(begin) :]]
        assert all(after > before for (before, _), (after, _) in pairwise(each))
    # After the pause too, frames of the same moment are shown at the same time.
    assert max(offsets) - min(offsets) < 0.003


def test_size_of_one_camera_changes(tmp_path: Path) -> None:
    robots = cameras()
    with recorder_of_all(robots, tmp_path / "drive.mkv") as recorder:
        send_together(robots, 0, 2)
        robots[0].size = (320, 240)
        send_together(robots, 2, 3.9)

    assert numbers(shown(recorder.path)["front"]) == expected(robots[0], 0, 3.9)


def test_several_microphones(tmp_path: Path) -> None:
    robots = [Robot("", "opus"), Robot("", "PCMU", audio_delay=0.3)]
    robots[1].began = robots[0].began
    robots[1].audio_track.name = "gripper"
    tracks = [robot.audio_track for robot in robots]
    with recording(tmp_path / "drive.mkv", tracks)[1] as recorder:
        send_together(robots, 0, 3)

    with av.open(str(recorder.path)) as file:
        counts = dict.fromkeys((stream.metadata["title"] for stream in file.streams), 0)
        for packet in file.demux():
            counts[packet.stream.metadata["title"]] += packet.pts is not None
    assert counts == {"the audio": pytest.approx(150, abs=1), "gripper": pytest.approx(150, abs=1)}


def test_microphones_alone_in_segments(tmp_path: Path) -> None:
    robots = [Robot("", "opus"), Robot("", "opus", audio_delay=0.3)]
    robots[1].began = robots[0].began
    tracks = [robot.audio_track for robot in robots]
    with recording(tmp_path / "drive.mkv", tracks, segment_seconds=1)[1] as recorder:
        send_together(robots, 0, 3.5)

    assert len(recorder.paths) >= 4
    packets = sum(map(audio_packets, recorder.paths))
    assert 2 * 175 <= packets <= 2 * 175 + 2 * len(recorder.paths)


@pytest.mark.parametrize("suffix", ["mp4", "webm"])
def test_files_that_hold_one_track_of_each_kind(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(ValueError, match=r"tracks 'front', 'left', 'wrist'.*one track of video.*mkv"):
        recorder_of_all(cameras(), tmp_path / f"drive.{suffix}")


class Scene:
    """Cameras with random codecs, delays and silences, recorded in segments or in one file.

    Args:
        seed: Seed of all random numbers.
    """

    seconds = 10.0

    def __init__(self, seed: int) -> None:
        random = Random(seed)
        codecs = tuple(random.choice(("H264", "VP8")) for _ in range(3))
        self.robots = cameras(codecs=codecs, audio=random.random() < 0.7)
        for robot in self.robots:
            robot.video_delay = random.choice((0.02, 0.2, 0.5, 1.0))
            robot.audio_delay = random.choice((0.02, 0.4))
        self.segment_seconds = random.choice((None, 1.0, 1.5, 3.0))
        # After a silence a camera begins with a keyframe, as a receiver does.
        self._silences = {
            id(robot): (begin, round(begin + random.uniform(0, 6)) - robot.ahead / FPS - 0.001)
            for robot in self.robots
            if (begin := random.uniform(0, self.seconds)) and random.random() < 0.5
        }
        steps = [random.uniform(0.1, 3) for _ in range(100)]
        self._ends = [end for end in accumulate(round(step * 50) / 50 for step in steps) if end < self.seconds]

    def is_silent(self, robot: Robot, at: float) -> bool:
        """Whether a camera sends nothing at a time."""
        begin, end = self._silences.get(id(robot), (0.0, 0.0))
        return begin <= at < end

    def send(self) -> None:
        """Deliver everything, in portions."""
        for begin, end in pairwise([0.0, *self._ends, self.seconds]):
            send_together(self.robots, begin, end, self.is_silent)

    def sent(self, robot: Robot) -> list[int]:
        """The numbers of the frames of a camera, from its first keyframe on."""
        times = (number / FPS for number in range(round(self.seconds * FPS)))
        sent = [(round(at * FPS) + robot.ahead) % 100 for at in times if not self.is_silent(robot, at)]
        return list(dropwhile(lambda number: number % FPS, sent))

    def assert_recorded(self, paths: Iterable[Path]) -> None:
        """Fail unless all that was sent is in the files, each video from a keyframe on, at the right times."""
        files = [shown(path) for path in paths]
        for robot in self.robots:
            recorded = [file.get(robot.video_track.name, []) for file in files]
            assert [number for frames in recorded for number in numbers(frames)] == self.sent(robot)
            assert all(frames[0][1] % FPS == 0 for frames in recorded if frames)
        for file in files:
            places = [
                (at - (number - robot.ahead) / FPS) % 4
                for robot in self.robots
                for at, number in file.get(robot.video_track.name, [])
            ]
            # The difference is taken modulo the loop's length.
            assert all(abs((place - places[0] + 2) % 4 - 2) < 0.005 for place in places)


@short_and_long("scenes", 8, 300)
def test_whatever_cameras_do_no_frame_is_lost_and_all_lie_right(tmp_path: Path, scenes: int) -> None:
    for seed in range(scenes):
        scene = Scene(seed)
        with recorder_of_all(scene.robots, tmp_path / f"{seed}.mkv", scene.segment_seconds) as recorder:
            scene.send()
        scene.assert_recorded(recorder.paths)
