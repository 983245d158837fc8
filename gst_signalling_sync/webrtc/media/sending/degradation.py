"""`Degradation`: what a source gives up where the bitrate is too low for its frames.

The words are the W3C's (``degradationPreference``). A codec cannot go below some bits for each pixel. Below that the frame rate
falls first, to a third at the most, then the size.
No clock and no I/O.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

__all__ = ["Degradation", "DegradationPreference", "Plan"]

DegradationPreference = Literal["balanced", "maintain-framerate", "maintain-resolution"]

_LEAST_BITS_PER_PIXEL: Final = 0.02
"""Of a frame: below it encoders for real time skip frames, or miss their rate."""

_LEAST_FPS: Final = 10.0
_LEAST_SHARE: Final = 1 / 3
_SCALES: Final = (1.0, 0.75, 0.5, 0.375, 0.25)
_LEAST_SIDE: Final = 64

_MARGIN: Final = 1.3
"""By which a larger size must fit before it is taken again: each change costs a keyframe."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How frames are encoded.

    Attributes:
        fps: Frames per second at most.
        size: Width and height in pixels.
    """

    fps: float
    size: tuple[int, int]


class Degradation:
    """The plan of one encoder.

    Args:
        preference: ``"balanced"``: the frame rate falls first, then the size. ``"maintain-framerate"``: the size alone.
            ``"maintain-resolution"``: the frame rate alone, as far as it has to.

    Raises:
        ValueError: There is no such preference.
    """

    def __init__(self, preference: DegradationPreference = "balanced") -> None:
        if preference not in get_args(DegradationPreference):
            raise ValueError(
                f"degradation must be one of {', '.join(map(repr, get_args(DegradationPreference)))}, not {preference!r}"
            )
        self._preference = preference
        self._scale = 1.0

    def plan(self, size: tuple[int, int], fps: float, bitrate: int) -> Plan:
        """What to encode with.

        Args:
            size: Of the frames as they were written.
            fps: Frames per second that the source has at most.
            bitrate: Bits per second.
        """
        lowest_fps = self._lowest_fps(fps)
        self._scale = next(
            (scale for scale in self._scales(size) if self._fits(size, scale, lowest_fps, bitrate)),
            self._scales(size)[-1],
        )
        width, height = size if self._scale == 1.0 else _scaled(size, self._scale)
        affordable = bitrate / (_LEAST_BITS_PER_PIXEL * width * height)
        return Plan(min(fps, max(1.0, lowest_fps, affordable)), (width, height))

    def _lowest_fps(self, fps: float) -> float:
        match self._preference:
            case "maintain-framerate":
                return fps
            case "maintain-resolution":
                return 1.0
        return min(fps, max(_LEAST_FPS, fps * _LEAST_SHARE))

    def _scales(self, size: tuple[int, int]) -> tuple[float, ...]:
        if self._preference == "maintain-resolution":
            return (1.0,)
        return tuple(scale for scale in _SCALES if scale == 1.0 or min(size) * scale >= _LEAST_SIDE)

    def _fits(self, size: tuple[int, int], scale: float, fps: float, bitrate: int) -> bool:
        margin = _MARGIN if scale > self._scale else 1.0
        return _LEAST_BITS_PER_PIXEL * size[0] * size[1] * scale**2 * fps * margin <= bitrate


def _scaled(size: tuple[int, int], scale: float) -> tuple[int, int]:
    # Even, as encoders of 4:2:0 like it.
    return max(2, round(size[0] * scale / 2) * 2), max(2, round(size[1] * scale / 2) * 2)
