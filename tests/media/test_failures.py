"""An unforeseen exception costs one frame, is logged with its traceback, and is reported; it ends no thread silently."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gst_signalling_sync import Producer, RecordingError, Session, SignallingServer, connect
from gst_signalling_sync.threads.callbacks import Callbacks
from gst_signalling_sync.threads.loop_thread import LoopThread
from gst_signalling_sync.threads.waiting import Deadline
from gst_signalling_sync.webrtc.media.encoded_frame import EncodedFrame
from gst_signalling_sync.webrtc.media.failures import DecodingError, Failures
from gst_signalling_sync.webrtc.media.frame_conversion import to_frame
from gst_signalling_sync.webrtc.media.playing.media_input import MediaInput
from gst_signalling_sync.webrtc.media.playing.player import Player
from gst_signalling_sync.webrtc.media.receiving.decoder_thread import DecoderThread
from gst_signalling_sync.webrtc.media.receiving.video_decoder import VideoDecoder
from gst_signalling_sync.webrtc.media.recording.recording import Recording
from gst_signalling_sync.webrtc.media.sending import source_thread
from gst_signalling_sync.webrtc.media.sending.audio_encoder import AudioEncoder
from gst_signalling_sync.webrtc.media.sending.fan_out import FanOut
from gst_signalling_sync.webrtc.media.sending.keyframe_requests import KeyframeRequests
from gst_signalling_sync.webrtc.media.sending.video_encoder import VideoEncoder

from ..helpers.encoded_media import Robot, recorder_of
from ..helpers.filming import filming, humming
from ..helpers.media import frequency_of, number_in, numbered_frame
from ..helpers.playing import FPS, SECONDS, Written, film_server, playing, write_file
from ..helpers.send_forms import send_form
from ..helpers.waiting import Heard, wait_until

UNFORESEEN = "a mistake of ours"


class Faults:
    """Exceptions that a method raises instead of working.

    Attributes:
        left: Number of times that it will still fail.
        raised: Number of times that it has failed.
    """

    def __init__(self) -> None:
        self.left = 0
        self.raised = 0


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> Callable[[type, str], Faults]:
    """Have a method of a class fail when `Faults.left` is set."""

    def inject(kind: type, name: str) -> Faults:
        faults = Faults()
        original: Callable[..., Any] = getattr(kind, name)

        def fail_or_call(self: Any, *arguments: Any, **named: Any) -> Any:
            if faults.left:
                faults.left -= 1
                faults.raised += 1
                raise LookupError(UNFORESEEN)
            return original(self, *arguments, **named)

        monkeypatch.setattr(kind, name, fail_or_call)
        return faults

    return inject


def tracebacks(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The log with the traceback of the injected exception."""
    return [
        record.getMessage()
        for record in caplog.records
        if record.exc_info is not None and isinstance(record.exc_info[1], LookupError)
    ]


# Logging


@pytest.fixture
def failures() -> Failures:
    return Failures(logging.getLogger("test"), lambda: "the camera", (DecodingError,), logging.WARNING)


def test_failure_of_every_frame_is_a_line_in_ten_seconds(failures: Failures, caplog: pytest.LogCaptureFixture) -> None:
    for number in range(31 * FPS):
        failures.add("decode a frame", DecodingError("damaged"), now=number / FPS)

    assert [record.getMessage() for record in caplog.records] == [
        "the camera: cannot decode a frame: damaged",
        *["the camera: cannot decode a frame: damaged (299 more like it since the last time)"] * 3,
    ]
    assert failures.count == 31 * FPS


def test_each_kind_of_failure_is_logged_at_once(failures: Failures, caplog: pytest.LogCaptureFixture) -> None:
    failures.add("decode a frame", DecodingError("damaged"), now=0.0)
    failures.add("decode a frame", LookupError(UNFORESEEN), now=0.1)

    assert [(record.levelname, record.exc_info is not None) for record in caplog.records] == [
        ("WARNING", False),
        ("ERROR", True),
    ]


def test_failure_is_told_until_a_frame_passes(failures: Failures) -> None:
    error = DecodingError("damaged")
    assert failures.newest is None
    failures.add("decode a frame", error, now=0.0)
    assert failures.newest is error
    failures.passed()
    assert (failures.newest, failures.count) == (None, 1)


# Sending


