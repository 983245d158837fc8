"""Frames that a program has encoded: sent as they are, to consumers that join late too, and the requests to the program."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import av
import pytest

from gst_signalling_sync import EncodedVideoSource, MediaError, Producer, SignallingServer, connect

from ...helpers.filming import filming
from ...helpers.media import has_colour_bars, number_in
from ...helpers.waiting import Heard, wait_until
from .units import Encoder, bringing, encoded, units_of

SECONDS = 40.0

codecs = pytest.mark.parametrize("codec", ["VP8", "H264"])


@codecs
def test_frames_are_seen(producer: Producer, codec: str) -> None:
    video = producer.add_encoded_video(codec)
    with bringing(video, Encoder(codec)), connect(producer.uri, name="robot") as session:
        frame = session.video.read()

        assert frame.shape == (240, 320, 3)
        assert has_colour_bars(frame)
        assert number_in(frame) is not None
        assert session.video.codec == codec


@codecs
def test_frames_arrive_as_they_were_written(producer: Producer, codec: str, tmp_path: Path) -> None:
    video = producer.add_encoded_video(codec)
    written: list[bytes] = []
    with bringing(video, Encoder(codec), written=written), connect(producer.uri, name="robot") as session:
        session.video.read()
        with session.record(tmp_path / "recorded.mkv"):
            seen = len(written)
            wait_until(lambda: len(written) > seen + 30, "a second of it", SECONDS)

    with av.open(tmp_path / "recorded.mkv") as container:
        recorded = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    assert len(recorded) > 20
    assert_is_part_of(recorded, [as_in_files(codec, data) for data in written])


def as_in_files(codec: str, data: bytes) -> bytes:
    """An access unit in Matroska's form."""
    if codec == "VP8":
        return data
    return b"".join(len(unit).to_bytes(4, "big") + unit for unit in units_of(data))


def assert_is_part_of(part: list[bytes], whole: list[bytes]) -> None:
    """Assert that a recording contains what was written, in that order. Frames may be equal."""
    begins = range(len(whole) - len(part) + 1)
    assert any(part == whole[begin : begin + len(part)] for begin in begins)


@pytest.mark.usefixtures("_ahead_of_other_programs")
@codecs
def test_who_comes_between_two_keyframes_sees_at_once(producer: Producer, codec: str) -> None:
    video = producer.add_encoded_video(codec)
    with bringing(video, Encoder(codec)):
        wait_until(lambda: video.frames_written > 30, "a second of it", SECONDS)
        with connect(producer.uri, name="robot") as session:
            connected = time.monotonic()
            session.video.read()
            assert time.monotonic() - connected < 1
            wait_until(
                lambda: (number_in(session.video.read()) or 0) > video.frames_written - 10, "what is new", SECONDS
            )


def test_each_of_several_sees(producer: Producer) -> None:
    video = producer.add_encoded_video("H264")
    with bringing(video, Encoder("H264")):
        sessions = [connect(producer.uri, name="robot") for _ in range(4)]
        try:
            for session in sessions:
                assert number_in(session.video.read()) is not None
        finally:
            for session in sessions:
                session.close()


def test_who_comes_after_the_end_sees_the_last_frame(producer: Producer) -> None:
    video = producer.add_encoded_video("VP8")
    for data in encoded("VP8", 20):
        video.write(data)
    with connect(producer.uri, name="robot") as session:
        wait_until(lambda: number_in(session.video.read()) == 19, "the last frame", SECONDS)


def test_stream_may_become_another(producer: Producer) -> None:
    video = producer.add_encoded_video("H264")
    with connect(producer.uri, name="robot") as session:
        with bringing(video, Encoder("H264", "baseline")):
            assert session.video.read().shape == (240, 320, 3)
        with bringing(video, Encoder("H264", "high", size=(640, 480))):
            wait_until(lambda: session.video.read().shape == (480, 640, 3), "the larger frames", SECONDS)


# Requests to the program


@codecs
def test_program_is_asked_for_a_keyframe_by_whoever_comes(producer: Producer, codec: str) -> None:
    video = producer.add_encoded_video(codec)
    wanted = threading.Event()

    @video.keyframe_wanted.connect
    def on_keyframe_wanted(source: EncodedVideoSource) -> None:
        wanted.set()

    def answers(number: int) -> bool:
        is_wanted = wanted.is_set()
        wanted.clear()
        return number == 0 or is_wanted

    with bringing(video, Encoder(codec), answers):
        wait_until(lambda: video.frames_written > 30, "a second of it", SECONDS)
        with connect(producer.uri, name="robot") as session:
            assert (number_in(session.video.read(timeout=5)) or 0) > 20


