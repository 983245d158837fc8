"""Recordings in several files, and with pauses: what a player finds in them."""

from __future__ import annotations

import errno
from itertools import pairwise
from pathlib import Path

import pytest

from gst_signalling_sync import RecordingError
from gst_signalling_sync.threads.callbacks import Callbacks
from gst_signalling_sync.webrtc.media.recording import recorder_thread
from gst_signalling_sync.webrtc.media.recording.recording_file import RecordingFile

from ...helpers.encoded_media import FPS, SUFFIXES, Robot, assert_in_sync, packet_times, played, recorder_of
from ...helpers.waiting import Heard, wait_until


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(("video_delay", "audio_delay"), [(0.05, 0.02), (0.02, 0.4), (0.4, 0.02)])
def test_no_frame_is_lost_between_two_segments(
    tmp_path: Path, suffix: str, video_delay: float, audio_delay: float
) -> None:
    robot = Robot("H264", video_delay=video_delay, audio_delay=audio_delay)
    with recorder_of(robot, tmp_path / f"drive.{suffix}", segment_seconds=2) as recorder:
        robot.send(0, 7)
    files = [played(path) for path in recorder.paths]
    assert [path.name for path in recorder.paths] == [f"drive-{number:03}.{suffix}" for number in range(len(files))]
    assert len(files) >= 3
    assert [number for file in files for _, number, _ in file.frames] == [*range(100), *range(75)]
    packets = sum(len(packet_times(path)["audio"]) for path in recorder.paths)
    # There are 50 per second. A file that begins between two packets begins with silence.
    assert 7 * 50 - 1 <= packets <= 7 * 50 + len(files)
    for file in files:
        if file.beep_times:
            assert_in_sync(file)
    assert recorder.frames == 7 * FPS
    assert recorder.size == sum(path.stat().st_size for path in recorder.paths)
    assert recorder.seconds == pytest.approx(7, abs=0.1)


def test_segment_begins_with_a_keyframe_for_which_the_sender_is_asked(tmp_path: Path) -> None:
    robot = Robot("VP8")
    with recorder_of(robot, tmp_path / "drive.mkv", segment_seconds=1.5) as recorder:
        robot.send(0, 1.4)
        wait_until(lambda: recorder.frames == 35, "what came is written")
        before = robot.video_track.keyframe_requests
        robot.send(1.4, 1.6)
        wait_until(lambda: robot.video_track.keyframe_requests > before, "a keyframe is asked for")
        assert len(recorder.paths) == 1
        robot.send(1.6, 2.2)
    first, second = (played(path) for path in recorder.paths)
    # There is one keyframe per second.
    assert [number for _, number, _ in first.frames] == [*range(50)]
    assert [number for _, number, _ in second.frames] == [*range(50, 55)]


def test_sender_that_makes_no_more_keyframes_has_one_file(tmp_path: Path) -> None:
    robot = Robot("VP8")
    with recorder_of(robot, tmp_path / "drive.mkv", segment_seconds=1.5) as recorder:
        robot.send(0, 7, leave_out=lambda kind, captured: kind == "video" and captured >= 2)
    (path,) = recorder.paths
    assert len(played(path).beep_times) == 6


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_sound_alone_in_segments(tmp_path: Path, suffix: str) -> None:
    robot = Robot("", "opus")
    with recorder_of(robot, tmp_path / f"drive.{suffix}", segment_seconds=1) as recorder:
        robot.send(0, 3.5)
    assert len(recorder.paths) == 4
    assert sum(len(packet_times(path)["audio"]) for path in recorder.paths) == 175


def test_each_file_is_told_when_it_is_whole(tmp_path: Path) -> None:
    callbacks = Callbacks("test-callbacks")
    callbacks.open()
    robot = Robot("H264")
    try:
        with recorder_of(robot, tmp_path / "drive.mp4", callbacks, segment_seconds=2) as recorder:
            told = Heard(recorder.segment_ended)
            ended = Heard(recorder.ended)
            robot.send(0, 3)
            path = told.next()["path"]
            assert path == recorder.paths[0] == tmp_path / "drive-000.mp4"
            assert len(played(path).frames) == 50
        assert told.next()["path"] == recorder.paths[1]
        assert ended.next()["error"] is None
    finally:
        callbacks.close(1)


def test_next_file_that_cannot_be_opened_ends_the_recording(tmp_path: Path) -> None:
    (tmp_path / "drive-001.mkv").mkdir()
    robot = Robot("H264")
    recorder = recorder_of(robot, tmp_path / "drive.mkv", segment_seconds=2).start()
    robot.send(0, 5)
    with pytest.raises(RecordingError, match="recording session s with peer p") as caught:
        recorder.close()
    assert caught.value.errno == errno.EISDIR
    assert len(played(recorder.paths[0]).frames) == 50


def test_file_that_another_recorder_writes_to(tmp_path: Path) -> None:
    busy = RecordingFile(tmp_path / "drive-000.mkv")
    try:
        with pytest.raises(RecordingError, match="another recorder"):
            recorder_of(Robot(), tmp_path / "drive.mkv", segment_seconds=60).start()
    finally:
        busy.discard()


