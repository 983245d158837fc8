"""Tracks that come and go."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from gst_signalling_sync import Producer, Session, VideoSource

from ..helpers.filming import filming

__all__ = ["come_and_go", "names", "robot_with_a_camera"]


def names(session: Session) -> list[str]:
    """The names of the video tracks that a session receives."""
    return [video.name for video in session.videos]


@contextmanager
def robot_with_a_camera(uri: str) -> Iterator[Producer]:
    """A producer with one track that stays, "kept"."""
    producer = Producer(uri, name="robot")
    with filming(producer.add_video(name="kept")), producer:
        yield producer


def come_and_go(producer: Producer, fps: float, changes: int = 20) -> Iterator[set[str]]:
    """Add a track or remove one, in each step. Gives the names of those that are there, without "kept"."""
    chance = random.Random(5)
    sources: dict[str, VideoSource] = {}
    cameras: dict[str, ExitStack] = {}
    for _ in range(changes):
        name = chance.choice(["front", "wrist", "back"])
        if name in sources:
            sources.pop(name).remove()
            cameras.pop(name).close()
        else:
            sources[name] = producer.add_video(name=name)
            cameras[name] = ExitStack()
            cameras[name].enter_context(filming(sources[name], (160, 120), fps=fps))
        yield set(sources)
    for camera in cameras.values():
        camera.close()
