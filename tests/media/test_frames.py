"""`Frame`: the age of a frame, and whether the camera wrote it or the sender repeated the one before."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from gst_signalling_sync import Consumer, Frame, Producer, Session, SignallingServer, VideoSource, connect
from gst_signalling_sync.threads import clock
from gst_signalling_sync.webrtc.engine.capabilities import Capabilities
from gst_signalling_sync.webrtc.media.codecs import CODECS
from gst_signalling_sync.webrtc.media.receiving import video_receiver
from gst_signalling_sync.webrtc.media.receiving.capture_times import CaptureTimes

from ..helpers.filming import filming
from ..helpers.media import number_in, numbered_frame
from ..helpers.waiting import wait_until

SECONDS = 10.0


@pytest.fixture
def camera(embedded_server: SignallingServer) -> Iterator[VideoSource]:
    producer = Producer(embedded_server.uri, name="robot")
    camera = producer.add_video()
    with producer:
        yield camera


@pytest.fixture
def session(embedded_server: SignallingServer, camera: VideoSource) -> Iterator[Session]:
    with connect(embedded_server.uri, name="robot") as session:
        yield session


def test_repeated_frame_says_so_and_keeps_its_time(camera: VideoSource, session: Session) -> None:
    camera.write(numbered_frame(7))
    first = session.video.read_frame()
    again = [session.video.read_frame() for _ in range(2)]

    assert first.repeated is False
    assert [frame.repeated for frame in again] == [True, True]
    assert {number_in(frame.array) for frame in (first, *again)} == {7}
    assert {frame.captured_at for frame in again} == {first.captured_at}
    assert first.received_at < again[0].received_at < again[1].received_at
    assert [frame.number for frame in (first, *again)] == [0, 1, 2]


def test_frame_that_is_written_again_is_a_new_one(camera: VideoSource, session: Session) -> None:
    camera.write(numbered_frame(7))
    first = session.video.read_frame()
    while first.repeated:
        first = session.video.read_frame()
    camera.write(numbered_frame(7))
    while (second := session.video.read_frame()).repeated:
        pass

    assert number_in(second.array) == 7
    assert second.captured_at is not None
    assert first.captured_at is not None
    assert second.captured_at > first.captured_at


def test_time_of_capture_is_the_writers(camera: VideoSource, session: Session) -> None:
    before = time.time()
    now = time.monotonic()
    after = time.time()
    camera.write(numbered_frame(7), captured=now - 5.0)
    frame = session.video.read_frame()

    assert frame.captured_at is not None
    assert before - 0.05 < frame.captured_at + 5.0 < after + 0.05
    assert after <= frame.received_at <= time.time()


def test_each_of_many_frames_has_its_own_time(camera: VideoSource, session: Session) -> None:
    with filming(camera, size=(640, 480)) as filmed:
        frames = [session.video.read_frame() for _ in range(30)]
    offset = time.time() - time.monotonic()
    written = [moment + offset for moment in filmed.times]

    assert not any(frame.repeated for frame in frames)
    for frame in frames:
        assert frame.captured_at is not None
        assert min(abs(frame.captured_at - moment) for moment in written) < 0.02
        assert frame.captured_at < frame.received_at
    assert sorted({frame.number for frame in frames}) == [frame.number for frame in frames]


def test_age_counts_while_the_machine_sleeps(
    camera: VideoSource, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera.write(numbered_frame(1))
    session.video.read()
    monkeypatch.setattr(video_receiver, "clock", SimpleNamespace(now=lambda: clock.now() + 3600.0))

    assert session.video.age == pytest.approx(3600.0, abs=5.0)


def test_camera_that_died_is_told_from_a_still_scene(camera: VideoSource, session: Session) -> None:
    assert session.video.age is None
    assert session.video.latest_frame() is None
    camera.write(numbered_frame(1))
    session.video.read()
    wait_until(lambda: session.video.frames_received >= 3, "the sender repeats it", SECONDS)
    age = session.video.age
    assert age is not None
    assert age > 1.0
    assert session.video.fps > 0.0
    latest = session.video.latest_frame()
    assert latest is not None
    assert latest.repeated

    camera.write(numbered_frame(1))
    wait_until(lambda: (session.video.age or 9.0) < 1.0, "something new came", SECONDS)


def test_frame_is_a_value_that_cannot_be_changed(camera: VideoSource, session: Session) -> None:
    camera.write(numbered_frame(1))
    frame = session.video.read_frame("gray8")

    assert isinstance(frame, Frame)
    assert frame.array.shape == (240, 320)
    with pytest.raises(dataclasses.FrozenInstanceError):
        frame.number = 7  # type: ignore[misc]


def test_times_are_told_where_the_consumer_makes_the_offer(
    camera: VideoSource, embedded_server: SignallingServer
) -> None:
    with Consumer(embedded_server.uri) as consumer:
        session = consumer.start_session(name="robot", offer=True)
        camera.write(numbered_frame(7))
        assert session.video.read_frame().repeated is False
        assert session.video.read_frame().repeated is True


# Without abs-capture-time, as in the first version of this library and many other peers


@pytest.fixture
def _untold(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have neither end offer the extension."""
    forms = [form for codec in CODECS.values() for form in codec.forms]
    monkeypatch.setattr(
        "gst_signalling_sync.webrtc.session_connection.CAPABILITIES", Capabilities(forms, {"audio": {}, "video": {}})
    )


@pytest.mark.usefixtures("_untold")
def test_peer_that_tells_no_times_with_its_frames(camera: VideoSource, session: Session) -> None:
    unix_time = time.time()
    camera.write(numbered_frame(1))
    first = session.video.read_frame()
    second = session.video.read_frame()

    # The frame cannot be distinguished from a new one: RTP gives it a later timestamp.
    assert (first.repeated, second.repeated) == (None, None)
    # The sender report follows the first frame immediately.
    assert second.captured_at is not None
    assert second.captured_at >= unix_time - 0.05


# The core


def test_capture_time_belongs_to_the_frame_of_its_packet() -> None:
    times = CaptureTimes()
    times.note(3000, (2_208_988_800 + 5) << 32)
    times.note(6000, (2_208_988_800 + 6 << 32) + (1 << 31))
    times.note(9000, 0)

    assert [times.pop(timestamp) for timestamp in (6000, 3000, 3000, 9000)] == [6.5, 5.0, None, None]


def test_times_of_frames_that_never_come_are_forgotten() -> None:
    times = CaptureTimes()
    for number in range(100_000):
        times.note(number, (2_208_988_800 + number) << 32)

    assert times.pop(0) is None
    assert times.pop(99_999) == 99_999.0
