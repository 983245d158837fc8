"""Conversion of frames: arrays to `av.VideoFrame` and back, and both to yuv420p."""

from __future__ import annotations

from typing import Any, Final

import av
import numpy as np
from av.video.plane import VideoPlane
from av.video.reformatter import ColorRange, VideoReformatter
from numpy.typing import NDArray

from .fast_conversion import ACCURATE, convert_fast

__all__ = ["FORMATS", "MAX_SIDE", "check_format", "check_size", "to_array", "to_frame", "to_yuv420p", "with_even_sides"]

FORMATS: Final = ("bgr24", "rgb24", "gray8", "yuv420p")
"""Names of the pixel formats of arrays."""

MAX_SIDE: Final = 16383
"""Maximum of a side in pixels: VP8 stores it in 14 bits (RFC 6386 section 9.1)."""

_AV_NAMES: Final = {"bgr24": "bgr24", "rgb24": "rgb24", "gray8": "gray", "yuv420p": "yuv420p"}

_COLOUR_CHANNELS: Final = 3


def check_format(name: str) -> None:
    """Check the name of a format.

    Raises:
        ValueError: It is not one of `FORMATS`.
    """
    if name not in FORMATS:
        raise ValueError(f"format must be one of {', '.join(map(repr, FORMATS))}, not {name!r}")


def check_size(size: tuple[int, int] | None) -> None:
    """Check a size that a frame is to be scaled to.

    Args:
        size: Width and height in pixels; None: no scaling.

    Raises:
        ValueError: A side is less than 1 or more than `MAX_SIDE`.
    """
    if size is None:
        return
    width, height = size
    if not (1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE):
        raise ValueError(f"size must be a width and a height of 1 to {MAX_SIDE} pixels, not {size!r}")


def to_frame(array: Any, format: str = "bgr24") -> av.VideoFrame:
    """Copy an array into a frame.

    Args:
        array: uint8 array of shape ``(height, width, 3)`` for bgr24 and rgb24, ``(height, width)`` for gray8,
            ``(height * 3 / 2, width)`` for yuv420p, with even sides: the Y plane, then U and V. Or an `av.VideoFrame`, which is
            not copied.
        format: One of `FORMATS`; ignored for an `av.VideoFrame`. Defaults to ``"bgr24"``.

    Returns:
        The frame.

    Raises:
        TypeError: `array` is neither an array nor a frame, or its elements are not uint8.
        ValueError: The format is unknown, the shape is not the format's, or a side is 0 or too long.
    """
    if isinstance(array, av.VideoFrame):
        _check_sides(array.width, array.height, array)
        return array
    check_format(format)
    if not isinstance(array, np.ndarray):
        raise TypeError(f"array must be a numpy.ndarray or an av.VideoFrame, not {type(array).__name__}")
    if array.dtype != np.uint8:
        raise TypeError(
            f"array must have elements of type uint8, not {array.dtype}; scale them to 0 to 255, then convert them"
        )
    width, height = _size_of(array, format)
    _check_sides(width, height, array)
    frame = av.VideoFrame(width, height, _AV_NAMES[format])
    parts = _planes(array, width, height) if format == "yuv420p" else (array.reshape(height, -1),)
    # PyAV's conversion copies twice, into memory that the system must provide each time.
    for plane, rows in zip(frame.planes, parts, strict=True):
        _octets(plane)[: rows.shape[0], : rows.shape[1]] = rows
    return frame


def to_array(frame: av.VideoFrame, format: str = "bgr24") -> NDArray[np.uint8]:
    """Convert a frame to an array.

    Args:
        frame: Any frame.
        format: One of `FORMATS`. Defaults to ``"bgr24"``.

    Returns:
        An array of the shape in `to_frame`. Of yuv420p with odd sides, the last row or column is left out.

    Raises:
        ValueError: The format is unknown.
    """
    check_format(format)
    if format == "yuv420p":
        frame = with_even_sides(to_yuv420p(frame, VideoReformatter()))
    # PyAV's own array has gaps between the rows for many widths.
    return np.ascontiguousarray(frame.to_ndarray(format=_AV_NAMES[format]), np.uint8)