@pytest.mark.parametrize("seconds", [0, -1, 0.5, float("nan")])
def test_segments_that_are_too_short(tmp_path: Path, seconds: float) -> None:
    with pytest.raises(ValueError, match="segment_seconds"):
        recorder_of(Robot(), tmp_path / "drive.mkv", segment_seconds=seconds)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(("video", "audio"), [("H264", "opus"), ("VP8", "PCMU")])
def test_pause_leaves_nothing_in_the_file(tmp_path: Path, suffix: str, video: str, audio: str) -> None:
    robot = Robot(video, audio)
    with recorder_of(robot, tmp_path / f"drive.{suffix}") as recorder:
        robot.send(0, 2)
        recorder.pause()
        assert recorder.is_paused
        robot.send(2, 6)
        recorder.resume()
        assert not recorder.is_paused
        robot.send(6, 8)
    file = played(recorder.path)
    assert [number for _, number, _ in file.frames] == [*range(100)]
    assert all(0.01 < after - before < 0.07 for before, after in pairwise(file.frame_times))
    assert file.duration == pytest.approx(4, abs=0.1)
    assert recorder.seconds == pytest.approx(4, abs=0.1)
    assert_in_sync(file)


def test_after_a_pause_it_goes_on_with_a_keyframe(tmp_path: Path) -> None:
    robot = Robot("H264")
    with recorder_of(robot, tmp_path / "drive.mkv") as recorder:
        robot.send(0, 2)
        recorder.pause()
        before = robot.video_track.keyframe_requests
        recorder.resume()
        assert robot.video_track.keyframe_requests == before + 1
        robot.send(5.4, 7)
    file = played(recorder.path)
    assert [number for _, number, _ in file.frames] == [*range(75)]
    assert_in_sync(file)


def test_pause_of_sound_alone(tmp_path: Path) -> None:
    robot = Robot("", "opus")
    with recorder_of(robot, tmp_path / "drive.mkv") as recorder:
        robot.send(0, 1)
        recorder.pause()
        robot.send(1, 3)
        recorder.resume()
        robot.send(3, 4)
    times = packet_times(recorder.path)["audio"]
    assert len(times) == 100
    assert max(after - before for before, after in pairwise(times)) < 0.03


def test_pause_at_the_beginning(tmp_path: Path) -> None:
    robot = Robot("H264")
    with recorder_of(robot, tmp_path / "drive.mkv") as recorder:
        recorder.pause()
        robot.send(0, 2)
        recorder.resume()
        robot.send(2, 3)
    assert [number for _, number, _ in played(recorder.path).frames] == [*range(50, 75)]


def test_video_that_ends_while_it_is_paused_does_not_hold_up_the_sound(tmp_path: Path) -> None:
    robot = Robot("H264")
    with recorder_of(robot, tmp_path / "drive.mkv") as recorder:
        robot.send(0, 2)
        recorder.pause()
        recorder.resume()
        robot.send(2, 8, leave_out=lambda kind, _: kind == "video")
        # Video continues between two keyframes.
        robot.send(8, 8.4, leave_out=lambda kind, _: kind == "video")
        robot.send(8.4, 10)
    assert len(packet_times(recorder.path)["audio"]) == pytest.approx(500, abs=5)
    assert [number for _, number, _ in played(recorder.path).frames] == [*range(50), *range(25, 50)]


def test_pause_between_segments(tmp_path: Path) -> None:
    robot = Robot("H264")
    with recorder_of(robot, tmp_path / "drive.mkv", segment_seconds=2) as recorder:
        robot.send(0, 2.4)
        recorder.pause()
        robot.send(2.4, 6)
        recorder.resume()
        robot.send(6, 9)
    files = [played(path) for path in recorder.paths]
    assert [number for file in files for _, number, _ in file.frames] == [*range(60), *range(50, 100), *range(25)]
    assert [len(file.frames) for file in files] == [50, 60, 25]


def test_pause_outside_of_a_recording(tmp_path: Path) -> None:
    recorder = recorder_of(Robot(), tmp_path / "drive.mkv")
    with pytest.raises(RuntimeError, match="not been started"):
        recorder.pause()
    recorder.close()
    recorder.pause()
    recorder.resume()
    assert not recorder.is_paused
    assert recorder.paths == ()
    assert recorder_thread.MIN_SEGMENT_SECONDS == 1.0


def test_disk_that_is_full_at_the_end_of_a_segment_leaves_both_files_as_far_as_they_play(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = RecordingFile.commit

    def commit_or_fail(file: RecordingFile) -> None:
        if file.path.name == "drive-000.mkv" and len(recorder.paths) > 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        commit(file)

    monkeypatch.setattr(RecordingFile, "commit", commit_or_fail)
    robot = Robot("H264", audio_delay=0.4)
    recorder = recorder_of(robot, tmp_path / "drive.mkv", segment_seconds=2).start()
    robot.send(0, 5)
    with pytest.raises(RecordingError) as caught:
        recorder.close()
    assert caught.value.errno == errno.ENOSPC
    assert len(played(recorder.paths[0]).frames) >= 25
    for path in recorder.paths:
        # Another recorder may write to the path now.
        RecordingFile(path).discard()
