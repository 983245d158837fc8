"""A video that flashes and a sound that beeps at every full second of one clock, and the measurement of both in a recording."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from numpy.typing import NDArray

from gst_signalling_sync.webrtc.media.sending.audio_source import AudioSource
from gst_signalling_sync.webrtc.media.sending.video_source import VideoSource

__all__ = ["Offsets", "offsets_of", "performing"]

_RATE: Final = 48_000
_FRAMES_PER_SECOND: Final = 30
_BLOCK_SECONDS: Final = 0.02
_SIGNAL_SECONDS: Final = 0.2
_SHAPE: Final = (480, 640, 3)
_BRIGHT: Final = 128
_LOUD: Final = 4000
_QUIET_SECONDS: Final = 0.4

Offsets = list[tuple[float, float]]
"""For each flash with a beep: its time in the file in seconds, and the seconds by which the beep is later."""


@contextmanager
def performing(video: VideoSource, audio: AudioSource) -> Iterator[None]:
    """Flash and beep until the block ends."""
    stop = threading.Event()
    threads = [threading.Thread(target=each, args=(source, stop)) for each, source in ((_flash, video), (_beep, audio))]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def offsets_of(path: Path) -> Offsets:
    """The offset between the sound and the video of a recording.

    Args:
        path: A recording of `performing`.

    Returns:
        An entry for each flash that has a beep within half a second.
    """
    with av.open(str(path)) as container:
        flashes = _onsets(((frame.time or 0.0, _brightness(frame)) for frame in container.decode(video=0)), _BRIGHT)
    with av.open(str(path)) as container:
        beeps = _onsets(_loudness(container), _LOUD)
    offsets = []
    for flash in flashes:
        nearest = min(beeps, key=lambda beep: abs(beep - flash), default=None)
        if nearest is not None and abs(nearest - flash) < 0.5:
            offsets.append((flash, nearest - flash))
    return offsets


def _is_on(moment: float) -> bool:
    return moment % 1.0 < _SIGNAL_SECONDS


def _flash(video: VideoSource, stop: threading.Event) -> None:
    dark, bright = np.zeros(_SHAPE, np.uint8), np.full(_SHAPE, 255, np.uint8)
    noise = np.random.default_rng(1)
    due = time.monotonic()
    while not stop.wait(max(0.0, due - time.monotonic())):
        frame = (bright if _is_on(due) else dark).copy()
        # Noise gives the encoder something to do.
        left = int(due * 200) % (_SHAPE[1] - 80)
        frame[200:280, left : left + 80] = noise.integers(0, 256, (80, 80, 3), np.uint8)
        video.write(frame)
        due += 1 / _FRAMES_PER_SECOND


def _beep(audio: AudioSource, stop: threading.Event) -> None:
    position = round(time.monotonic() * _RATE)
    block = round(_BLOCK_SECONDS * _RATE)
    while not stop.wait(max(0.0, (position + block) / _RATE - time.monotonic())):
        moments = (position + np.arange(block)) / _RATE
        samples = np.sin(2 * np.pi * 1000 * moments) * 12_000 * (moments % 1.0 < _SIGNAL_SECONDS)
        audio.write(samples.astype(np.int16))
        position += block


def _brightness(frame: av.VideoFrame) -> float:
    # The noise never crosses this corner.
    plane = np.frombuffer(memoryview(frame.planes[0]), np.uint8).reshape(-1, frame.planes[0].line_size)
    return float(plane[:100, :100].mean())


def _loudness(container: Any) -> Iterator[tuple[float, float]]:
    length = _RATE // 1000
    for frame in container.decode(audio=0):
        array: NDArray[Any] = frame.to_ndarray()
        samples = (
            array.mean(axis=0) if frame.format.is_planar else array.reshape(-1, frame.layout.nb_channels).mean(axis=1)
        )
        scale = 32768.0 if array.dtype.kind == "f" else 1.0
        for start in range(0, len(samples) - length + 1, length):
            yield (frame.time or 0.0) + start / _RATE, float(np.abs(samples[start : start + length]).max()) * scale


def _onsets(levels: Iterator[tuple[float, float]], threshold: float) -> list[float]:
    found: list[float] = []
    last_on = float("-inf")
    for moment, level in levels:
        if level > threshold:
            if moment - last_on > _QUIET_SECONDS:
                found.append(moment)
            last_on = moment
    return found
