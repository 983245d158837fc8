"""Tracks that are added, paused, resumed, replaced and removed while a session runs, between peers of this library."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import av
import numpy as np
import pytest

from gst_signalling_sync import (
    AudioReceiver,
    Consumer,
    Producer,
    Session,
    SignallingServer,
    TrackNotFound,
    TrackRemoved,
    VideoReceiver,
    VideoSource,
    connect,
)

from ..helpers.filming import filming, humming
from ..helpers.media import frequency_of
from ..helpers.playing import write_file
from ..helpers.waiting import Heard, wait_until
from .tracks import names

SECONDS = 20.0


@contextmanager
def robot(uri: str) -> Iterator[tuple[Producer, VideoSource]]:
    """A producer with one camera, "front"."""
    producer = Producer(uri, name="robot")
    front = producer.add_video(name="front")
    with filming(front), producer:
        yield producer, front


@pytest.fixture
def running(embedded_server: SignallingServer) -> Iterator[tuple[Producer, VideoSource]]:
    with robot(embedded_server.uri) as started:
        yield started


@pytest.fixture
def producer(running: tuple[Producer, VideoSource]) -> Producer:
    return running[0]


@pytest.fixture
def front(running: tuple[Producer, VideoSource]) -> VideoSource:
    return running[1]


@pytest.fixture
def session(producer: Producer, embedded_server: SignallingServer) -> Iterator[Session]:
    with connect(embedded_server.uri, name="robot") as connected:
        connected.video.read(timeout=SECONDS)
        yield connected


def size_of(video: VideoReceiver) -> tuple[int, int]:
    height, width = video.read(timeout=SECONDS).shape[:2]
    return width, height


def wait_for_names(session: Session, *wanted: str) -> None:
    wait_until(lambda: names(session) == list(wanted), f"the tracks are {wanted}", SECONDS)


def test_track_that_is_added_arrives(producer: Producer, session: Session, stack: ExitStack) -> None:
    added = Heard(session.track_added)

    stack.enter_context(filming(producer.add_video(name="wrist"), (160, 120)))

    wrist = added.next()["track"]
    assert wrist is session.videos["wrist"]
    assert size_of(wrist) == (160, 120)
    assert size_of(session.videos["front"]) == (320, 240)


def test_sound_is_added_to_a_session_of_video(producer: Producer, session: Session, stack: ExitStack) -> None:
    added = Heard(session.track_added)

    stack.enter_context(humming(producer.add_audio(name="ears")))

    ears = added.next()["track"]
    assert isinstance(ears, AudioReceiver)
    ears.read(4800)
    assert abs(frequency_of(ears.read(24000)) - 440) < 5


def test_tracks_are_added_to_a_session_of_data(embedded_server: SignallingServer, stack: ExitStack) -> None:
    with Producer(embedded_server.uri, name="robot") as producer, connect(embedded_server.uri, name="robot") as session:
        stack.enter_context(filming(producer.add_video(name="front")))
        stack.enter_context(humming(producer.add_audio(name="ears")))

        wait_for_names(session, "front")
        assert size_of(session.videos["front"]) == (320, 240)
        wait_until(lambda: len(session.audios) == 1, "the sound is there", SECONDS)
        assert session.audio.read(4800).any()


def test_player_is_added(producer: Producer, session: Session, tmp_path: Path) -> None:
    producer.add_player(write_file(tmp_path / "film.mkv", seconds=1), loop=True, name="film")

    wait_for_names(session, "front", "film")
    assert session.videos["film"].read(timeout=SECONDS).any()
    assert session.audios["film"].read(4800).shape[0] == 4800


def test_track_that_is_removed_ends(producer: Producer, session: Session, stack: ExitStack) -> None:
    wrist = producer.add_video(name="wrist")
    stack.enter_context(filming(wrist, (160, 120)))
    wait_for_names(session, "front", "wrist")
    receiver = session.videos["wrist"]
    receiver.read(timeout=SECONDS)
    removed = Heard(session.track_removed)

    wrist.remove()

    assert removed.next()["track"] is receiver
    assert names(session) == ["front"]
    assert receiver.has_ended
    for _ in receiver:
        # Frames that arrived before may still be read.
        pass
    with pytest.raises(TrackRemoved, match="the peer removed the video track 'wrist'"):
        receiver.read()
    assert size_of(session.videos["front"]) == (320, 240)
    with pytest.raises(TrackNotFound, match="its tracks: video 'front'"):
        session.videos["wrist"]


def test_iteration_over_a_track_ends_when_it_is_removed(front: VideoSource, session: Session) -> None:
    video = session.videos["front"]
    frames = iter(video)
    next(frames)

    front.remove()

    for _ in frames:
        pass
    assert video.has_ended


def test_track_comes_back_under_its_name(producer: Producer, session: Session, stack: ExitStack) -> None:
    for width in (160, 192, 224):
        wrist = producer.add_video(name="wrist")
        with filming(wrist, (width, 120)):
            wait_for_names(session, "front", "wrist")
            assert size_of(session.videos["wrist"]) == (width, 120)
            wrist.remove()
            wait_for_names(session, "front")


def test_removal_and_addition_at_once(producer: Producer, session: Session, stack: ExitStack) -> None:
    first = producer.add_video(name="wrist")
    stack.enter_context(filming(first, (160, 120)))
    wait_for_names(session, "front", "wrist")
    receiver = session.videos["wrist"]

    first.remove()
    stack.enter_context(filming(producer.add_video(name="wrist"), (192, 120)))

    wait_until(lambda: receiver.has_ended and len(session.videos) == 2, "the second one is there", SECONDS)
    assert size_of(session.videos["wrist"]) == (192, 120)


def test_paused_track_is_silent_and_says_so(front: VideoSource, session: Session) -> None:
    video = session.video
    front.pause()

    wait_until(lambda: video.is_paused, "the other end knows", SECONDS)
    wait_until(lambda: video.fps == 0, "nothing comes", SECONDS)
    assert front.is_paused
    assert video.age is not None
    assert not video.has_ended
    video.latest()

    before = time.monotonic()
    front.resume()
    while video.read_frame(timeout=SECONDS).repeated:
        pass
    assert time.monotonic() - before < SECONDS
    wait_until(lambda: not video.is_paused, "the other end knows", SECONDS)


def test_source_that_pauses_before_the_session_begins(embedded_server: SignallingServer, stack: ExitStack) -> None:
    with robot(embedded_server.uri) as (_, front):
        front.pause()
        with connect(embedded_server.uri, name="robot") as session:
            wait_until(lambda: session.video.is_paused, "it says so", SECONDS)
            assert session.video.frames_received == 0
            front.resume()
            assert session.video.read(timeout=SECONDS).any()


def test_a_frame_is_encoded_for_nobody_while_it_is_paused(front: VideoSource, session: Session) -> None:
    front.pause()
    wait_until(lambda: session.video.is_paused, "it is paused", SECONDS)
    encoded = front.frames_encoded
    written = front.frames_written
    wait_until(lambda: front.frames_written > written + 10, "frames are written", SECONDS)
    assert front.frames_encoded <= encoded + 1


def test_source_takes_the_place_of_another(
    producer: Producer, front: VideoSource, session: Session, stack: ExitStack
) -> None:
    video = session.video
    removed: list[object] = []
    session.track_removed.connect(lambda session, track: removed.append(track))

    stack.enter_context(filming(producer.add_video(replaces=front), (160, 120)))

    wait_until(lambda: size_of(video) == (160, 120), "the other source is seen", SECONDS)
    assert session.videos == [video]
    assert removed == []
    with pytest.raises(RuntimeError, match="it was removed"):
        front.pause()


def test_source_of_another_codec_takes_the_place(embedded_server: SignallingServer, stack: ExitStack) -> None:
    with Producer(embedded_server.uri, name="robot") as producer:
        first = producer.add_video(codecs=["H264"], name="front")
        stack.enter_context(filming(first))
        with connect(embedded_server.uri, name="robot") as session:
            before = session.video
            assert size_of(before) == (320, 240)

            stack.enter_context(filming(producer.add_video(codecs=["VP8"], replaces=first), (160, 120)))

            wait_until(lambda: before.has_ended and len(session.videos) == 1, "another track is there", SECONDS)
            assert session.video.name == "front"
            assert size_of(session.video) == (160, 120)
            assert session.video.codec == "VP8"


def test_source_of_another_name_takes_the_place(
    producer: Producer, front: VideoSource, session: Session, stack: ExitStack
) -> None:
    before = session.video

    stack.enter_context(filming(producer.add_video(name="back", replaces=front), (160, 120)))

    wait_for_names(session, "back")
    assert before.has_ended
    assert size_of(session.video) == (160, 120)


def test_what_is_no_source_is_not_replaced(producer: Producer, front: VideoSource) -> None:
    other = Producer().add_video()
    with pytest.raises(ValueError, match="replaces must be a source of video that this producer sends"):
        producer.add_video(replaces=other)
    with pytest.raises(ValueError, match="replaces must be a source of audio that this producer sends"):
        producer.add_audio(replaces=front)  # type: ignore[arg-type]


def test_consumer_talks_back_later(embedded_server: SignallingServer, producer: Producer, stack: ExitStack) -> None:
    with Consumer(embedded_server.uri) as consumer:
        consumer.start_session(name="robot")
        there = producer.wait_for_session()
        added = Heard(there.track_added)

        stack.enter_context(humming(consumer.add_audio(name="operator"), 700))
        voice = added.next()["track"]
        voice.read(4800)
        assert abs(frequency_of(voice.read(24000)) - 700) < 10

        stack.enter_context(filming(consumer.add_video(name="face"), (160, 120)))
        assert size_of(added.next()["track"]) == (160, 120)
        second = consumer.add_video(name="hands")
        stack.enter_context(filming(second, (192, 120)))
        assert size_of(added.next()["track"]) == (192, 120)
        assert names(there) == ["face", "hands"]

        second.remove()
        wait_for_names(there, "face")
        assert size_of(there.video) == (160, 120)


def test_session_that_the_consumer_offered_gets_what_comes_later(
    embedded_server: SignallingServer, producer: Producer, stack: ExitStack
) -> None:
    with Consumer(embedded_server.uri) as consumer:
        session = consumer.start_session(name="robot", offer=True)
        assert size_of(session.video) == (320, 240)
        there = producer.wait_for_session()

        stack.enter_context(filming(producer.add_video(name="wrist"), (160, 120)))
        stack.enter_context(filming(consumer.add_video(name="face"), (192, 120)))

        wait_for_names(session, "front", "wrist")
        assert size_of(session.videos["wrist"]) == (160, 120)
        wait_for_names(there, "face")
        assert size_of(there.video) == (192, 120)
        assert size_of(session.videos["front"]) == (320, 240)


def test_producer_s_tracks_that_the_consumer_s_offer_has_no_section_for_follow(
    embedded_server: SignallingServer, producer: Producer, stack: ExitStack
) -> None:
    stack.enter_context(filming(producer.add_video(name="wrist"), (160, 120)))
    with Consumer(embedded_server.uri) as consumer:
        session = consumer.start_session(name="robot", offer=True)
        wait_for_names(session, "front", "wrist")
        assert size_of(session.videos["wrist"]) == (160, 120)


def test_choice_holds_for_tracks_that_come_later(embedded_server: SignallingServer, stack: ExitStack) -> None:
    with robot(embedded_server.uri) as (producer, _), connect(embedded_server.uri, video=["front", "wrist"]) as session:
        stack.enter_context(filming(producer.add_video(name="back"), (160, 120)))
        stack.enter_context(filming(producer.add_video(name="wrist"), (192, 120)))

        wait_for_names(session, "front", "wrist")
        assert size_of(session.videos["wrist"]) == (192, 120)


def test_sessions_go_on_beside_one_another(embedded_server: SignallingServer, stack: ExitStack) -> None:
    with robot(embedded_server.uri) as (producer, _):
        sessions = [stack.enter_context(connect(embedded_server.uri, name="robot")) for _ in range(3)]
        wrist = producer.add_video(name="wrist")
        stack.enter_context(filming(wrist, (160, 120)))
        for session in sessions:
            wait_for_names(session, "front", "wrist")
            assert size_of(session.videos["wrist"]) == (160, 120)
        wrist.remove()
        for session in sessions:
            wait_for_names(session, "front")


def test_recording_goes_on_when_its_track_is_removed(
    producer: Producer, front: VideoSource, session: Session, tmp_path: Path, stack: ExitStack
) -> None:
    stack.enter_context(humming(producer.add_audio(name="ears")))
    wait_until(lambda: len(session.audios) == 1, "the sound is there", SECONDS)
    path = tmp_path / "run.mkv"
    with session.record(path) as recorder:
        wait_until(lambda: recorder.frames > 10, "it records", SECONDS)
        front.remove()
        wait_until(lambda: not session.videos, "the video is gone", SECONDS)
        seconds = recorder.seconds
        wait_until(lambda: recorder.seconds > seconds + 1, "the sound is still recorded", SECONDS)
    with av.open(str(path)) as file:
        assert {stream.type for stream in file.streams} == {"video", "audio"}
        ends = [float(packet.pts * packet.time_base) for packet in file.demux(audio=0) if packet.pts is not None]
        assert ends[-1] > seconds + 0.8


def test_more_tracks_come_and_go_than_a_description_may_have(
    producer: Producer, session: Session, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        for number in range(24):
            source = producer.add_video(name=f"camera-{number}")
            source.write(np.full((48, 64, 3), 80, np.uint8))
            wait_for_names(session, "front", f"camera-{number}")
            assert session.videos[1].read(timeout=SECONDS).shape == (48, 64, 3)
            source.remove()
            wait_for_names(session, "front")
    assert not [record.message for record in caplog.records if "gst_signalling_sync" in record.name]
    assert size_of(session.video) == (320, 240)
