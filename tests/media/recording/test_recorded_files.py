"""What a player finds in the files that a recorder writes: video and audio of every codec, in sync."""

from __future__ import annotations

import random
import time
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import av
import pytest

from gst_signalling_sync.webrtc.media.encoded_frame import EncodedFrame

from ...helpers.encoded_media import FPS, SUFFIXES, Robot, assert_in_sync, packet_times, played, recorder_of
from ...helpers.media import frequency_of
from ...helpers.waiting import wait_until


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("video", ["VP8", "H264", "VP9", "H265", "AV1"])
@pytest.mark.parametrize("audio", ["opus", "PCMU", "PCMA", "G722"])
def test_frames_and_sound_of_a_recording(tmp_path: Path, suffix: str, video: str, audio: str) -> None:
    robot = Robot(video, audio)
    with recorder_of(robot, tmp_path / f"drive.{suffix}") as recorder:
        robot.send(0, 7)
    file = played(recorder.path)
    assert [number for _, number, _ in file.frames] == [*range(100), *range(75)]
    assert all(abs(shown - number / FPS) < 0.002 for number, shown in enumerate(file.frame_times))
    assert len(file.beep_times) == 6
    assert frequency_of(file.samples[48_000:52_800]) == pytest.approx(1000, abs=15)
    assert_in_sync(file)
    assert file.duration == pytest.approx(7, abs=0.05)
    assert recorder.frames == 7 * FPS
    assert recorder.seconds == pytest.approx(7, abs=0.05)
    assert recorder.size == recorder.path.stat().st_size
    assert recorder.frames_dropped == 0


@pytest.mark.parametrize(
    ("suffix", "video", "audio", "codecs", "transcodes"),
    [
        ("mp4", "H264", "opus", {"h264", "opus"}, ()),
        ("mp4", "VP8", "opus", {"h264", "opus"}, ("VP8 to H264",)),
        ("mkv", "H264", "opus", {"h264", "opus"}, ()),
        ("mkv", "VP8", "PCMU", {"vp8", "opus"}, ("PCMU to opus",)),
        ("webm", "VP8", "opus", {"vp8", "opus"}, ()),
        ("mp4", "VP9", "opus", {"vp9", "opus"}, ()),
        ("mkv", "VP9", "opus", {"vp9", "opus"}, ()),
        ("mp4", "AV1", "opus", {"libdav1d", "opus"}, ()),
        ("mkv", "AV1", "opus", {"libdav1d", "opus"}, ()),
        ("webm", "AV1", "opus", {"libdav1d", "opus"}, ()),
        ("mp4", "H265", "opus", {"hevc", "opus"}, ()),
        ("mkv", "H265", "opus", {"hevc", "opus"}, ()),
        ("webm", "H265", "opus", {"vp8", "opus"}, ("H265 to VP8",)),
        ("webm", "VP9", "opus", {"vp9", "opus"}, ()),
        ("webm", "H264", "G722", {"vp8", "opus"}, ("H264 to VP8", "G722 to opus")),
    ],
)
def test_only_what_does_not_fit_is_reencoded(
    tmp_path: Path, suffix: str, video: str, audio: str, codecs: set[str], transcodes: tuple[str, ...]
) -> None:
    robot = Robot(video, audio)
    with recorder_of(robot, tmp_path / f"drive.{suffix}") as recorder:
        robot.send(0, 1)
    assert played(recorder.path).codecs == codecs
    assert recorder.transcodes == transcodes


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_video_alone(tmp_path: Path, suffix: str) -> None:
    robot = Robot("H264", "")
    with recorder_of(robot, tmp_path / f"drive.{suffix}") as recorder:
        robot.send(0, 2)
    assert [number for _, number, _ in played(recorder.path).frames] == [*range(50)]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_audio_alone(tmp_path: Path, suffix: str) -> None:
    robot = Robot("", "opus")
    with recorder_of(robot, tmp_path / f"drive.{suffix}") as recorder:
        robot.send(0, 3)
    file = played(recorder.path)
    assert not file.frames
    assert len(file.beep_times) == 2
    assert recorder.frames == 0