@pytest.mark.parametrize(("kind", "method"), [(VideoEncoder, "encode"), (FanOut, "post"), (KeyframeRequests, "is_due")])
def test_video_goes_on_after_a_frame_that_failed(
    embedded_server: SignallingServer,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    faults: Callable[[type, str], Faults],
    kind: type,
    method: str,
) -> None:
    monkeypatch.setattr(source_thread, "PAUSE_SECONDS", 0.01)
    fault = faults(kind, method)
    producer = Producer(embedded_server.uri, name="robot")
    camera = producer.add_video()
    with producer, filming(camera), connect(embedded_server.uri, name="robot") as session:
        session.video.read()
        for times in (1, 5):
            fault.left = times
            wait_until(lambda: not fault.left, "it has failed")
            for _ in range(5):
                assert number_in(session.video.read()) is not None
        assert camera.failure is None
        assert (session.video.frames_failed, session.video.failure) == (0, None)

    assert tracebacks(caplog)
    if method != "is_due":
        assert camera.frames_failed == fault.raised == 6


def test_source_that_cannot_encode_says_so(
    embedded_server: SignallingServer, caplog: pytest.LogCaptureFixture, faults: Callable[[type, str], Faults]
) -> None:
    faults(VideoEncoder, "encode").left = 1_000_000
    producer = Producer(embedded_server.uri, name="robot")
    camera = producer.add_video()
    with producer, filming(camera), connect(embedded_server.uri, name="robot"):
        wait_until(lambda: camera.frames_failed >= 10, "some frames")
        assert isinstance(camera.failure, LookupError)

    assert len(tracebacks(caplog)) == 1


def test_sound_goes_on_after_a_piece_that_failed(
    embedded_server: SignallingServer, caplog: pytest.LogCaptureFixture, faults: Callable[[type, str], Faults]
) -> None:
    fault = faults(AudioEncoder, "encode")
    producer = Producer(embedded_server.uri, name="robot")
    microphone = producer.add_audio()
    with producer, humming(microphone), connect(embedded_server.uri, name="robot") as session:
        session.audio.read(4800)
        fault.left = 3
        wait_until(lambda: not fault.left, "it has failed")
        wait_until(lambda: microphone.failure is None, "it passes again")
        # What was under way, and then a whole second.
        session.audio.read(session.audio.waiting + 48000)
        assert frequency_of(session.audio.read(24000)) == pytest.approx(440, abs=2)

    assert microphone.frames_failed == 3
    assert len(tracebacks(caplog)) == 1


