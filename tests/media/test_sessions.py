"""Video and audio in sessions between producers and consumers of this library."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from gst_signalling_sync import (
    Consumer,
    Producer,
    Session,
    SessionClosed,
    SignallingServer,
    TrackNotFound,
    WaitTimeout,
    connect,
)
from gst_signalling_sync.webrtc.media.encoded_frame import EncodedFrame
from gst_signalling_sync.webrtc.media.receiving.video_decoder import VideoDecoder
from gst_signalling_sync.webrtc.media.sending import encodings
from gst_signalling_sync.webrtc.media.sending.video_source import VideoSource

from ..helpers.filming import filming, humming, milliseconds
from ..helpers.media import frequency_of, has_colour_bars, number_in, numbered_frame
from ..helpers.waiting import Heard, wait_until


@pytest.fixture
def producer(signalling_uri: str) -> Iterator[Producer]:
    with Producer(signalling_uri, name="robot") as started:
        yield started


# SVT-AV1 may leave blocks of a uniform frame unchanged for up to two frames: docs/topics/codecs.rst.
@pytest.mark.parametrize(("codec", "tries"), [("VP8", 1), ("H264", 1), ("VP9", 1), ("AV1", 10)])
def test_a_frame_arrives_as_it_was_written(producer: Producer, codec: str, tries: int) -> None:
    with filming(producer.add_video(codecs=(codec,))), connect(producer.uri, name="robot") as session:
        frames = [session.video.read() for _ in range(tries)]

        for frame in frames:
            assert frame.shape == (240, 320, 3)
            assert frame.dtype == np.uint8
            assert has_colour_bars(frame)
        assert any(number_in(frame) is not None for frame in frames)
        assert session.video.codec == codec
        assert session.video.size == (320, 240)


def test_frames_arrive_in_order_and_soon(producer: Producer) -> None:
    with filming(producer.add_video()), connect(producer.uri, name="robot") as session:
        delays = []
        numbers = []
        for frame in session.video:
            number = number_in(frame)
            assert number is not None
            numbers.append(number)
            delays.append(milliseconds() - number)
            if len(numbers) == 60:
                break
    assert len(numbers) == 60
    assert numbers == sorted(set(numbers))
    assert np.median(delays) < 250


def test_a_tone_arrives_with_its_frequency(producer: Producer) -> None:
    with humming(producer.add_audio()), connect(producer.uri, name="robot") as session:
        audio = session.audio.read(48000)

        assert audio.shape == (48000, 2)
        assert audio.dtype == np.int16
        assert abs(frequency_of(audio) - 440) < 5


def test_a_session_with_both(producer: Producer) -> None:
    video, audio = producer.add_video(), producer.add_audio(rate=16000)
    with filming(video), humming(audio, 1000), connect(producer.uri, name="robot") as session:
        assert has_colour_bars(session.video.read())
        assert abs(frequency_of(session.audio.read(24000)) - 1000) < 10
        assert len(session.videos) == len(session.audios) == 1


def test_two_cameras_are_two_tracks(producer: Producer) -> None:
    front, back = producer.add_video(), producer.add_video()
    with filming(front, (320, 240)), filming(back, (160, 120)), connect(producer.uri, name="robot") as session:
        sizes = [video.read().shape[:2] for video in session.videos]
    assert sizes == [(240, 320), (120, 160)]


def test_the_consumer_can_make_the_offer(producer: Producer) -> None:
    video, audio = producer.add_video(), producer.add_audio()
    with filming(video), humming(audio), Consumer(producer.uri) as consumer:
        session = consumer.start_session(name="robot", offer=True)
        assert has_colour_bars(session.video.read())
        assert abs(frequency_of(session.audio.read(24000)) - 440) < 10


@pytest.mark.parametrize("offer", [False, True])
def test_a_consumer_talks_back_on_the_producers_tracks(producer: Producer, offer: bool) -> None:
    producer.add_video()
    producer.add_audio()
    with Consumer(producer.uri) as consumer:
        face, voice = consumer.add_video(), consumer.add_audio()
        with filming(face, (160, 120)), humming(voice, 700):
            consumer.start_session(name="robot", offer=offer)
            session = producer.wait_for_session()
            assert session.video.read().shape == (120, 160, 3)
            assert abs(frequency_of(session.audio.read(24000)) - 700) < 10


def test_a_passive_consumer_sees_the_producer_that_calls_it(signalling_uri: str) -> None:
    with Producer(signalling_uri, name="robot") as producer, Consumer(signalling_uri, passive=True) as consumer:
        assert consumer.peer_id is not None
        with filming(producer.add_video()):
            producer.start_session(consumer.peer_id)
            assert has_colour_bars(consumer.wait_for_session().video.read())


def test_who_joins_while_the_source_pauses_gets_the_last_frame(producer: Producer) -> None:
    producer.add_video().write(numbered_frame(77))
    for _ in range(2):
        with connect(producer.uri, name="robot") as session:
            assert number_in(session.video.read()) == 77


def test_the_size_may_change_in_mid_stream(producer: Producer) -> None:
    video = producer.add_video()
    with connect(producer.uri, name="robot") as session:
        for number, size in enumerate([(320, 240), (641, 361), (160, 120)]):
            video.write(numbered_frame(number, *size))
            for frame in session.video:
                if number_in(frame) == number:
                    break
            assert frame.shape == (size[1], size[0], 3)
            assert session.video.size == size


@pytest.mark.parametrize("format", ["bgr24", "rgb24", "gray8", "yuv420p"])
def test_every_format_can_be_written_and_read(producer: Producer, format: str) -> None:
    from gst_signalling_sync.webrtc.media.frame_conversion import to_array, to_frame

    drawn = numbered_frame(5)
    producer.add_video().write(to_array(to_frame(drawn), format), format)
    with connect(producer.uri, name="robot") as session:
        read = session.video.read(format)
        assert read.shape == to_array(to_frame(drawn), format).shape
        assert number_in(session.video.latest("gray8")) == 5  # type: ignore[arg-type]
        if format in ("bgr24", "rgb24"):
            assert has_colour_bars(read, format)


@pytest.mark.parametrize("codec", ["VP8", "H264", "VP9", "AV1"])
@pytest.mark.parametrize("pixel_format", ["bgr24", "yuvj420p"])
def test_brightness_arrives_as_it_was_written(producer: Producer, codec: str, pixel_format: str) -> None:
    frame = av.VideoFrame(320, 240, pixel_format)
    for number, plane in enumerate(frame.planes):
        plane.update(bytes([60 if number == 0 else 128]) * plane.buffer_size)
    producer.add_video(codecs=(codec,)).write(frame)
    with connect(producer.uri, name="robot") as session:
        assert abs(session.video.read("gray8").mean() - 60) <= 2


def test_a_frame_is_read_once_and_the_latest_any_number_of_times(
    producer: Producer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encodings, "REPEAT_SECONDS", 60.0)
    video = producer.add_video()
    with connect(producer.uri, name="robot") as session:
        assert session.video.latest() is None
        video.write(numbered_frame(1))
        assert number_in(session.video.read()) == 1
        for _ in range(3):
            assert number_in(session.video.latest()) == 1  # type: ignore[arg-type]
        with pytest.raises(WaitTimeout, match=r"0\.1 s"):
            session.video.read(timeout=0.1)


def test_frames_are_signalled(producer: Producer) -> None:
    with connect_after(producer) as (video, session):
        heard = Heard(session.video.frame)
        with filming(video):
            frame = heard.next()["frame"]
            assert (frame.width, frame.height) == (320, 240)
            assert heard.next()["frame"].pts > frame.pts


def test_a_callback_that_blocks_delays_no_reader(producer: Producer) -> None:
    with connect_after(producer) as (video, session):
        entered, release = threading.Event(), threading.Event()
        seen: list[int] = []

        def slow(sender: object, frame: Any) -> None:
            seen.append(frame.pts)
            entered.set()
            release.wait(20)

        session.video.frame.connect(slow)
        with filming(video):
            assert entered.wait(10)
            for _ in range(20):
                session.video.read()
            assert len(seen) == 1
            release.set()
            wait_until(lambda: len(seen) > 2, "the callback goes on")
        assert seen == sorted(seen)


@contextmanager
def connect_after(producer: Producer) -> Iterator[tuple[VideoSource, Session]]:
    """A session with one video track on which nothing has been sent."""
    video = producer.add_video()
    with connect(producer.uri, name="robot") as session:
        yield video, session


def test_a_session_without_such_a_track_says_so(producer: Producer) -> None:
    producer.add_audio()
    with connect(producer.uri, name="robot") as session:
        assert session.videos == []
        with pytest.raises(TrackNotFound, match="sends no such video; its tracks: audio '0'"):
            _ = session.video
        assert isinstance(TrackNotFound(), LookupError)
        with pytest.raises(TrackNotFound):
            _ = producer.wait_for_session().audio


def test_the_end_of_the_session_ends_the_reading(producer: Producer) -> None:
    producer.add_video()
    session = connect(producer.uri, name="robot")
    video = session.video
    errors: list[Exception] = []

    def read() -> None:
        try:
            video.read(timeout=20)
        except SessionClosed as error:
            errors.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    producer.wait_for_session().close()
    reader.join(10)
    assert not reader.is_alive()
    assert len(errors) == 1
    assert list(video) == []
    session.close()


def test_what_was_not_read_before_the_end_can_still_be_read(producer: Producer) -> None:
    producer.add_video().write(numbered_frame(8))
    session = connect(producer.uri, name="robot")
    wait_until(lambda: session.video.frames_received, "a frame is there")
    session.close()
    assert number_in(session.video.read()) == 8
    with pytest.raises(SessionClosed):
        session.video.read()


@pytest.mark.parametrize("offer", [False, True])
def test_a_source_that_fits_no_section_gets_one_of_its_own(producer: Producer, offer: bool) -> None:
    with (
        filming(producer.add_video(codecs=("H264",))),
        Consumer(producer.uri) as consumer,
        filming(consumer.add_video(codecs=("VP8",))),
    ):
        session = consumer.start_session(name="robot", offer=offer)
        there = producer.wait_for_session()
        wait_until(lambda: session.videos and there.videos, "both ends see", 20)
        assert has_colour_bars(session.video.read())
        assert has_colour_bars(there.video.read())
        assert (session.video.codec, there.video.codec) == ("H264", "VP8")


def test_sources_that_are_added_reach_sessions_that_run_and_those_to_come(signalling_uri: str) -> None:
    with (
        Producer(signalling_uri, name="robot") as producer,
        connect(signalling_uri, name="robot") as early,
        filming(producer.add_video()),
        connect(signalling_uri, name="robot") as late,
    ):
        assert has_colour_bars(late.video.read())
        wait_until(lambda: early.videos, "the running session has it", 20)
        assert has_colour_bars(early.video.read())


def test_a_producer_streams_again_after_it_was_closed(signalling_uri: str) -> None:
    producer = Producer(signalling_uri, name="robot")
    with filming(producer.add_video()):
        for _ in range(2):
            with producer, connect(signalling_uri, name="robot") as session:
                assert has_colour_bars(session.video.read())
            names = [each.name for each in threading.enumerate()]
            assert not [name for name in names if name.startswith("gss-") and name != "gss-server"]


def test_receiver_of_a_request_may_create_a_channel_beside_the_media(producer: Producer) -> None:
    @producer.session_requested.connect
    def welcome(sender: object, session: Session) -> None:
        session.create_channel("private")

    with filming(producer.add_video()), connect(producer.uri, name="robot") as session:
        assert has_colour_bars(session.video.read())
        assert session.channel("private").state == "open"


def test_no_decoder_is_left_when_a_session_is_closed(producer: Producer, monkeypatch: pytest.MonkeyPatch) -> None:
    decode = VideoDecoder.decode

    def decode_slowly(decoder: VideoDecoder, frame: EncodedFrame) -> list[av.VideoFrame]:
        time.sleep(0.3)
        return decode(decoder, frame)

    monkeypatch.setattr(VideoDecoder, "decode", decode_slowly)

    def decoders() -> list[str]:
        return [each.name for each in threading.enumerate() if each.name == "gss-video-decoder"]

    with filming(producer.add_video()):
        session = connect(producer.uri, name="robot")
        session.video.read()
        session.close()
        assert decoders() == []

        with Consumer(producer.uri) as consumer:
            session = consumer.start_session(name="robot")
            session.video.read()
            # The other end closes first; it makes no difference which close() waits.
            producer.wait_for_session().close()
            session.close()
            assert decoders() == []

            consumer.start_session(name="robot").video.read()
            producer.wait_for_session().close()
        assert decoders() == []


def test_recording_is_whole_after_close_when_the_other_end_came_first(producer: Producer, tmp_path: Path) -> None:
    with filming(producer.add_video()), Consumer(producer.uri) as consumer:
        session = consumer.start_session(name="robot")
        recorder = session.record(tmp_path / "drive.mkv").start()
        wait_until(lambda: recorder.seconds > 0.5, "something is recorded", 20)
        producer.wait_for_session().close()
        session.close()
        assert recorder.state == "closed"


def test_recording_pauses_and_goes_on_with_a_keyframe_that_it_asks_for(producer: Producer, tmp_path: Path) -> None:
    with filming(producer.add_video()), connect(producer.uri, name="robot") as session:
        with session.record(tmp_path / "drive.mkv") as recorder:
            wait_until(lambda: recorder.seconds > 0.5, "something is recorded", 20)
            recorder.pause()
            session.video.read()
            session.video.read()
            before = recorder.seconds
            recorder.resume()
            wait_until(lambda: recorder.seconds > before + 0.5, "it goes on", 20)
        assert not recorder.is_paused
        assert recorder.paths == (tmp_path / "drive.mkv",)


def test_session_requested_may_reject_with_media(producer: Producer) -> None:
    producer.add_video()

    @producer.session_requested.connect
    def refuse(sender: object, session: Session) -> None:
        session.reject("no visitors")

    with pytest.raises(SessionClosed):
        connect(producer.uri, name="robot")


def test_statistics_tell_of_both_ends(producer: Producer) -> None:
    with filming(producer.add_video()), connect(producer.uri, name="robot") as session:
        session.video.read()
        sent = producer.wait_for_session().stats()
        assert any(each["type"] == "outbound-rtp" and each["packetsSent"] > 0 for each in sent.values())
        received = session.stats()
        assert any(each["type"] == "inbound-rtp" and each["packetsReceived"] > 0 for each in received.values())


@pytest.mark.parametrize("kind", ["embedded"])
def test_eight_consumers_are_served_by_one_encoder(kind: str) -> None:
    with SignallingServer(port=0) as server, Producer(server.uri, name="robot") as producer:
        video = producer.add_video()
        with filming(video, (160, 120)), Consumer(server.uri) as consumer:
            sessions = [consumer.start_session(name="robot") for _ in range(8)]
            for session in sessions:
                assert has_colour_bars(session.video.read())
            assert video.frames_encoded <= video.frames_written + 8