def test_suffix_in_capitals(tmp_path: Path) -> None:
    robot = Robot()
    with recorder_of(robot, tmp_path / "DRIVE.MKV") as recorder:
        robot.send(0, 1)
    assert len(played(recorder.path).frames) == FPS


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_it_begins_with_the_first_keyframe_and_the_sound_of_that_moment(tmp_path: Path, suffix: str) -> None:
    robot = Robot("H264")
    with recorder_of(robot, tmp_path / f"drive.{suffix}") as recorder:
        assert robot.video_track.keyframe_requests == 1
        robot.send(0.4, 4)
    file = played(recorder.path)
    assert file.frames[0][:2] == (0, FPS)
    assert file.first_audio == pytest.approx(0, abs=0.021)
    assert_in_sync(file)


@pytest.mark.parametrize("begin", [0.0, 0.4])
@pytest.mark.parametrize(("suffix", "precision"), [("mkv", 1e-6), ("webm", 1e-6), ("mp4", 1.0)])
def test_it_tells_when_it_begins_and_the_names_of_its_tracks(
    tmp_path: Path, suffix: str, precision: float, begin: float
) -> None:
    robot = Robot(wall=1_700_000_000.25)
    with recorder_of(robot, tmp_path / f"drive.{suffix}") as recorder:
        robot.send(begin, 4)
    with av.open(str(recorder.path)) as file:
        told = datetime.fromisoformat(str(file.metadata["creation_time"])).timestamp()
        names = [stream.metadata.get("title", stream.metadata.get("handler_name")) for stream in file.streams]

    # The time is that of the first keyframe; there is one per second.
    assert told == pytest.approx(1_700_000_000.25 + (1.0 if begin else 0.0), abs=precision)
    assert names == ["the video", "the audio"]


def test_it_tells_when_it_arrived_where_the_sender_tells_no_clock(tmp_path: Path) -> None:
    robot = Robot()
    robot.video_track.clock.has_report = robot.audio_track.clock.has_report = False
    began_at = time.time()
    with recorder_of(robot, tmp_path / "drive.mkv") as recorder:
        robot.send(0, 4)
    with av.open(str(recorder.path)) as file:
        told = datetime.fromisoformat(str(file.metadata["creation_time"])).timestamp()

    assert told == pytest.approx(began_at, abs=2.0)


@pytest.mark.parametrize(("video_delay", "audio_delay"), [(0.8, 0.02), (0.05, 0.6)])
def test_the_network_delays_one_track(tmp_path: Path, video_delay: float, audio_delay: float) -> None:
    robot = Robot(video_delay=video_delay, audio_delay=audio_delay)
    with recorder_of(robot, tmp_path / "drive.mkv") as recorder:
        robot.send(0, 6)
    assert_in_sync(played(recorder.path))


def test_frames_are_held_until_the_senders_clock_is_known(tmp_path: Path) -> None:
    robot = Robot(video_delay=0.5)
    robot.video_track.clock.has_report = False
    with recorder_of(robot, tmp_path / "drive.mkv") as recorder:
        robot.send(0, 1.5)
        robot.video_track.clock.has_report = True
        robot.send(1.5, 5)
    file = played(recorder.path)
    assert file.frames[0][:2] == (0, 0)
    assert_in_sync(file)


def test_arrival_counts_where_the_sender_tells_no_clock(tmp_path: Path) -> None:
    robot = Robot(video_delay=0.3, audio_delay=0.3)
    robot.audio_track.clock.has_report = False
    with recorder_of(robot, tmp_path / "drive.mkv") as recorder:
        robot.send(0, 4)
        wait_until(lambda: recorder.seconds > 3, "it does not wait any longer for the clock")
        robot.audio_track.clock.has_report = True
        robot.send(4, 6)
    file = played(recorder.path)
    assert file.frames[0][:2] == (0, 0)
    assert_in_sync(file)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("video", ["VP8", "H264"])
