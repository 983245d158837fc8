"""Recordings in MCAP: video, audio and messages with their times, as MCAP's own reader reads them."""

from __future__ import annotations

import importlib.util
import json
import threading
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import av
import pytest
from mcap.reader import make_reader
from mcap.records import Message
from mcap.stream_reader import StreamReader
from mcap_protobuf.decoder import DecoderFactory

from gst_signalling_sync import Producer, SignallingServer, connect

from ...figures import Figures
from ...helpers.encoded_media import FPS, Robot, recorder_of, recording, send_together
from ...helpers.media import number_in, numbered_frame
from ...helpers.waiting import wait_until

WALL = 1_700_000_000.0
DECODERS = {"av1": "libdav1d"}


class Read:
    """An MCAP file, read completely.

    Attributes:
        topics: The encoding of its messages and the name of its schema, by topic.
        entries: The time and the content of each message, by topic; decoded if it has a schema.
    """

    def __init__(self, path: Path) -> None:
        self.topics: dict[str, tuple[str, str | None]] = {}
        self.entries: dict[str, list[tuple[float, Any]]] = defaultdict(list)
        decoders = DecoderFactory()
        with path.open("rb") as file:
            for schema, channel, message in make_reader(file).iter_messages():
                self.topics[channel.topic] = (channel.message_encoding, None if schema is None else schema.name)
                decode = decoders.decoder_for(channel.message_encoding, schema)
                content = message.data if decode is None else decode(message.data)
                assert message.log_time == message.publish_time
                self.entries[channel.topic].append((message.log_time / 1e9, content))

    def frames(self, topic: str) -> list[tuple[float, int | None]]:
        """The time of each frame, and the number in it."""
        entries = self.entries[topic]
        decoder = av.CodecContext.create(DECODERS.get(entries[0][1].format, entries[0][1].format), "r")
        # Threads of dav1d would wait for the GIL to release a packet, while PyAV holds it and waits for them to end.
        decoder.thread_count = 1
        frames = []
        for at, frame in entries:
            assert frame.timestamp.seconds + frame.timestamp.nanos / 1e9 == pytest.approx(at, abs=1e-6)
            for image in decoder.decode(av.Packet(frame.data)):
                frames.append((at, number_in(image.to_ndarray(format="bgr24"))))
        return frames


@pytest.mark.parametrize(("video", "format"), [("H264", "h264"), ("VP8", "h264"), ("VP9", "vp9"), ("AV1", "av1")])
def test_video_and_sound(tmp_path: Path, video: str, format: str) -> None:
    robot = Robot(video, wall=WALL)
    with recorder_of(robot, tmp_path / "drive.mcap") as recorder:
        robot.send(0, 4)

    read = Read(recorder.path)
    assert read.topics == {
        "/video/the video": ("protobuf", "foxglove.CompressedVideo"),
        "/audio/the audio": ("protobuf", "foxglove.CompressedAudio"),
    }
    frames = [frame for _, frame in read.entries["/video/the video"]]
    assert {(frame.format, frame.frame_id) for frame in frames} == {(format, "the video")}
    assert {audio.format for _, audio in read.entries["/audio/the audio"]} == {"opus"}
    times = [at for at, _ in read.entries["/video/the video"]]
    assert times == pytest.approx([WALL + number / FPS for number in range(4 * FPS)], abs=0.002)
    if video != "VP9":
        numbers = [number for _, number in read.frames("/video/the video")]
        assert numbers[:FPS] == list(range(FPS))


def test_every_camera_has_a_topic_of_its_own(tmp_path: Path) -> None:
    robots = [Robot("H264", wall=WALL), Robot("VP9", "", wall=WALL, video_delay=0.3)]
    robots[1].began = robots[0].began
    robots[1].video_track.name = "wrist"
    tracks = [robots[0].video_track, robots[1].video_track, robots[0].audio_track]
    with recording(tmp_path / "drive.mcap", tracks)[1] as recorder:
        send_together(robots, 0, 4)

    read = Read(recorder.path)
    assert set(read.topics) == {"/video/the video", "/video/wrist", "/audio/the audio"}
    for topic, form in (("/video/the video", "h264"), ("/video/wrist", "vp9")):
        assert {frame.format for _, frame in read.entries[topic]} == {form}
        times = [at for at, _ in read.entries[topic]]
        assert times == pytest.approx([WALL + number / FPS for number in range(4 * FPS)], abs=0.002)


