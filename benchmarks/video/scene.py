"""The frames that all contestants send: a textured scene that moves as before a turning camera, with the time drawn in.

Imports numpy and the standard library only, because the contestants run in different virtual environments.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from benchmarks.video.workload import VideoWorkload

__all__ = ["Frame", "FrameFormat", "Scene", "live_frames", "read_timestamp"]

Frame = NDArray[np.uint8]
FrameFormat = Literal["bgr24", "yuv420p"]

_VIEWS: Final = 30
_SWING: Final = 8
"""Half of the scene's motion, in pixels; even, so that the chroma planes move with it."""

_SQUARE: Final = 16
"""Width of a square of the timestamp in pixels: one macroblock of VP8 and H264, with whose borders it is aligned."""

_COLUMNS: Final = 8
_BYTES: Final = 7
"""Bytes of the timestamp: six of microseconds, one to check them."""

_CHECK: Final = 0xA5
_HEIGHT: Final = _BYTES * _SQUARE
_WIDTH: Final = _COLUMNS * _SQUARE


class Scene:
    """Frames that were made in advance, so that taking one costs little more than drawing the time.

    Args:
        width: Width in pixels, even.
        height: Height in pixels, even.
        frame_format: Format of the arrays: ``bgr24`` is ``(height, width, 3)``, ``yuv420p`` is ``(height * 3 / 2, width)``.
    """

    def __init__(self, width: int, height: int, frame_format: FrameFormat) -> None:
        panorama = _panorama(width + 2 * _SWING, height + 2 * _SWING)
        views = _views(width, height)
        if frame_format == "bgr24":
            frames = [panorama[rows, columns].copy() for rows, columns in views]
        else:
            planes = _yuv_planes(panorama)
            frames = [_yuv_frame(planes, rows, columns) for rows, columns in views]
        self._frames = itertools.cycle(frames)

    def take(self) -> Frame:
        """The next frame, with the current time drawn into it.

        Returns:
            An array that is reused one second later.
        """
        frame = next(self._frames)
        _draw_timestamp(frame, time.monotonic_ns() // 1000)
        return frame


def live_frames(workload: VideoWorkload, frame_format: FrameFormat) -> Iterator[Frame]:
    """Yield frames as a camera gives them, each when it is due.

    Args:
        workload: The size and frame rate.
        frame_format: Format of the arrays.

    Yields:
        Arrays as from `Scene.take`, forever.
    """
    scene = Scene(workload.width, workload.height, frame_format)
    started = time.monotonic()
    for number in itertools.count():
        time.sleep(max(0.0, started + number / workload.fps - time.monotonic()))
        yield scene.take()


def read_timestamp(luma: NDArray[Any]) -> float | None:
    """Read the time that was drawn into a frame.

    Args:
        luma: The decoded frame's luma plane, ``(height, width)``.

    Returns:
        Seconds of `time.monotonic`; None: the squares are not those of a timestamp.
    """
    squares = luma[:_HEIGHT, :_WIDTH].reshape(_BYTES, _SQUARE, _COLUMNS, _SQUARE)
    # The edges are left out, because the encoder blurs them.
    means = squares[:, 4:12, :, 4:12].mean(axis=(1, 3))
    *content, check = np.packbits(means > 127).tobytes()
    return int.from_bytes(bytes(content), "big") / 1e6 if check == _check_of(content) else None


def _draw_timestamp(frame: Frame, microseconds: int) -> None:
    content = microseconds.to_bytes(_BYTES - 1, "big")
    bits = np.unpackbits(np.frombuffer(content + bytes([_check_of(content)]), np.uint8)).reshape(_BYTES, _COLUMNS)
    squares = np.repeat(np.repeat(bits * np.uint8(255), _SQUARE, axis=0), _SQUARE, axis=1)
    frame[:_HEIGHT, :_WIDTH] = squares if frame.ndim == 2 else squares[:, :, np.newaxis]


def _check_of(content: bytes | list[int]) -> int:
    check = _CHECK
    for byte in content:
        check = (check * 31 + byte) & 0xFF
    return check


def _views(width: int, height: int) -> list[tuple[slice, slice]]:
    """The regions that the camera looks at; one circle takes `_VIEWS` steps."""
    angles = np.arange(_VIEWS) * 2 * np.pi / _VIEWS
    tops = 2 * np.rint(_SWING / 2 * (1 + np.sin(angles))).astype(int)
    lefts = 2 * np.rint(_SWING / 2 * (1 + np.cos(angles))).astype(int)
    return [
        (slice(top, top + height), slice(left, left + width))
        for top, left in zip(tops.tolist(), lefts.tolist(), strict=True)
    ]


def _panorama(width: int, height: int) -> Frame:
    """Waves of many lengths and directions in each colour, and fine grain: edges and texture everywhere."""
    random = np.random.default_rng(1)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    colours = []
    for _ in range(3):
        colour = np.zeros((height, width), np.float32)
        for wavelength in (400, 200, 90, 40, 18):
            angle, phase = random.uniform(0, 2 * np.pi, 2)
            colour += np.sin((x * np.cos(angle) + y * np.sin(angle)) * 2 * np.pi / wavelength + phase) * 18
        colours.append(colour)
    grain = random.normal(0, 2, (height, width)).astype(np.float32)
    panorama: Frame = np.clip(np.stack(colours, axis=2) + grain[:, :, np.newaxis] + 128, 0, 255).astype(np.uint8)
    return panorama


def _yuv_planes(bgr: Frame) -> tuple[Frame, Frame, Frame]:
    """Planes in BT.601 limited range, with chroma of 2x2 pixels each."""
    blue, green, red = (bgr[:, :, index].astype(np.float32) for index in range(3))
    y = 16 + 0.257 * red + 0.504 * green + 0.098 * blue
    u = 128 - 0.148 * red - 0.291 * green + 0.439 * blue
    v = 128 + 0.439 * red - 0.368 * green - 0.071 * blue
    return y.astype(np.uint8), u[::2, ::2].astype(np.uint8), v[::2, ::2].astype(np.uint8)


def _yuv_frame(planes: tuple[Frame, Frame, Frame], rows: slice, columns: slice) -> Frame:
    y, u, v = planes
    half_rows, half_columns = (slice(part.start // 2, part.stop // 2) for part in (rows, columns))
    width = columns.stop - columns.start
    return np.concatenate(
        [y[rows, columns], *(plane[half_rows, half_columns].reshape(-1, width) for plane in (u, v))], axis=0
    )