def test_video_that_comes_later(tmp_path: Path, suffix: str, video: str) -> None:
    robot = Robot(video)
    with recorder_of(robot, tmp_path / f"drive.{suffix}") as recorder:
        robot.send(0, 5, leave_out=lambda kind, captured: kind == "video")
        wait_until(lambda: recorder.seconds > 4.5, "it does not wait any longer for the video")
        robot.send(5, 9)
    file = played(recorder.path)
    assert [number for _, number, _ in file.frames] == [*range(25, 100), *range(25)]
    assert file.frame_times[1] == pytest.approx(5 + 1 / FPS, abs=0.05)
    assert len(file.beep_times) == 8
    assert abs(file.beep_offset) < 0.03
    assert recorder.frames == 4 * FPS
    assert [entry.name for entry in tmp_path.iterdir()] == [recorder.path.name]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_sound_that_comes_later(tmp_path: Path, suffix: str) -> None:
    robot = Robot("H264")
    with recorder_of(robot, tmp_path / f"drive.{suffix}") as recorder:
        robot.send(0, 5, leave_out=lambda kind, captured: kind == "audio")
        wait_until(lambda: recorder.seconds > 4.5, "it does not wait any longer for the sound")
        robot.send(5, 9)
    file = played(recorder.path)
    assert len(file.frames) == 9 * FPS
    assert [round(heard) for heard in file.beep_times] == [5, 6, 7, 8]
    assert_in_sync(file)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("silent", ["video", "audio"])
def test_track_that_never_sends(tmp_path: Path, suffix: str, silent: str) -> None:
    robot = Robot("H264")
    with recorder_of(robot, tmp_path / f"drive.{suffix}") as recorder:
        robot.send(0, 5, leave_out=lambda kind, captured: kind == silent)
    file = played(recorder.path)
    assert len(file.frames) == (0 if silent == "video" else 5 * FPS)
    assert len(file.beep_times) == (0 if silent == "audio" else 4)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_gaps_stay_gaps(tmp_path: Path, suffix: str) -> None:
    robot = Robot("H264")
    with recorder_of(robot, tmp_path / f"drive.{suffix}") as recorder:
        robot.send(0, 8, leave_out=lambda kind, captured: 3 <= captured < 5 or (kind == "audio" and captured > 6.5))
    file = played(recorder.path)
    times = file.frame_times
    assert len(times) == 6 * FPS
    assert max(after - before for before, after in pairwise(times)) == pytest.approx(2.04, abs=0.01)
    assert [round(heard) for heard in file.beep_times] == [1, 2, 5, 6]
    assert_in_sync(file)


@pytest.mark.slow
@pytest.mark.parametrize("drift", [0.0003, -0.0003])
def test_sound_and_frame_do_not_drift_apart_in_ten_minutes(tmp_path: Path, drift: float) -> None:
    robot = Robot(audio_drift=drift)
    with recorder_of(robot, tmp_path / "drive.mkv") as recorder:
        # The video has only keyframes.
        robot.send(0, 600, leave_out=lambda kind, captured: kind == "video" and captured % 1 > 0.01)
    file = played(recorder.path)
    assert len(file.frames) == 600
    ends = [heard for heard in file.beep_times if heard > 590]
    assert len(ends) == 10
    assert all(abs(heard - round(heard)) < 0.04 for heard in ends)
    assert file.frame_times[-1] == pytest.approx(599, abs=0.01)


@pytest.mark.parametrize("seconds", [3600.0, -3600.0, 0.05, -0.05])
def test_the_sender_sets_its_wall_clock(tmp_path: Path, seconds: float) -> None:
    robot = Robot()
    with recorder_of(robot, tmp_path / "drive.mkv") as recorder:
        robot.send(0, 4)
        wait_until(lambda: recorder.seconds > 3.9, "all is written")
        robot.wall += seconds
        robot.send(4, 12)
    file = played(recorder.path)
    assert len(file.frames) == 12 * FPS
    assert len(file.beep_times) == 11
    assert_in_sync(file)
    assert file.frame_times[-1] == pytest.approx(12, abs=0.2)