def test_reports_go_on_after_one_that_failed(
    embedded_server: SignallingServer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def report_of(session: Session) -> float:
        stats = session.stats().values()
        return max((each["remoteTimestamp"] for each in stats if each["type"] == "remote-outbound-rtp"), default=0.0)

    def fail(**named: Any) -> None:
        monkeypatch.undo()
        raise LookupError(UNFORESEEN)

    producer = Producer(embedded_server.uri, name="robot")
    camera = producer.add_video()
    with producer, filming(camera), connect(embedded_server.uri, name="robot") as session:
        session.video.read()
        monkeypatch.setattr("gst_signalling_sync.webrtc.media.sending.sender_reports.RtcpSenderInfo", fail)
        wait_until(lambda: tracebacks(caplog), "a report has failed")
        before = report_of(session)
        wait_until(lambda: report_of(session) > before, "another report")


# Receiving


def test_video_is_decoded_again_from_the_next_keyframe(
    embedded_server: SignallingServer, caplog: pytest.LogCaptureFixture, faults: Callable[[type, str], Faults]
) -> None:
    fault = faults(VideoDecoder, "decode")
    producer = Producer(embedded_server.uri, name="robot")
    camera = producer.add_video()
    with producer, filming(camera), connect(embedded_server.uri, name="robot") as session:
        session.video.read()
        fault.left = 1
        wait_until(lambda: session.video.frames_failed == 1, "it has failed")
        before = session.video.frames_received
        wait_until(lambda: session.video.frames_received > before, "a keyframe came")
        assert session.video.failure is None

    assert len(tracebacks(caplog)) == 1


def test_decoder_survives_that_a_keyframe_cannot_be_asked_for(
    loop: LoopThread, caplog: pytest.LogCaptureFixture
) -> None:
    decoded: list[int] = []

    def decode(frame: EncodedFrame) -> None:
        if frame.timestamp == 2:
            raise DecodingError("damaged")
        decoded.append(frame.timestamp)

    def ask() -> None:
        raise LookupError(UNFORESEEN)

    thread = DecoderThread("test-decoder", decode, ask)

    async def put() -> None:
        for number in range(1, 6):
            thread.put(EncodedFrame("VP8", b"x", number, number in (1, 4), time.monotonic()))

    loop.run(put(), Deadline(SECONDS), "putting frames")
    wait_until(lambda: decoded == [1, 4, 5], "it goes on with the next keyframe")

    async def end() -> None:
        thread.end()
        assert await thread.wait_ended(SECONDS)

    loop.run(end(), Deadline(SECONDS), "ending")
    assert tracebacks(caplog) == ["gss-test-decoder: cannot ask for a keyframe: LookupError('a mistake of ours')"]


def damaged(data: bytes, random: np.random.Generator) -> bytes:
    """A part of an access unit, with some of its bytes replaced."""
    octets = np.frombuffer(data, np.uint8).copy()
    places = random.integers(0, len(octets), size=max(1, len(octets) // 50))
    octets[places] = random.integers(0, 256, size=len(places))
    return octets[: random.integers(1, len(octets) + 1)].tobytes()


@pytest.mark.parametrize("codec", ["VP8", "H264"])
def test_no_damage_ends_the_decoding(loop: LoopThread, codec: str) -> None:
    random = np.random.default_rng(9)
    encoder, decoder = VideoEncoder(send_form(codec)), VideoDecoder()
    decoded: list[int] = []
    thread = DecoderThread(
        "test-decoder", lambda frame: decoded.extend(each.pts or 0 for each in decoder.decode(frame)), lambda: None
    )

    async def put(frame: EncodedFrame) -> None:
        thread.put(frame)

    for number in range(300):
        video_frame = to_frame(numbered_frame(number)).reformat(format="yuv420p")
        (encoded,) = encoder.encode(video_frame, number * 3000, 0.0, 500_000, 30, keyframe=number % 10 == 9)
        data = encoded.data if number % 10 == 9 else damaged(encoded.data, random)
        frame = EncodedFrame(codec, data, encoded.timestamp, number % 3 == 0 or encoded.keyframe, time.monotonic())
        loop.run(put(frame), Deadline(SECONDS), "putting a frame")
        wait_until(lambda: thread.waiting == 0, "it is taken")

    assert {9 + 10 * number for number in range(30)} <= {timestamp // 3000 for timestamp in decoded}
    assert thread.failures.count > 0

    async def end() -> None:
        thread.end()
        assert await thread.wait_ended(SECONDS)

    loop.run(end(), Deadline(SECONDS), "ending")


# Recording


@pytest.mark.parametrize("is_worse", [False, True], ids=["the file is closed", "the file cannot be closed either"])
def test_recording_that_failed_says_so(
    tmp_path: Path,
    callbacks: Callbacks,
    caplog: pytest.LogCaptureFixture,
    faults: Callable[[type, str], Faults],
    is_worse: bool,
) -> None:
    writing, closing = faults(Recording, "add"), faults(Recording, "abandon")
    robot = Robot("H264")
    recorder = recorder_of(robot, tmp_path / "drive.mkv", callbacks)
    ended = Heard(recorder.ended)
    recorder.start()
    closing.left = int(is_worse)
    writing.left = 1
    robot.send(0, 1)

    error = ended.next()["error"]
    assert isinstance(error, RecordingError)
    assert UNFORESEEN in str(error)
    assert recorder.state == "closed"
    with pytest.raises(RecordingError, match=UNFORESEEN):
        recorder.close()
    assert len(tracebacks(caplog)) == 1 + is_worse


# Playing


def test_player_loses_what_cannot_be_written_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    player = Player(write_file(tmp_path / "film.mp4", audio=None))
    written = Written(player, monkeypatch)
    write = player.sources[0].write

    def fail_at_ten(content: Any, captured: float | None = None) -> None:
        write(content, captured=captured)
        if len(written.frames) == 10:
            raise LookupError(UNFORESEEN)

    monkeypatch.setattr(player.sources[0], "write", fail_at_ten)
    with playing(player):
        player.wait(SECONDS)

    assert written.numbers == list(range(FPS))
    assert len(tracebacks(caplog)) == 1


def test_player_that_cannot_go_on_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, faults: Callable[[type, str], Faults]
) -> None:
    fault = faults(MediaInput, "packets")
    player = Player(write_file(tmp_path / "film.mp4", audio=None))
    fault.left = 1
    with playing(player):
        wait_until(lambda: player.ended, "it ends", SECONDS)
        assert UNFORESEEN in str(player.error)
        assert not player.playing

    assert len(tracebacks(caplog)) == 1


def test_stream_that_loops_is_opened_again_whatever_it_failed_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, faults: Callable[[type, str], Faults]
) -> None:
    film = write_file(tmp_path / "film.ts", seconds=2, audio=None).read_bytes()
    with film_server(film) as stream:
        player = Player(stream.url, loop=True)
        written = Written(player, monkeypatch)
        faults(MediaInput, "packets").left = 1
        with playing(player):
            wait_until(lambda: len(written.frames) > FPS, "frames of the second connection", SECONDS)

        assert len(stream.requests) == 2