def test_messages_have_the_form_and_the_time_that_they_were_sent_in(tmp_path: Path) -> None:
    robot = Robot(wall=WALL)
    sent: dict[str, list[str | bytes]] = {"joints": ["[1, 2]", "[3, 4]"], "log": ["hello"], "scan": [b"\0\1"]}
    thread, recorder = recording(tmp_path / "drive.mcap", robot.tracks)
    with recorder:
        thread.add_message("joints", sent["joints"][0], WALL + 0.125)
        robot.send(0, 4)
        wait_until(lambda: recorder.seconds > 3, "it has begun")
        for label, contents in sent.items():
            for content in contents[label == "joints" :]:
                thread.add_message(label, content, WALL + 0.25)

    read = Read(recorder.path)
    assert {topic: read.topics[topic] for topic in read.topics if topic.startswith("/channels/")} == {
        "/channels/joints": ("json", None),
        "/channels/log": ("text/plain", None),
        "/channels/scan": ("application/octet-stream", None),
    }
    # A float cannot hold the nanoseconds of the present time.
    told = {label: [(round(at - WALL, 6), data) for at, data in read.entries[f"/channels/{label}"]] for label in sent}
    assert told == {
        "joints": [(0.125, b"[1, 2]"), (0.25, b"[3, 4]")],
        "log": [(0.25, b"hello")],
        "scan": [(0.25, b"\0\1")],
    }


def test_string_that_no_parser_takes_is_plain_text(tmp_path: Path) -> None:
    nested = "[" * 100_000
    robot = Robot(wall=WALL)
    thread, recorder = recording(tmp_path / "drive.mcap", robot.tracks)
    with recorder:
        thread.add_message("scan", nested, WALL)
        robot.send(0, 4)

    read = Read(recorder.path)
    assert read.topics["/channels/scan"] == ("text/plain", None)
    assert [data for _, data in read.entries["/channels/scan"]] == [nested.encode()]


@pytest.mark.parametrize("seconds_apart", [0.0, 2.0, -3600.0])
def test_chunks_are_as_long_where_messages_have_another_clock_than_frames(tmp_path: Path, seconds_apart: float) -> None:
    robot = Robot(wall=WALL)
    thread, recorder = recording(tmp_path / "drive.mcap", robot.tracks)
    with recorder:
        for step in range(100):
            begin = step / 10
            robot.send(begin, begin + 0.1)
            thread.add_message("joints", "[1, 2]", WALL + begin + seconds_apart)

    with recorder.path.open("rb") as file:
        summary = make_reader(file).get_summary()
    assert summary is not None
    assert 10 <= len(summary.chunk_indexes) <= 45


@pytest.mark.parametrize("at", [-1.0, 1e300, 2.0**64])
def test_time_that_no_clock_shows_ends_no_recording(tmp_path: Path, at: float) -> None:
    robot = Robot(wall=WALL)
    thread, recorder = recording(tmp_path / "drive.mcap", robot.tracks)
    with recorder:
        thread.add_message("joints", "[1, 2]", at)
        robot.send(0, 4)

    assert len(Read(recorder.path).entries["/channels/joints"]) == 1


def test_messages_that_wait_for_the_first_frame_take_so_much_memory_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gst_signalling_sync.webrtc.media.recording.held_frames.MAX_BYTES", 25_600)
    robot = Robot(wall=WALL)
    thread, recorder = recording(tmp_path / "drive.mcap", robot.tracks)
    with recorder:
        for _ in range(500):
            thread.add_message("joints", "", WALL)
        wait_until(lambda: recorder.frames_dropped, "some are dropped")
        robot.send(0, 4)

    kept = len(Read(recorder.path).entries["/channels/joints"])
    assert (kept, recorder.frames_dropped) == (101, 399)


def test_other_files_hold_no_messages(tmp_path: Path) -> None:
    robot = Robot()
    thread, recorder = recording(tmp_path / "drive.mkv", robot.tracks)
    with recorder:
        thread.add_message("joints", "[1, 2]", WALL)
        robot.send(0, 4)

    assert not thread.takes_messages
    assert recorder.frames == 4 * FPS


