"""A track that is not used is soon no longer decoded, and is decoded again when it is used."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import av
import pytest

from gst_signalling_sync import Producer, Session, SignallingServer, VideoReceiver, VideoSource, connect
from gst_signalling_sync.webrtc.media.receiving import video_receiver

from ...helpers.filming import filming, milliseconds
from ...helpers.media import number_in, numbered_frame
from ...helpers.waiting import Heard, wait_until

FRESH_MILLISECONDS = 1000


@pytest.fixture
def camera(embedded_server: SignallingServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[VideoSource]:
    monkeypatch.setattr(video_receiver, "UNREAD_SECONDS", 0.3)
    with Producer(embedded_server.uri, name="robot") as producer:
        yield producer.add_video()


@pytest.fixture
def session(embedded_server: SignallingServer, camera: VideoSource) -> Iterator[Session]:
    with connect(embedded_server.uri, name="robot") as connected:
        yield connected


def packets(session: Session) -> int:
    """Number of video packets that arrived."""
    return sum(each["packetsReceived"] for each in session.stats().values() if each["type"] == "inbound-rtp")


def is_decoded(session: Session) -> bool:
    """Whether an unread track is decoded."""
    dropped, before = session.video.frames_dropped, packets(session)
    wait_until(lambda: packets(session) > before + 10, "more came")
    return session.video.frames_dropped > dropped


def is_fresh(frame: object) -> bool:
    number = number_in(frame)  # type: ignore[arg-type]
    return number is not None and milliseconds() - number < FRESH_MILLISECONDS


def test_what_nobody_uses_is_not_decoded_for_long(session: Session, camera: VideoSource) -> None:
    with filming(camera):
        wait_until(lambda: not is_decoded(session), "it is left out")

        assert not is_decoded(session)
        # Frames still arrive, from which the link's quality is estimated.
        assert session.video.fps > 15


USES: dict[str, Callable[[VideoReceiver], object]] = {
    "latest": lambda video: video.latest(),
    "latest_frame": lambda video: video.latest_frame(),
    "size": lambda video: video.size,
    "age": lambda video: video.age,
    "frames_received": lambda video: video.frames_received,
    "frame": lambda video: Heard(video.frame),
}


@pytest.mark.parametrize("use", USES)
def test_every_use_has_it_decoded_again(session: Session, camera: VideoSource, use: str) -> None:
    with filming(camera):
        wait_until(lambda: not is_decoded(session), "it is left out")
        kept = USES[use](session.video)

        wait_until(lambda: is_decoded(session) or is_fresh(session.video.latest()), "it is decoded")
        assert is_fresh(session.video.read())
        del kept


def test_first_frame_that_is_read_is_of_now(session: Session, camera: VideoSource) -> None:
    with filming(camera):
        wait_until(lambda: not is_decoded(session), "it is left out")

        assert session.video.latest() is None
        assert is_fresh(session.video.read(timeout=FRESH_MILLISECONDS / 1000))


def test_source_that_pauses_is_asked_at_once(session: Session, camera: VideoSource) -> None:
    with filming(camera):
        wait_until(lambda: not is_decoded(session), "it is left out")
    camera.write(numbered_frame(7))

    assert number_in(session.video.read(timeout=FRESH_MILLISECONDS / 1000)) is not None


def test_what_is_read_at_once_is_decoded_for_good(session: Session, camera: VideoSource) -> None:
    with filming(camera):
        session.video.read()
        before = packets(session)
        wait_until(lambda: packets(session) > before + 40, "it would be left out by now")

        assert is_decoded(session)


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_recording_has_what_nobody_reads(session: Session, camera: VideoSource, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"run{suffix}"
    with filming(camera), session.record(path) as recorder:
        wait_until(lambda: not is_decoded(session), "it is left out")
        frames = recorder.frames
        wait_until(lambda: recorder.frames > frames + 15, "it goes on")

    with av.open(str(path)) as file:
        numbers = [number_in(frame.to_ndarray(format="bgr24")) for frame in file.decode(video=0)]
    assert len(numbers) >= 15
    assert None not in numbers
