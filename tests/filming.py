"""A camera and a microphone for tests: threads that write into a source for as long as a block runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from gst_signalling_sync.webrtc.media.sending.audio_source import AudioSource
from gst_signalling_sync.webrtc.media.sending.video_source import VideoSource

from .media import numbered_picture, tone

__all__ = ["Camera", "filming", "humming", "milliseconds"]

# The clock's own beginning may be so long ago that a picture cannot carry the time since.
_BEGAN = time.monotonic()

_NOISE = 5
"""A picture is so many times wider than its corner of noise, as GStreamer's test picture has one."""


class Camera:
    """What `filming` has written.

    Attributes:
        times: When each picture was written, by `time.monotonic`.
    """

    def __init__(self) -> None:
        self.times: list[float] = []


@contextmanager
def filming(
    source: VideoSource, size: tuple[int, int] = (320, 240), fps: float = 30, noisy: bool = False
) -> Iterator[Camera]:
    """Write numbered pictures, the milliseconds since the beginning of the tests, until the block ends; no two are alike.

    Args:
        source: Where to.
        size: Width and height in pixels.
        fps: Pictures per second.
        noisy: Whether a corner is noise, so that they take all the bits that they may have. Their numbers cannot be read.
    """
    stop = threading.Event()
    camera = Camera()
    pixels = np.random.default_rng(1)
    corner = (size[1] // _NOISE, size[0] // _NOISE, 3)

    def film() -> None:
        number = 0
        due = time.monotonic()
        while not stop.wait(max(0.0, due - time.monotonic())):
            number = max(number + 1, milliseconds())
            picture = numbered_picture(number, *size)
            if noisy:
                picture[-corner[0] :, -corner[1] :] = pixels.integers(0, 255, corner, dtype=np.uint8)
            camera.times.append(time.monotonic())
            source.write(picture)
            due += 1 / fps

    with _running(film, stop):
        yield camera


@contextmanager
def humming(source: AudioSource, frequency: float = 440) -> Iterator[None]:
    """Write a tone until the block ends."""
    stop = threading.Event()

    def hum() -> None:
        start = 0
        due = time.monotonic()
        length = source.rate // 50
        while not stop.wait(max(0.0, due - time.monotonic())):
            source.write(tone(frequency, length, source.rate, source.channels, start))
            start += length
            due += 0.02

    with _running(hum, stop):
        yield


def milliseconds() -> int:
    """The time as a number that a picture can carry, for four hours."""
    return round((time.monotonic() - _BEGAN) * 1000)


@contextmanager
def _running(function: Callable[[], None], stop: threading.Event) -> Iterator[None]:
    thread = threading.Thread(target=function)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
