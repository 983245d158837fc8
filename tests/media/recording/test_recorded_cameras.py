"""Recordings of several cameras of one session: which track is in which file, and the time offsets between the files."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from gst_signalling_sync import Producer, Session, SignallingServer, TrackNotFound, VideoSource, connect
from gst_signalling_sync.webrtc.media.frame_conversion import to_array

from ...figures import Figures
from ...helpers.background import running_beside
from ...helpers.filming import humming
from ...helpers.media import number_in, numbered_frame
from ...helpers.waiting import wait_until

CAMERAS = ("front", "left", "wrist")
BEGAN = time.monotonic()


@contextmanager
def filming(source: VideoSource) -> Iterator[None]:
    """Write frames whose number is the millisecond of their capture time."""
    stop = threading.Event()

    def film() -> None:
        while not stop.wait(1 / 30):
            captured = time.monotonic()
            source.write(numbered_frame(round((captured - BEGAN) * 1000)), captured=captured)

    with running_beside(film, stop):
        yield


@contextmanager
def session_with_cameras(server: SignallingServer) -> Iterator[Session]:
    with ExitStack() as stack:
        producer = Producer(server.uri, name="robot")
        for name in CAMERAS:
            stack.enter_context(filming(producer.add_video(name=name)))
        stack.enter_context(humming(producer.add_audio(name="room")))
        stack.enter_context(producer)
        yield stack.enter_context(connect(server.uri, name="robot"))


def capture_errors(path: Path) -> list[float]:
    """Seconds from the capture time by the number in a frame to that by its file, for all frames with a readable number."""
    with av.open(str(path)) as file:
        began_at = datetime.fromisoformat(str(file.metadata["creation_time"])).timestamp()
        frames = [
            (began_at + float(frame.time or 0), number_in(to_array(frame, "bgr24"))) for frame in file.decode(video=0)
        ]
    return [at - number / 1000 for at, number in frames if number is not None]


@pytest.mark.slow
@pytest.mark.parametrize("segment_seconds", [None, 1.0])
def test_frames_of_all_cameras_are_placed_within_one_frame(
    embedded_server: SignallingServer, tmp_path: Path, segment_seconds: float | None, figures: Figures
) -> None:
    with session_with_cameras(embedded_server) as session:
        recorders = [
            session.record(tmp_path / f"{name}.mkv", video=name, audio=False, segment_seconds=segment_seconds)
            for name in CAMERAS
        ]
        for recorder in recorders:
            recorder.start()
        wait_until(lambda: all(each.seconds > 4 for each in recorders), "they have recorded", 30)
        paths = [path for each in recorders for path in each.paths]

    errors = [error for path in paths for error in capture_errors(path)]
    assert len(paths) == len(CAMERAS) if segment_seconds is None else len(paths) > len(CAMERAS)
    assert len(errors) > 200
    figures.add(f"{len(errors)} frames of {len(CAMERAS)} cameras lie within", max(errors) - min(errors), limit=1 / 30)


COLOURS = {"front": (200, 40, 40), "left": (40, 200, 40), "wrist": (40, 40, 200)}
"""Blue, green and red, in BGR."""


@contextmanager
def session_with_colours(server: SignallingServer) -> Iterator[Session]:
    """Cameras that each show one colour, which becomes dark and bright in all of them at the same time."""
    with ExitStack() as stack:
        producer = Producer(server.uri, name="robot")
        stop = threading.Event()
        sources = {name: producer.add_video(name=name) for name in COLOURS}
        stack.enter_context(humming(producer.add_audio(name="room")))

        def film() -> None:
            while not stop.wait(1 / 30):
                captured = time.monotonic()
                for name, source in sources.items():
                    brightness = 1.0 if round(captured - BEGAN) % 2 else 0.4
                    colour = np.array(COLOURS[name]) * brightness
                    source.write(np.full((240, 320, 3), colour, np.uint8), captured=captured)

        thread = threading.Thread(target=film)
        thread.start()
        stack.callback(thread.join)
        stack.callback(stop.set)
        stack.enter_context(producer)
        yield stack.enter_context(connect(server.uri, name="robot"))


@pytest.mark.slow
@pytest.mark.parametrize("segment_seconds", [None, 2.0])
def test_name_order_and_colour_of_all_cameras_in_one_file_agree_within_one_frame(
    embedded_server: SignallingServer, tmp_path: Path, segment_seconds: float | None, figures: Figures
) -> None:
    with (
        session_with_colours(embedded_server) as session,
        session.record(tmp_path / "drive.mkv", segment_seconds=segment_seconds) as recorder,
    ):
        wait_until(lambda: recorder.seconds > 7, "it has recorded", 60)

    assert len(recorder.paths) == 1 if segment_seconds is None else len(recorder.paths) > 1
    spreads = []
    for path in recorder.paths:
        with av.open(str(path)) as file:
            assert [each.metadata["title"] for each in file.streams] == [*COLOURS, "room"]
        changes = []
        ends = []
        for number, colour in enumerate(COLOURS.values()):
            with av.open(str(path)) as file:
                frames = [
                    (float(frame.time or 0), to_array(frame, "bgr24")[100:140, 100:140].mean(axis=(0, 1)))
                    for frame in file.decode(video=number)
                ]
            assert all(int(seen.argmax()) == colour.index(200) for _, seen in frames)
            ends.append(frames[-1][0])
            is_bright = [(at, bool(seen.max() > 140)) for at, seen in frames]
            changes.append([at for (_, before), (at, after) in pairwise(is_bright) if before is not after])
        # Close to either end of a file, one camera may have the frames around a change while another has not.
        moments = [at for at in changes[0] if 0.5 < at < min(ends) - 0.5]
        nearest = [[min(each, key=lambda other: abs(other - at)) for each in changes] for at in moments]
        spreads += [max(each) - min(each) for each in nearest]
    assert spreads
    figures.add(f"{len(spreads)} changes of {len(COLOURS)} colours in one file lie within", max(spreads), limit=1 / 30)


def test_tracks_of_a_file_are_chosen_by_name_and_order(embedded_server: SignallingServer, tmp_path: Path) -> None:
    with (
        session_with_cameras(embedded_server) as session,
        session.record(tmp_path / "drive.mkv", video=["wrist", "front"], audio=False) as recorder,
    ):
        wait_until(lambda: recorder.seconds > 0.5, "it has recorded")

    with av.open(str(recorder.path)) as file:
        assert [each.metadata["title"] for each in file.streams] == ["wrist", "front"]


def test_file_that_holds_one_track_of_each_kind_has_the_first(
    embedded_server: SignallingServer, tmp_path: Path
) -> None:
    with session_with_cameras(embedded_server) as session:
        with session.record(tmp_path / "drive.webm") as recorder:
            wait_until(lambda: recorder.seconds > 0.5, "it has recorded")
        with pytest.raises(ValueError, match="holds one track of video"):
            session.record(tmp_path / "several.webm", video=["wrist", "front"])

    with av.open(str(recorder.path)) as file:
        assert [each.metadata["title"] for each in file.streams] == ["front", "room"]


def test_track_is_chosen_by_its_name(embedded_server: SignallingServer, tmp_path: Path) -> None:
    with session_with_cameras(embedded_server) as session:
        with session.record(tmp_path / "wrist.mkv", video="wrist") as recorder:
            wait_until(lambda: recorder.seconds > 0.5, "it has recorded")
        with session.record(tmp_path / "room.mkv", video=False, audio="room") as recorder:
            wait_until(lambda: recorder.seconds > 0.5, "it has recorded")

    with av.open(str(tmp_path / "wrist.mkv")) as file:
        assert [each.metadata["title"] for each in file.streams] == ["wrist", "room"]
    with av.open(str(tmp_path / "room.mkv")) as file:
        assert [(each.type, each.metadata["title"]) for each in file.streams] == [("audio", "room")]


def test_what_is_not_there_is_told(embedded_server: SignallingServer, tmp_path: Path) -> None:
    with session_with_cameras(embedded_server) as session:
        with pytest.raises(TrackNotFound, match="its tracks: video 'front', video 'left', video 'wrist', audio 'room'"):
            session.record(tmp_path / "a.mkv", video="rear")
        nothings: tuple[bool | list[str], ...] = (False, [])
        for nothing in nothings:
            with pytest.raises(ValueError, match="nothing to record"):
                session.record(tmp_path / "a.mkv", video=nothing, audio=False)

    assert not list(tmp_path.iterdir())
