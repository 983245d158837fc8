"""The video to send: moving shapes and noise, in H264 without B-frames, as cameras make it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import numpy as np

__all__ = ["FPS", "KEYFRAMES", "SIZE", "access_units", "write_film"]

SIZE: Final = (1920, 1080)
FPS: Final = 30
KEYFRAMES: Final = 60
"""Frames between two keyframes."""

_SECONDS: Final = 4
_BITRATE: Final = 4_000_000


def write_film(path: Path) -> Path:
    """Write some seconds of the video into a file."""
    width, height = SIZE
    grey = np.add.outer(np.arange(height), np.arange(width)).astype(np.uint8)
    noise = np.random.default_rng(1).integers(0, 64, (height // 4, width // 4), dtype=np.uint8)
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=FPS)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.bit_rate = _BITRATE
        stream.options = {
            "profile": "baseline",
            "preset": "superfast",
            "tune": "zerolatency",
            "g": str(KEYFRAMES),
            "x264-params": "scenecut=0",
        }
        for number in range(_SECONDS * FPS):
            image = np.roll(grey, 8 * number, axis=1)
            image[: height // 4, : width // 4] += np.roll(noise, 5 * number, axis=0)
            frame = av.VideoFrame.from_ndarray(image, "gray8").reformat(format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def access_units(path: Path) -> list[bytes]:
    """The video's access units, as a program would get them from its own encoder."""
    with av.open(path) as container:
        stream = container.streams.video[0]
        annex_b = av.bitstream.BitStreamFilterContext("h264_mp4toannexb", stream)
        return [bytes(unit) for packet in container.demux(stream) if packet.size for unit in annex_b.filter(packet)]