def test_video_that_comes_later_has_its_place(tmp_path: Path) -> None:
    robot = Robot("H264", wall=WALL)
    with recorder_of(robot, tmp_path / "drive.mcap") as recorder:
        robot.send(0, 5, leave_out=lambda kind, _: kind == "video")
        wait_until(lambda: recorder.seconds > 4, "it does not wait any longer for the frame")
        robot.send(5, 8)

    times = [at - WALL for at, _ in Read(recorder.path).frames("/video/the video")]
    assert times == pytest.approx([number / FPS for number in range(5 * FPS, 8 * FPS)], abs=0.05)


def test_times_after_a_pause_are_the_senders(tmp_path: Path) -> None:
    robot = Robot("H264", wall=WALL)
    with recorder_of(robot, tmp_path / "drive.mcap") as recorder:
        robot.send(0, 4)
        wait_until(lambda: recorder.seconds > 3.9, "it is written")
        recorder.pause()
        robot.send(4, 6)
        recorder.resume()
        robot.send(6, 8)

    times = [at - WALL for at, _ in Read(recorder.path).entries["/video/the video"]]
    numbers = [*range(4 * FPS), *range(6 * FPS, 8 * FPS)]
    assert times == pytest.approx([number / FPS for number in numbers], abs=0.05)


def test_it_can_be_read_before_its_end(tmp_path: Path) -> None:
    robot = Robot("H264", wall=WALL)
    with recorder_of(robot, tmp_path / "drive.mcap") as recorder:
        robot.send(0, 6)
        wait_until(lambda: recorder.seconds > 5.5, "it is written")
        kept = tmp_path / "kept.mcap"
        kept.write_bytes(recorder.path.read_bytes())

    with kept.open("rb") as file:
        records = StreamReader(file).records
        messages = [next(records) for _ in range(5 * FPS)]
    assert sum(isinstance(record, Message) for record in messages) > 4 * FPS


def test_segments_are_files_of_their_own(tmp_path: Path) -> None:
    robot = Robot("H264", wall=WALL)
    with recorder_of(robot, tmp_path / "drive.mcap", segment_seconds=1.0) as recorder:
        robot.send(0, 4)

    assert len(recorder.paths) > 2
    numbers = [number for path in recorder.paths for _, number in Read(path).frames("/video/the video")]
    assert len(numbers) == 4 * FPS


def test_without_its_libraries_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        "gst_signalling_sync.webrtc.media.recording.container.find_spec",
        lambda name: None if name == "mcap" else find_spec(name),
    )
    with pytest.raises(ValueError, match=r"pip install 'gst-signalling-sync\[mcap\]'"):
        recorder_of(Robot(), tmp_path / "drive.mcap")


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.usefixtures("_ahead_of_other_programs")
def test_states_of_a_session_lie_beside_its_frames(
    embedded_server: SignallingServer, tmp_path: Path, figures: Figures
) -> None:
    producer = Producer(embedded_server.uri, name="robot")
    camera = producer.add_video(name="wrist")
    joints = producer.add_channel("joints", ordered=False, max_retransmits=0, dated=True)
    stop = threading.Event()
    began = time.monotonic()

    def film() -> None:
        while not stop.wait(1 / 30):
            captured = time.monotonic()
            camera.write(numbered_frame(round((captured - began) * 1000)), captured=captured)

    def tell() -> None:
        while not stop.wait(0.01):
            joints.send(json.dumps({"at": time.monotonic() - began}))

    threads = [threading.Thread(target=each) for each in (film, tell)]
    with producer, connect(embedded_server.uri, name="robot") as session:
        for thread in threads:
            thread.start()
        try:
            heard: list[object] = []
            session.channel("joints").message.connect(lambda channel, data: heard.append(data))
            with session.record(tmp_path / "drive.mcap") as recorder:
                wait_until(lambda: recorder.seconds > 4, "it has recorded", 30)
        finally:
            stop.set()
            for thread in threads:
                thread.join()

    read = Read(recorder.path)
    frames = [at - number / 1000 for at, number in read.frames("/video/wrist") if number is not None]
    states = sorted(at - json.loads(data)["at"] for at, data in read.entries["/channels/joints"])
    assert len(frames) > 80
    assert len(states) > 250
    # Recording takes no messages from receivers.
    assert len(heard) >= len(states)
    zero = sorted(frames)[len(frames) // 2]
    figures.add(
        f"{len(states)} states are misplaced at p99 by", abs(states[int(len(states) * 0.99)] - zero), limit=0.005
    )