def to_yuv420p(
    frame: av.VideoFrame, reformatter: VideoReformatter, size: tuple[int, int] | None = None
) -> av.VideoFrame:
    """Convert a frame for an encoder: to yuv420p with luma in 16..235 (ITU-R BT.601), which decoders expect.

    Args:
        frame: Any frame. Those of JPEG and of many cameras have luma in 0..255.
        reformatter: Reformatter of the caller's thread; it keeps what it computed for the last frame.
        size: Width and height in pixels to scale to. Defaults to None: no scaling.

    Returns:
        A frame that belongs to the caller, even if nothing had to be converted.

    Raises:
        av.FFmpegError: FFmpeg cannot convert it.
        ValueError: PyAV does not know its format.
    """
    width, height = size or (frame.width, frame.height)
    if (width, height) == (frame.width, frame.height) and (fast := convert_fast(frame, reformatter)) is not None:
        return fast
    # One thread: for one frame, handing parts to other threads costs more than it saves.
    converted = reformatter.reformat(
        frame, width, height, "yuv420p", interpolation=ACCURATE, dst_color_range=ColorRange.MPEG, threads=1
    )
    return _cropped(frame, frame.width, frame.height) if converted is frame else converted


def with_even_sides(frame: av.VideoFrame) -> av.VideoFrame:
    """Cut off the last column or row of a yuv420p frame if it has half a chroma sample.

    Args:
        frame: A frame in yuv420p; a side of one pixel is stretched to two.

    Returns:
        The frame itself if its sides are even.
    """
    width, height = frame.width & ~1, frame.height & ~1
    if (width, height) == (frame.width, frame.height):
        return frame
    if not (width and height):
        return frame.reformat(max(width, 2), max(height, 2))
    return _cropped(frame, width, height)


def _cropped(frame: av.VideoFrame, width: int, height: int) -> av.VideoFrame:
    """A copy of the upper left corner of a yuv420p frame."""
    cropped = av.VideoFrame(width, height, "yuv420p")
    for source, target in zip(frame.planes, cropped.planes, strict=True):
        _octets(target)[: target.height, : target.width] = _octets(source)[: target.height, : target.width]
    cropped.pts = frame.pts
    if frame.time_base:
        cropped.time_base = frame.time_base
    return cropped


def _octets(plane: VideoPlane) -> NDArray[np.uint8]:
    """The rows of a plane, with their padding."""
    return np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)


def _planes(array: NDArray[np.uint8], width: int, height: int) -> tuple[NDArray[np.uint8], ...]:
    """The planes of a yuv420p array. Two rows of the U or V plane share one row of the array."""
    chroma = np.ascontiguousarray(array[height:]).reshape(2, height // 2, width // 2)
    return array[:height], chroma[0], chroma[1]


def _size_of(array: NDArray[np.uint8], format: str) -> tuple[int, int]:
    """The width and height of the frame in an array.

    Raises:
        ValueError: The array's shape is not the format's.
    """
    shape = array.shape
    if format in ("bgr24", "rgb24"):
        if array.ndim != 3 or shape[2] != _COLOUR_CHANNELS:
            raise _wrong_shape(format, "(height, width, 3)", shape)
        return shape[1], shape[0]
    if format == "gray8":
        if array.ndim != 2:
            raise _wrong_shape(format, "(height, width)", shape)
        return shape[1], shape[0]
    if array.ndim != 2 or shape[1] % 2 or shape[0] % 3 or shape[0] * 2 // 3 % 2:
        raise _wrong_shape(format, "(height * 3 / 2, width) with even sides", shape)
    return shape[1], shape[0] * 2 // 3


def _wrong_shape(format: str, expected: str, shape: tuple[int, ...]) -> ValueError:
    return ValueError(f"array must have the shape {expected} for format={format!r}, not {shape}")


def _check_sides(width: int, height: int, given: object) -> None:
    if not (1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE):
        raise ValueError(f"array must have sides of 1 to {MAX_SIDE} pixels, not {getattr(given, 'shape', given)}")