@pytest.mark.parametrize(("suffix", "video"), [("mp4", "H264"), ("mp4", "VP8"), ("mkv", "VP8"), ("webm", "VP8")])
def test_size_changes(tmp_path: Path, suffix: str, video: str) -> None:
    robot = Robot(video)
    with recorder_of(robot, tmp_path / f"drive.{suffix}") as recorder:
        for second, size in enumerate([(128, 96), (320, 240), (96, 128), (131, 97) if video == "VP8" else (64, 48)]):
            robot.size = size
            robot.send(second, second + 1)
    file = played(recorder.path)
    assert [number for _, number, _ in file.frames] == [*range(100)]
    assert [size for _, _, size in file.frames[::FPS][:3]] == [(128, 96), (320, 240), (96, 128)]
    assert_in_sync(file)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_codec_changes(tmp_path: Path, suffix: str) -> None:
    robot = Robot("VP8")
    with recorder_of(robot, tmp_path / f"drive.{suffix}") as recorder:
        for second, codec in enumerate(["VP8", "H264", "VP8"]):
            robot.video = codec
            robot.send(second, second + 1)
    assert [number for _, number, _ in played(recorder.path).frames] == [*range(75)]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("video", ["VP8", "H264"])
def test_damaged_and_strange_frames(tmp_path: Path, suffix: str, video: str) -> None:
    random_bytes = random.Random(1).randbytes
    robot = Robot(video)

    def send_rubbish(at: float) -> None:
        for number, size in enumerate([0, 1, 2, 3, 9, 10, 11, 100, 5000]):
            for prefix in (b"", b"\0\0\0\1\x67", b"\0\0\0\1\x65", b"\x10\0\0\x9d\x01\x2a\xff\x3f\xff\x3f"):
                timestamp = 1_000_000 + round(at * 90_000) + number
                data = (prefix + random_bytes(size))[: max(size, 10)]
                for keyframe in (True, False):
                    frame = EncodedFrame(video, data, timestamp, keyframe, robot.began + at)
                    robot.video_track.deliver(frame)
        for codec in ("VP9", "opus"):
            robot.video_track.deliver(EncodedFrame(codec, b"1234", 1_000_000, True, robot.began + at))
        for codec, data in (("opus", b""), ("opus", b"\xff"), ("opus", b"\xff\xff"), ("CN", b"1"), ("PCMU", b"\xff")):
            robot.audio_track.deliver(EncodedFrame(codec, data, 5_000 + round(at * 48_000), True, robot.began + at))

    with recorder_of(robot, tmp_path / f"drive.{suffix}") as recorder:
        send_rubbish(0)
        robot.send(1, 4)
        send_rubbish(4)
        robot.send(5, 8)
    numbers = [number for _, number, _ in played(recorder.path).frames]
    assert numbers[-75:] == [*range(25, 100)]
    assert [number for number in numbers if number is not None][:75] == [*range(25, 100)]


def test_timestamps_of_a_hostile_sender(tmp_path: Path) -> None:
    robot = Robot()
    ticks = random.Random(2)
    with recorder_of(robot, tmp_path / "drive.mkv") as recorder:
        robot.send(0, 2)
        for number in range(200):
            at = 2 + number / 50
            for track, codec in ((robot.video_track, "VP8"), (robot.audio_track, "opus")):
                timestamp = ticks.randrange(-(1 << 40), 1 << 40)
                track.deliver(EncodedFrame(codec, b"\xfc\xff\xfe", timestamp, False, robot.began + at))
    file = packet_times(recorder.path)
    assert all(after > before for times in file.values() for before, after in pairwise(times))
    assert max(max(times) for times in file.values()) < 12
