"""The life of a recorder: several at once, errors, full and slow disks, and processes that are killed in the middle."""

from __future__ import annotations

import errno
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gst_signalling_sync import RecordingError, SessionClosed, TrackNotFound, WaitTimeout
from gst_signalling_sync.threads.callbacks import Callbacks
from gst_signalling_sync.threads.loop_thread import LoopThread
from gst_signalling_sync.threads.waiting import Deadline
from gst_signalling_sync.webrtc.media.recording.recording_file import RecordingFile

from ...helpers.encoded_media import FPS, SUFFIXES, Robot, assert_in_sync, played, recorder_of, recording
from ...helpers.processes import exit_of, in_child, run_script, start_script
from ...helpers.waiting import Heard, wait_until

LOST_SECONDS = 1.5
"""Maximum of the media that are missing after the process was killed: what is not written yet, and up to one frame."""

SEND_AND_WAIT = """
    import sys
    from pathlib import Path
    from tests.helpers.encoded_media import Robot, recorder_of
    from tests.helpers.waiting import wait_until

    robot = Robot(sys.argv[2])
    recorder = recorder_of(robot, Path(sys.argv[1])).start()
    robot.send(0, 8)
    wait_until(lambda: recorder.seconds > 7.9, "all is written")
    print("written", flush=True)
"""


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_existing_file_is_overwritten(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"drive.{suffix}"
    path.write_bytes(b"x" * 1_000_000)
    robot = Robot("H264")
    with recorder_of(robot, path):
        robot.send(0, 1)
    assert path.stat().st_size < 500_000
    assert len(played(path).frames) == FPS


def test_several_recorders_of_one_session(tmp_path: Path) -> None:
    robot = Robot("H264")
    first, second, third = (recorder_of(robot, tmp_path / f"drive.{suffix}") for suffix in SUFFIXES)
    with first:
        robot.send(0, 1)
        with second, third:
            robot.send(1, 2)
        robot.send(2, 3)
    assert [number for _, number, _ in played(first.path).frames] == [*range(75)]
    assert [number for _, number, _ in played(second.path).frames] == [*range(25, 50)]
    assert [number for _, number, _ in played(third.path).frames] == [*range(25, 50)]


def test_a_file_is_written_by_one_recorder_at_a_time(tmp_path: Path) -> None:
    robot = Robot("H264")
    with recorder_of(robot, tmp_path / "drive.mp4") as recorder:
        robot.send(0, 1)
        with pytest.raises(RecordingError, match="another recorder") as caught:
            recorder_of(robot, tmp_path / ".." / tmp_path.name / "drive.mp4").start()
        assert caught.value.errno == errno.EBUSY
    assert len(played(recorder.path).frames) == FPS
    with recorder_of(robot, recorder.path):
        robot.send(2, 4)
    assert len(played(recorder.path).frames) == 2 * FPS


@pytest.mark.parametrize("name", ["drive", "drive.avi", ".mp4", "mp4"])
def test_other_suffixes(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=r"\.mp4, \.mkv, \.webm or \.mcap"):
        recorder_of(Robot(), tmp_path / name)


def test_no_track(tmp_path: Path) -> None:
    with pytest.raises(TrackNotFound, match="session s with peer p"):
        recorder_of(Robot("", ""), tmp_path / "drive.mkv").start()
    assert not list(tmp_path.iterdir())


def test_file_that_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "directory.mkv").mkdir()
    os.mkfifo(tmp_path / "pipe.mkv")
    reading = os.open(tmp_path / "pipe.mkv", os.O_RDONLY | os.O_NONBLOCK)
    (tmp_path / "device.mkv").symlink_to("/dev/null")
    reasons = {
        "missing/drive.mkv": errno.ENOENT,
        "directory.mkv": errno.EISDIR,
        "pipe.mkv": errno.EINVAL,
        "device.mkv": errno.EINVAL,
        f"{'x' * 300}.mkv": errno.ENAMETOOLONG,
    }
    try:
        for name, reason in reasons.items():
            with pytest.raises(RecordingError) as caught:
                recorder_of(Robot(), tmp_path / name).start()
            assert caught.value.errno == reason
            assert name in str(caught.value)
    finally:
        os.close(reading)


