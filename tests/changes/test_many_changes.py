"""Random changes of tracks in one session, by both ends at once. A track that stays loses no frames."""

from __future__ import annotations

import bisect
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Self

import numpy as np
import pytest

from gst_signalling_sync import AudioSource, Consumer, Producer, Session, SignallingServer, VideoSource

from ..figures import Figures
from ..helpers.background import running_beside
from ..helpers.filming import Camera, filming
from ..helpers.proofs import short_and_long
from ..helpers.waiting import wait_until

Source = VideoSource | AudioSource

MAX_LOST_SECONDS = 0.2
"""Maximum of the seconds for which frames of a track that stays are lost."""

SETTLED_SECONDS = 60.0

BEAT_SECONDS = 0.01


class Changer:
    """One end, whose tracks are changed at random.

    Args:
        role: The end.
        prefix: Prefix of the tracks' names.
        seed: Seed of the changes.
    """

    def __init__(self, role: Producer | Consumer, prefix: str, seed: int) -> None:
        self._role = role
        self._prefix = prefix
        self._random = random.Random(seed)
        self._made = 0
        self._stop = threading.Event()
        self.tracks: list[Source] = []
        self.changes = 0

    def change(self) -> None:
        """Add, remove, replace, pause or resume a track."""
        self.changes += 1
        kinds = ["add"] if len(self.tracks) < 3 else []
        kinds += ["remove", "replace", "pause", "resume"] if self.tracks else []
        kind = self._random.choice(kinds)
        source = self._random.choice(self.tracks) if self.tracks else None
        if kind == "add" or source is None:
            self.tracks.append(self._add(None))
        elif kind == "remove":
            self.tracks.remove(source)
            source.remove()
        elif kind == "replace":
            self.tracks[self.tracks.index(source)] = self._add(source)
        elif kind == "pause":
            source.pause()
        else:
            source.resume()

    def _add(self, replaced: Source | None) -> Source:
        self._made += 1
        name = None if replaced is not None and self._random.random() < 0.5 else f"{self._prefix}-{self._made % 7}"
        if any(each.name == name for each in self.tracks):
            name = f"{self._prefix}-{self._made}"
        if isinstance(replaced, AudioSource) or (replaced is None and self._random.random() < 0.3):
            return self._role.add_audio(name=name, replaces=replaced)
        video = self._role.add_video(fps=10, name=name, replaces=replaced)
        video.write(np.full((48, 64, 3), self._made % 200, np.uint8))
        return video

    def __str__(self) -> str:
        return ", ".join(sorted(f"{each.name}{' (paused)' if each.is_paused else ''}" for each in self.tracks))

    def known_as(self, kind: type[Source]) -> list[str]:
        return sorted(each.name or "" for each in self.tracks if isinstance(each, kind))

    def paused(self) -> set[str | None]:
        return {each.name for each in self.tracks if each.is_paused and isinstance(each, VideoSource)}


def told(session: Session) -> str:
    tracks = (f"{each.name}{' (paused)' if each.is_paused else ''}" for each in (*session.videos, *session.audios))
    return ", ".join(sorted(tracks))


def agrees(session: Session, changer: Changer, *kept: str) -> bool:
    """Whether an end has exactly the tracks that the other end sends."""
    return (
        sorted(each.name for each in session.videos) == sorted([*kept, *changer.known_as(VideoSource)])
        and sorted(each.name for each in session.audios) == changer.known_as(AudioSource)
        and {each.name for each in session.videos if each.is_paused} == changer.paused()
    )


class Heartbeat:
    """Detects when threads of this process waited for a processor, which is not the sessions' fault."""

    def __init__(self) -> None:
        self._stalls: list[tuple[float, float]] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat)

    def stalled(self, begin: float, end: float) -> float:
        """Seconds of an interval for which threads waited; its begin and end are times of `time.monotonic`."""
        return sum(max(0.0, min(end, until) - max(begin, since)) for since, until in list(self._stalls))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _beat(self) -> None:
        before = time.monotonic()
        while not self._stop.wait(BEAT_SECONDS):
            now = time.monotonic()
            if now - before > 3 * BEAT_SECONDS:
                self._stalls.append((before + BEAT_SECONDS, now))
            before = now


@contextmanager
def watching(session: Session, name: str, camera: Camera, lost: list[float]) -> Iterator[None]:
    """Note for how long no frame arrived of a track whose camera wrote frames, until the block ends."""
    stop = threading.Event()
    video = session.videos[name]
    first = video.read_frame("gray8", timeout=20)
    offset = time.time() - time.monotonic()

    def watch(heartbeat: Heartbeat) -> None:
        before = first
        while not stop.is_set():
            frame = video.read_frame("gray8", timeout=20)
            if frame.captured_at is not None and before.captured_at is not None and not frame.repeated:
                times = list(camera.times)
                place = bisect.bisect(times, before.captured_at - offset + 0.001)
                if place < len(times):
                    begin, end = times[place], frame.captured_at - offset
                    # Frames in between arrived, but were not read.
                    lost.append((end - begin - heartbeat.stalled(begin, end)) / (frame.number - before.number))
            before = frame

    with Heartbeat() as heartbeat, running_beside(partial(watch, heartbeat), stop):
        yield


def at_random(changer: Changer, number: int, seconds: float) -> Callable[[], None]:
    def run() -> None:
        pauses = random.Random(number)
        for _ in range(number):
            changer.change()
            time.sleep(pauses.uniform(0, 2 * seconds))

    return run


@pytest.mark.alone
@short_and_long("changes", 40, 200)
def test_both_ends_agree_after_random_changes_at_once(
    embedded_server: SignallingServer, changes: int, figures: Figures
) -> None:
    lost: list[float] = []
    with ExitStack() as stack:
        producer = Producer(embedded_server.uri, name="robot")
        camera = stack.enter_context(filming(producer.add_video(name="kept"), (160, 120)))
        stack.enter_context(producer)
        consumer = stack.enter_context(Consumer(embedded_server.uri))
        session = consumer.start_session(name="robot")
        there = producer.wait_for_session()
        ends = Changer(producer, "robot", 1), Changer(consumer, "operator", 2)
        with watching(session, "kept", camera, lost):
            threads = [threading.Thread(target=at_random(each, changes // 2, 0.15)) for each in ends]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            wait_until(
                lambda: agrees(session, ends[0], "kept") and agrees(there, ends[1]),
                lambda: f"both ends agree: {told(session)} of {ends[0]}, {told(there)} of {ends[1]}",
                SETTLED_SECONDS,
            )
        assert sum(each.changes for each in ends) == changes
        for video in (*session.videos, *there.videos):
            if not video.is_paused:
                wait_until(lambda video=video: video.latest() is not None, f"{video.name} is seen", 20)  # type: ignore[misc]
    figures.add(f"{changes} changes: frames of the track that stays lost for", max(lost), MAX_LOST_SECONDS)
