"""A camera and a microphone for tests: threads that write into a source while a block runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from gst_signalling_sync.webrtc.media.sending.audio_source import AudioSource
from gst_signalling_sync.webrtc.media.sending.video_source import VideoSource

from .background import running_beside
from .media import numbered_frame, tone

__all__ = ["Camera", "filming", "humming", "milliseconds"]

# The clock may have begun so long ago that a frame cannot carry the time since then.
_BEGAN = time.monotonic()

_NOISE = 5
"""Width of a frame divided by that of its corner of noise, as in GStreamer's test video."""


class Camera:
    """The frames that `filming` has written.

    Attributes:
        times: When each frame was written, by `time.monotonic`, in seconds.
    """

    def __init__(self) -> None:
        self.times: list[float] = []


@contextmanager
def filming(
    source: VideoSource, size: tuple[int, int] = (320, 240), fps: float = 30, noisy: bool = False
) -> Iterator[Camera]:
    """Write numbered frames until the block ends. A number is the time in milliseconds since the tests began; no two are equal.

    Args:
        source: The source to write into.
        size: Width and height in pixels. Defaults to 320x240.
        fps: Frames per second. Defaults to 30.
        noisy: Whether a corner is noise, so that the encoder needs its whole bitrate. The numbers then cannot be read.
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
            frame = numbered_frame(number, *size)
            if noisy:
                frame[-corner[0] :, -corner[1] :] = pixels.integers(0, 255, corner, dtype=np.uint8)
            moment = time.monotonic()
            camera.times.append(moment)
            # Told, because this thread may be held up just here.
            source.write(frame, captured=moment)
            due += 1 / fps

    with running_beside(film, stop):
        yield camera


@contextmanager
def humming(source: AudioSource, frequency: float = 440) -> Iterator[None]:
    """Write a tone until the block ends; its frequency in Hz defaults to 440."""
    stop = threading.Event()

    def hum() -> None:
        start = 0
        due = time.monotonic()
        length = source.rate // 50
        while not stop.wait(max(0.0, due - time.monotonic())):
            source.write(tone(frequency, length, source.rate, source.channels, start))
            start += length
            due += 0.02

    with running_beside(hum, stop):
        yield


def milliseconds() -> int:
    """The time in milliseconds since the tests began, which a frame can carry for four hours."""
    return round((time.monotonic() - _BEGAN) * 1000)
