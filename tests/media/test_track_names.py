"""Tracks have names by which a consumer chooses, between peers of this library."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from gst_signalling_sync import Consumer, Producer, Session, SessionClosed, SignallingServer, TrackNotFound, connect
from gst_signalling_sync.webrtc.media.receiving.track_receiver import track_of
from gst_signalling_sync.webrtc.media.track_choice import TrackChoice
from gst_signalling_sync.webrtc.media.track_names import given_name
from gst_signalling_sync.webrtc.sdp import Section
from gst_signalling_sync.webrtc.session import behind_session

from ..helpers.filming import filming, humming
from ..helpers.media import frequency_of
from ..helpers.playing import write_file
from ..helpers.waiting import wait_until

SECONDS = 20.0
SIZES = {"front": (320, 240), "wrist": (160, 120), "back": (240, 160)}


@contextmanager
def robot(uri: str) -> Iterator[Producer]:
    """A producer with three cameras of different sizes, and a microphone."""
    with ExitStack() as stack:
        producer = Producer(uri, name="robot")
        for name, size in SIZES.items():
            stack.enter_context(filming(producer.add_video(name=name), size))
        stack.enter_context(humming(producer.add_audio(name="ears")))
        yield stack.enter_context(producer)


@pytest.fixture
def uri(embedded_server: SignallingServer) -> Iterator[str]:
    with robot(embedded_server.uri):
        yield embedded_server.uri


def size_of(session: Session, name: str) -> tuple[int, int]:
    height, width = session.videos[name].read().shape[:2]
    return width, height


def test_tracks_are_found_by_their_names(uri: str) -> None:
    with connect(uri, name="robot") as session:
        assert {name: size_of(session, name) for name in SIZES} == SIZES
        assert [video.name for video in session.videos] == list(SIZES)
        assert session.videos[1] is session.videos["wrist"]
        assert [video.name for video in session.videos[1:]] == ["wrist", "back"]
        assert abs(frequency_of(session.audios["ears"].read(24000)) - 440) < 5
        with pytest.raises(TrackNotFound, match=r"looking for the track 'wirst': .*'front'.*'wrist'.*'back'"):
            session.videos["wirst"]


def test_a_consumer_that_makes_the_offer_knows_the_names(uri: str) -> None:
    with Consumer(uri) as consumer:
        session = consumer.start_session(name="robot", offer=True)
        assert size_of(session, "front") == SIZES["front"]
        assert [audio.name for audio in session.audios] == ["ears"]


def test_tracks_without_a_name_have_that_of_their_section(embedded_server: SignallingServer) -> None:
    with Producer(embedded_server.uri, name="robot") as producer:
        producer.add_video()
        producer.add_video(name="wrist")
        with connect(embedded_server.uri, name="robot") as session:
            assert [video.name for video in session.videos] == ["0", "wrist"]
            assert session.videos["0"] is session.video


@pytest.mark.parametrize("wanted", [["wrist"], ["wrist", "no such one"]])
def test_nothing_is_sent_of_what_was_not_chosen(uri: str, wanted: Sequence[str]) -> None:
    with connect(uri, name="robot", video=wanted, audio=False) as session:
        assert size_of(session, "wrist") == SIZES["wrist"]
        assert [video.name for video in session.videos] == ["wrist"]
        assert session.audios == []
        with pytest.raises(TrackNotFound, match="its tracks: video 'wrist'"):
            _ = session.audio
        assert streams_in(session) == {"video"}


def test_neither_video_nor_audio(embedded_server: SignallingServer) -> None:
    with robot(embedded_server.uri) as producer, connect(embedded_server.uri, video=False, audio=False) as session:
        joystick = session.create_channel("joystick")
        there = producer.wait_for_session()
        for _ in range(100):
            joystick.send("left")
            assert there.channel("joystick").recv() == "left"
        assert session.videos == []
        assert session.audios == []
        assert streams_in(session) == set()


def test_what_was_not_chosen_is_not_chosen_when_the_consumer_makes_the_offer(uri: str) -> None:
    with Consumer(uri) as consumer:
        session = consumer.start_session(name="robot", offer=True, audio=False)
        assert size_of(session, "front") == SIZES["front"]
        assert session.audios == []


def test_a_consumer_that_takes_nothing_may_talk_back(embedded_server: SignallingServer) -> None:
    with (
        robot(embedded_server.uri) as producer,
        Consumer(embedded_server.uri) as consumer,
        humming(consumer.add_audio(name="operator"), 700),
    ):
        session = consumer.start_session(name="robot", audio=False, video=["back"])
        assert size_of(session, "back") == SIZES["back"]
        voice = producer.wait_for_session().audios["operator"]
        assert abs(frequency_of(voice.read(24000)) - 700) < 10
        assert session.audios == []


def test_a_resumed_session_goes_on_with_the_tracks_of_the_same_names(uri: str) -> None:
    with connect(uri, name="robot", resume=True, video=["wrist", "back"]) as session, ExitStack() as stack:
        wrist, first = session.videos["wrist"], session.peer_id
        assert wrist.read().shape == (120, 160, 3)
        # Of two robots with the same name the newer one is tried first; its tracks are in another order.
        producer = Producer(uri, name="robot")
        for name in reversed(SIZES):
            stack.enter_context(filming(producer.add_video(name=name), SIZES[name]))
        stack.enter_context(producer)
        behind_session(session).abandon(SessionClosed("the network is gone", "lost"))
        wait_until(lambda: session.state == "connected" and session.peer_id != first, "it goes on", SECONDS)

        came = wrist.frames_received
        wait_until(lambda: wrist.frames_received > came + 2, "frames come again", SECONDS)
        newest = wrist.latest()
        assert newest is not None
        assert newest.shape == (120, 160, 3)
        assert size_of(session, "back") == SIZES["back"]
        assert [video.name for video in session.videos] == ["wrist", "back"]


def streams_in(session: Session) -> set[str]:
    """The kinds of media of which packets have arrived."""
    received = [each for each in session.stats().values() if each["type"] == "inbound-rtp"]
    return {each["kind"] for each in received if each["packetsReceived"]}


@pytest.mark.parametrize("name", ["", "left wrist", "é", "x" * 65, "a:b", "line\n"])
def test_names_that_no_description_can_carry_are_refused(name: str) -> None:
    producer = Producer()
    for add in (producer.add_video, producer.add_audio):
        with pytest.raises(ValueError, match=r"name must be .*RFC 8830"):
            add(name=name)


def test_of_several_threads_that_add_one_name_only_one_succeeds() -> None:
    producer = Producer()
    together = threading.Barrier(8)

    def add(_: int) -> bool:
        together.wait(SECONDS)
        try:
            producer.add_video(name="wrist")
        except ValueError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(add, range(8))) == 1


def test_a_name_is_that_of_one_track_of_a_kind() -> None:
    producer = Producer()
    producer.add_video(name="wrist")
    producer.add_audio(name="wrist")
    with pytest.raises(ValueError, match="name must be that of no other video track, not 'wrist'"):
        producer.add_video(name="wrist")


def test_names_of_a_player_are_those_of_its_tracks(tmp_path: Path, embedded_server: SignallingServer) -> None:
    path = write_file(tmp_path / "film.mkv", seconds=1)
    with Producer(embedded_server.uri, name="robot") as producer:
        producer.add_player(path, loop=True, name="film")
        with pytest.raises(ValueError, match="not 'film' again"):
            producer.add_player(path, name="film")
        with connect(embedded_server.uri, name="robot") as session:
            assert session.videos["film"].read().any()
            assert session.audios["film"].read(4800).shape[0] == 4800


def test_choices_that_are_none() -> None:
    with pytest.raises(TypeError, match="video must be True, False or a list of names of tracks, not 'wrist'"):
        connect(video="wrist")
    with pytest.raises(TypeError, match="audio must be"):
        connect(audio=[1])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="offer=True"):
        Consumer().start_session(offer=True, video=["wrist"])


def test_choice_is_of_kinds_and_names() -> None:
    choice = TrackChoice.of(["wrist"], False)
    assert [choice.takes("video", name) for name in ("wrist", "front")] == [True, False]
    assert not choice.takes("audio", "wrist")
    assert choice.has_names
    assert not TrackChoice.of(True, False).has_names


@pytest.mark.parametrize(
    ("lines", "track_id", "name"),
    [
        (("a=msid:stream wrist",), "wrist", "wrist"),
        (("a=ssrc:1 cname:x", "a=ssrc:1 msid:stream wrist"), "wrist", "wrist"),
        (("a=msid:stream",), None, None),
        ((), None, None),
        (("a=msid:- 0f1b9dcd-7b0c-4b4a-9b1e-2f8a6c1c8f11",), "0f1b9dcd-7b0c-4b4a-9b1e-2f8a6c1c8f11", None),
        (("a=ssrc:7 msid:user1@host-2 webrtctransceiver3",), "webrtctransceiver3", None),
    ],
)
def test_what_descriptions_say_of_names(lines: tuple[str, ...], track_id: str | None, name: str | None) -> None:
    section = Section(("m=video 9 UDP/TLS/RTP/SAVPF 96", *lines))
    assert section.track_id == track_id
    assert given_name(track_id) == name


def test_sections_have_the_names_of_their_tracks(embedded_server: SignallingServer) -> None:
    with Producer(embedded_server.uri, name="robot") as producer:
        producer.add_video(name="film")
        producer.add_audio(name="film")
        producer.add_video(name="a-name-of-16-let")
        producer.add_video(name="a-name-of-15-le")
        producer.add_video()
        with connect(embedded_server.uri, name="robot") as session:
            receivers = (*session.videos, *session.audios)
            mids = {(feed.kind, feed.name): feed.rtp.mid for feed in (track_of(each).feed for each in receivers)}
            assert mids["video", "film"] == "film"
            assert mids["audio", "film"].isdecimal()
            assert mids["video", "a-name-of-16-let"].isdecimal()
            assert mids["video", "a-name-of-15-le"] == "a-name-of-15-le"
            assert len(set(mids.values())) == len(mids) == 5
