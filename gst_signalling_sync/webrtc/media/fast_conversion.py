"""Converts RGB arrays to yuv420p by FFmpeg's special converter, which takes half the time of its accurate one.

The special converter rounds down. So every value but black is darker, and grey gets a tint of green: 127 in both chroma planes
instead of 128. To correct this, luma above black gets one more, and so does chroma below the neutral value: greys come out
exactly, and the error of other colours has no direction. The special converter is compared with the accurate one once on this
machine's processor, and is not used if the corrected result still differs.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import av
import numpy as np
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter
from numpy.typing import NDArray

__all__ = ["ACCURATE", "convert_fast"]

ACCURATE: Final = Interpolation.BILINEAR | Interpolation.ACCURATE_RND
"""Without ``ACCURATE_RND`` FFmpeg uses the special converter if it has one for the formats."""

_FORMATS: Final = ("bgr24", "rgb24")

_BLACK: Final = 16
_NEUTRAL: Final = 128

_BLOCK: Final = 16
_GREYS: Final = 32
_COLOURS: Final = 96
_MAX_DIFFERENCE: Final = 1
"""Maximum difference in each plane, of 255."""


def convert_fast(frame: av.VideoFrame, reformatter: VideoReformatter) -> av.VideoFrame | None:
    """Convert a frame, if the special converter can.

    Args:
        frame: Any frame.
        reformatter: Reformatter of the caller's thread.

    Returns:
        A new frame in yuv420p with luma in 16..235. None: the frame has another format, or odd sides, or the special converter
        is not used.
    """
    if frame.format.name not in _FORMATS or frame.width % 2 or frame.height % 2:
        return None
    rounds_down = _rounds_down(frame.format.name)
    if rounds_down is None:
        return None
    converted = _reformatted(frame, reformatter, Interpolation.BILINEAR)
    if rounds_down:
        luma, *chroma = (np.frombuffer(memoryview(plane), np.uint8) for plane in converted.planes)
        np.add(luma, luma > _BLACK, out=luma)
        for octets in chroma:
            np.add(octets, octets < _NEUTRAL, out=octets)
    return converted


def _reformatted(frame: av.VideoFrame, reformatter: VideoReformatter, interpolation: int) -> av.VideoFrame:
    return reformatter.reformat(
        frame, format="yuv420p", interpolation=interpolation, dst_color_range=ColorRange.MPEG, threads=1
    )


@cache
def _rounds_down(pixel_format: str) -> bool | None:
    """Whether the special converter rounds down. None: it differs from the accurate one in other ways."""
    random = np.random.default_rng(0)
    greys = np.repeat(np.linspace(0, 255, _GREYS)[:, np.newaxis], 3, axis=1)
    colours = np.concatenate([greys, random.uniform(0, 255, (_COLOURS, 3))]).astype(np.uint8)
    blocks = np.repeat(np.repeat(colours[np.newaxis], _BLOCK, axis=1), _BLOCK, axis=0)
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(blocks), format=pixel_format)
    accurate, fast = (
        _block_values(_reformatted(frame, VideoReformatter(), flags)) for flags in (ACCURATE, Interpolation.BILINEAR)
    )
    rounds_down = bool((fast[1:, :_GREYS] < accurate[1:, :_GREYS]).any())
    if rounds_down:
        fast[0] += fast[0] > _BLACK
        fast[1:] += fast[1:] < _NEUTRAL
    is_neutral = bool((fast[1:, :_GREYS] == _NEUTRAL).all())
    return rounds_down if is_neutral and np.abs(accurate - fast).max() <= _MAX_DIFFERENCE else None


def _block_values(frame: av.VideoFrame) -> NDArray[Any]:
    """The value in the middle of each block, for each plane."""
    values = []
    for plane, side in zip(frame.planes, (_BLOCK, _BLOCK // 2, _BLOCK // 2), strict=True):
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        values.append(rows[side // 2, side // 2 : plane.width : side].astype(int))
    return np.array(values)