def test_a_program_that_changes_its_directory_keeps_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "drive.mkv").write_text("precious")
    monkeypatch.chdir(tmp_path)
    recorder = recorder_of(Robot(), Path("drive.mkv")).start()
    monkeypatch.chdir(other)
    with pytest.raises(RecordingError):
        recorder.close()
    assert (other / "drive.mkv").read_text() == "precious"
    assert not (tmp_path / "drive.mkv").exists()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_name_that_ffmpeg_would_take_for_a_protocol(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    robot = Robot("H264")
    with recorder_of(robot, Path(f"drive-12:30:05.{suffix}")) as recorder:
        robot.send(0, 5, leave_out=lambda kind, captured: kind == "video")
        wait_until(lambda: recorder.seconds > 4.5, "it does not wait any longer for the video")
        robot.send(5, 7)
    assert len(played(tmp_path / recorder.path).frames) == 2 * FPS


def test_a_disk_that_hangs_at_the_opening_does_not_stop_the_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opening, go_on = threading.Event(), threading.Event()
    at_once = os.open

    def open_slowly(path: str | Path, flags: int, mode: int = 0o777) -> int:
        if path == tmp_path / "drive.mkv":
            opening.set()
            assert go_on.wait(10)
        return at_once(path, flags, mode)

    monkeypatch.setattr(os, "open", open_slowly)
    thread, recorder = recording(tmp_path / "drive.mkv", Robot().tracks)
    with ThreadPoolExecutor() as pool:
        starting = pool.submit(recorder.start)
        assert opening.wait(10)
        # This call is made on the loop, and must return before the file is open.
        thread.end(None)
        assert recorder.state == "closed"
        go_on.set()
        with pytest.raises(SessionClosed):
            starting.result(10)
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_directory_that_is_not_writable(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(RecordingError) as caught:
        recorder_of(Robot(), tmp_path / "drive.mkv").start()
    assert caught.value.errno == errno.EACCES


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_nothing_came(tmp_path: Path, suffix: str) -> None:
    recorder = recorder_of(Robot(), tmp_path / f"drive.{suffix}").start()
    with pytest.raises(RecordingError, match=r"drive\.\w+: nothing to record came in \d+\.\d s"):
        recorder.close()
    assert not list(tmp_path.iterdir())
    recorder.close()


def test_frames_came_but_no_keyframe(tmp_path: Path) -> None:
    robot = Robot("VP8", "")
    recorder = recorder_of(robot, tmp_path / "drive.mkv").start()
    robot.send(0.04, 0.96)
    wait_until(lambda: robot.video_track.keyframe_requests > 2, "it asks for a keyframe again")
    with pytest.raises(RecordingError, match="nothing to record came"):
        recorder.close()
    assert not list(tmp_path.iterdir())


def test_an_error_in_the_block_is_not_hidden(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), recorder_of(Robot(), tmp_path / "drive.mkv"):
        raise ZeroDivisionError


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_session_breaks(tmp_path: Path, suffix: str) -> None:
    robot = Robot("H264")
    callbacks = Callbacks("test-callbacks")
    callbacks.open()
    thread, recorder = recording(tmp_path / f"drive.{suffix}", robot.tracks, callbacks)
    heard = Heard(recorder.ended)
    error = SessionClosed("the robot vanished")
    try:
        with recorder:
            robot.send(0, 2)
            thread.end(error)
            assert heard.next() == {"error": error}
            assert recorder.state == "closed"
            assert not robot.video_track.taps
            robot.send(2, 3)
        assert recorder.error is error
        file = played(recorder.path)
        assert len(file.frames) == 2 * FPS
        assert file.duration == pytest.approx(2, abs=0.05)
    finally:
        callbacks.close(1)


def test_the_session_ends_before_the_start(tmp_path: Path) -> None:
    thread, recorder = recording(tmp_path / "drive.mkv", Robot().tracks)
    thread.end(None)
    with pytest.raises(SessionClosed, match="session s with peer p"):
        recorder.start()
    recorder.close()
    assert not list(tmp_path.iterdir())


def test_a_recorder_records_once(tmp_path: Path) -> None:
    robot = Robot("H264")
    recorder = recorder_of(robot, tmp_path / "drive.mkv")
    assert recorder.start() is recorder.start()
    robot.send(0, 1)
    recorder.close()
    recorder.close()
    assert recorder.state == "closed"
    assert recorder.error is None
    with pytest.raises(RuntimeError, match="make another one"):
        recorder.start()
    assert len(played(recorder.path).frames) == FPS


def test_close_before_start(tmp_path: Path) -> None:
    recorder = recorder_of(Robot(), tmp_path / "drive.mkv")
    recorder.close()
    assert not list(tmp_path.iterdir())


def test_close_in_a_callback(tmp_path: Path) -> None:
    robot = Robot("H264")
    callbacks = Callbacks("test-callbacks")
    callbacks.open()
    recorder = recorder_of(robot, tmp_path / "drive.mkv", callbacks)
    recorder.ended.connect(lambda recorder, error: recorder.close())
    heard = Heard(recorder.ended)
    recorder.start()
    robot.send(0, 1)
    callbacks.post(recorder.close)
    try:
        assert heard.next() == {"error": None}
    finally:
        callbacks.close(1)


def test_close_on_the_loop_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = SlowDisk(monkeypatch)
    robot = Robot("H264")
    loop = LoopThread("test")
    _, recorder = recording(tmp_path / "drive.mkv", robot.tracks, loop=loop)

    async def close() -> None:
        recorder.close()

    try:
        with recorder:
            robot.send(0, 1)
            with pytest.raises(RuntimeError, match="event loop"):
                loop.run(close(), Deadline(10), "closing")
            disk.go_on.set()
    finally:
        disk.go_on.set()
        loop.close()
    assert len(played(recorder.path).frames) == FPS


def test_forked_child(tmp_path: Path) -> None:
    robot = Robot("H264")
    with recorder_of(robot, tmp_path / "drive.mkv") as recorder:
        robot.send(0, 2)
        wait_until(lambda: recorder.seconds > 1.9, "all is written")

        def child() -> bool:
            with pytest.raises(RuntimeError, match="inherited by fork"):
                recorder.close()
            return True

        assert in_child(child)
        robot.send(2, 3)
    assert len(played(recorder.path).frames) == 3 * FPS


def test_a_child_that_frees_what_it_inherited_leaves_the_file_alone(tmp_path: Path) -> None:
    file = RecordingFile(tmp_path / "drive.mkv")
    try:
        assert in_child(lambda: file.closed)
        assert not file.closed
    finally:
        file.close()


class SlowDisk:
    """Delays writes to files until it is told to stop."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go_on = threading.Event()
        self.is_waiting = threading.Event()
        write = RecordingFile.write

        def slow_write(file: RecordingFile, data: bytes) -> int:
            self.is_waiting.set()
            assert self.go_on.wait(10)
            return write(file, data)

        monkeypatch.setattr(RecordingFile, "write", slow_write)


def test_a_disk_that_is_too_slow_costs_frames_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("gst_signalling_sync.webrtc.media.recording.recorder_thread.MAX_QUEUED", 100_000)
    disk = SlowDisk(monkeypatch)
    robot = Robot("VP8")
    thread, recorder = recording(tmp_path / "drive.mkv", robot.tracks)
    with recorder:
        robot.send(0, 1)
        assert disk.is_waiting.wait(10)
        robot.send(1, 20)
        dropped = recorder.frames_dropped
        assert dropped > 100
        disk.go_on.set()
        wait_until(lambda: thread.queued == 0, "the disk has caught up")
        requests = robot.video_track.keyframe_requests
        robot.send(20.04, 21)
        assert robot.video_track.keyframe_requests > requests
        robot.send(21, 23)
    file = played(recorder.path)
    assert [number for _, number, _ in file.frames][-50:] == [*range(25, 75)]
    assert None not in [number for _, number, _ in file.frames]
    assert_in_sync(file)
    assert [record.message for record in caplog.records if "too slow" in record.message] == [
        f"recording session s with peer p to {recorder.path}: the disk is too slow; video and audio frames are dropped"
    ]


def test_a_disk_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = SlowDisk(monkeypatch)
    robot = Robot("VP8")
    thread, recorder = recording(tmp_path / "drive.mkv", robot.tracks)
    recorder.start()
    robot.send(0, 1)
    assert not thread.wait_finished(Deadline(0.05))
    with pytest.raises(WaitTimeout, match=r"drive\.mkv: the file is not finished within 0\.1 s"):
        recorder.close(timeout=0.1)
    disk.go_on.set()
    recorder.close()
    assert len(played(recorder.path).frames) == FPS


# Coverage's data file would not fit on the disk either.
@pytest.mark.slow
@pytest.mark.usefixtures("_not_measured")
@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("room", [0, 100, 60_000, 200_000])
def test_the_disk_is_full(tmp_path: Path, suffix: str, room: int) -> None:
    script = """
        import errno, resource, sys
        from pathlib import Path
        from gst_signalling_sync import RecordingError
        from tests.helpers.encoded_media import Robot, recorder_of
        from tests.helpers.waiting import wait_until

        robot = Robot("H264" if sys.argv[1].endswith("mp4") else "VP8", size=(320, 240))
        room = int(sys.argv[2])
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
        recorder = recorder_of(robot, Path(sys.argv[1])).start()
        robot.send(0, 60)
        wait_until(lambda: recorder.state == "closed", "the recording has ended")
        assert isinstance(recorder.error, RecordingError), recorder.error
        assert not robot.video_track.taps
        try:
            recorder.close()
        except RecordingError as error:
            assert error.errno == errno.EFBIG, error
            print(error)
        recorder.close()
    """
    path = tmp_path / f"drive.{suffix}"
    code, output, errors = run_script(script, str(path), str(room))
    assert code == 0, errors
    assert f"recording session s with peer p to {path}: File too large" in output
    if room < 60_000:
        assert not path.exists()
        return
    file = played(path)
    assert room * 0.5 < path.stat().st_size <= room
    assert [number for _, number, _ in file.frames] == [number % 100 for number in range(len(file.frames))]
    assert len(file.frames) > FPS
    assert_in_sync(file)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_no_room_for_the_index(tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pwrite = os.pwrite
    closing = threading.Event()

    def full(descriptor: int, data: bytes, position: int) -> int:
        if closing.is_set():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return pwrite(descriptor, data, position)

    robot = Robot("H264")
    recorder = recorder_of(robot, tmp_path / f"drive.{suffix}").start()
    robot.send(0, 8)
    wait_until(lambda: recorder.seconds > 7.9, "all is written")
    monkeypatch.setattr(os, "pwrite", full)
    closing.set()
    with pytest.raises(RecordingError, match="No space left on device") as caught:
        recorder.close()
    assert caught.value.errno == errno.ENOSPC
    file = played(recorder.path)
    assert len(file.frames) > (8 - LOST_SECONDS) * FPS
    assert_in_sync(file)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, None], ids=["SIGKILL", "SIGTERM", "exit"])
def test_the_process_ends(tmp_path: Path, suffix: str, end: signal.Signals | None) -> None:
    path = tmp_path / f"drive.{suffix}"
    wait = "" if end is None else "    sys.stdin.read()\n"
    with start_script(SEND_AND_WAIT + wait, str(path), "H264") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "written\n"
        if end is not None:
            process.send_signal(end)
        _, errors = exit_of(process)
    assert not errors
    file = played(path)
    assert [number for _, number, _ in file.frames] == [number % 100 for number in range(len(file.frames))]
    assert len(file.frames) > (8 - LOST_SECONDS) * FPS
    assert len(file.beep_times) >= 6
    assert_in_sync(file)


@pytest.mark.parametrize("silent", ["video", "audio"])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_process_is_killed_while_one_track_pauses(tmp_path: Path, suffix: str, silent: str) -> None:
    path = tmp_path / f"drive.{suffix}"
    script = SEND_AND_WAIT.replace(
        "send(0, 8)", "send(0, 8, lambda kind, captured: kind == sys.argv[3] and captured > 2)"
    )
    with start_script(f"{script}    sys.stdin.read()\n", str(path), "H264", silent) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "written\n"
        process.kill()
        _, errors = exit_of(process)
    assert not errors
    file = played(path)
    assert len(file.frames) > (2 if silent == "video" else 8 - LOST_SECONDS) * FPS - FPS
    assert len(file.beep_times) >= (1 if silent == "audio" else 6)