def test_bitrate_of_the_link_is_told(producer: Producer) -> None:
    video = producer.add_encoded_video("VP8")
    told = Heard(video.bitrate_wanted)
    with bringing(video, Encoder("VP8")), connect(producer.uri, name="robot") as session:
        session.video.read()
        assert 30_000 <= told.next()["bits_per_second"] <= 10_000_000


def test_receiver_that_takes_a_minute_holds_up_no_frames_and_is_asked_once(producer: Producer) -> None:
    video = producer.add_encoded_video("VP8")
    calls: list[float] = []
    entered, released = threading.Event(), threading.Event()

    @video.keyframe_wanted.connect(thread="encoder")
    def on_keyframe_wanted(source: EncodedVideoSource) -> None:
        calls.append(time.monotonic())
        entered.set()
        released.wait(SECONDS)

    # There are keyframes without requests.
    with bringing(video, Encoder("VP8"), lambda number: number % 30 == 0):
        with connect(producer.uri, name="robot") as first:
            first.video.read()
            assert entered.wait(SECONDS)
            for _ in range(3):
                with connect(producer.uri, name="robot") as session:
                    assert number_in(session.video.read()) is not None
            first.video.read()
        assert len(calls) == 1
        released.set()
    wait_until(lambda: len(calls) <= 2, "no more than one call for all")


def test_producer_may_be_closed_by_who_is_asked(embedded_server: SignallingServer) -> None:
    producer = Producer(embedded_server.uri, name="robot")
    producer.start()
    video = producer.add_encoded_video("VP8")
    closed = threading.Event()

    @video.keyframe_wanted.connect
    def on_keyframe_wanted(source: EncodedVideoSource) -> None:
        producer.close()
        closed.set()

    with bringing(video, Encoder("VP8")):
        with connect(producer.uri, name="robot") as session:
            assert closed.wait(SECONDS)
            wait_until(lambda: session.state == "closed", "the session has ended")
        # Writing continues without an error.
        written = video.frames_written
        wait_until(lambda: video.frames_written > written, "another frame")
    assert producer.state == "closed"


def test_producer_that_is_started_again_asks_again(embedded_server: SignallingServer) -> None:
    producer = Producer(embedded_server.uri, name="robot")
    video = producer.add_encoded_video("VP8")
    told = Heard(video.keyframe_wanted)
    for _ in range(2):
        with producer, bringing(video, Encoder("VP8")), connect(producer.uri, name="robot"):
            told.next()


def test_garbage_is_told_and_harms_no_session(producer: Producer) -> None:
    video = producer.add_encoded_video("H264")
    with filming(producer.add_video(name="other")), connect(producer.uri, name="robot") as session:
        for data in (b"", b"garbage", b"\0\0\0\1\xff" + bytes(2000)):
            with pytest.raises(MediaError, match="not an H264 access unit"):
                video.write(data)
        with pytest.raises(TypeError):
            video.write("garbage")  # type: ignore[arg-type]
        assert session.videos["other"].read() is not None
        with bringing(video, Encoder("H264")):
            assert number_in(session.videos[0].read()) is not None


@codecs
def test_encoder_that_gives_no_keyframe_is_told(
    producer: Producer, codec: str, caplog: pytest.LogCaptureFixture
) -> None:
    video = producer.add_encoded_video(codec)
    encoder = Encoder(codec)
    encoder.encode(0)
    with (
        filming(producer.add_video(name="other")),
        bringing(video, encoder, lambda number: False),
        connect(producer.uri, name="robot") as session,
    ):
        wait_until(lambda: video.failure is not None, "the error", SECONDS)
        assert isinstance(video.failure, MediaError)
        assert "no keyframe came within 3 s" in str(video.failure)
        assert "no keyframe came within 3 s" in caplog.text
        assert session.videos["other"].read() is not None
        assert session.state == "connected"


@pytest.mark.parametrize("codec", ["PCMU", "MPEG2", ""])
def test_what_cannot_be_sent_as_it_is_is_refused(producer: Producer, codec: str) -> None:
    with pytest.raises(ValueError, match="codec must be one of 'VP8', 'H264'"):
        producer.add_encoded_video(codec)


def test_frame_rate_and_name_are_checked(producer: Producer) -> None:
    producer.add_encoded_video("VP8", name="wrist")
    with pytest.raises(ValueError, match=r"fps must be .* not 0"):
        producer.add_encoded_video("VP8", fps=0)
    with pytest.raises(ValueError, match="'wrist'"):
        producer.add_video(name="wrist")
