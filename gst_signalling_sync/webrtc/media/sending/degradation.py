"""`Degradation`: what a source gives up where the bitrate is too low for its frames.

The words are the W3C's (``degradationPreference``). A codec cannot go below some bits for each pixel, which depend on what is
filmed, so that they are learnt from what the encoder makes. Below that the frame rate falls first, to half at the most, then
the size. No clock and no I/O.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal, get_args

__all__ = ["Degradation", "DegradationPreference", "Plan"]

DegradationPreference = Literal["balanced", "maintain-framerate", "maintain-resolution"]

_MIN_BITS_PER_PIXEL: Final = 0.02
"""Of a frame: what hardly anything takes less than. Below what it does take, encoders for real time miss their rate."""

_MIN_FPS: Final = 15.0
_MIN_SHARE: Final = 1 / 2
_SCALES: Final = (1.0, 0.75, 0.5, 0.375, 0.25)
_MIN_SIDE: Final = 64

_MARGIN: Final = 1.3
"""By which a larger size must fit before it is taken again: each change costs a keyframe."""

_PATIENCE_SECONDS: Final = (4.0, 60.0)
"""How long a size lasts before a larger one is tried; twice as long each time that the larger one did not last."""

_SETTLING_FRAMES: Final = 8
"""Encoders make up for a keyframe by the next ones, which tell nothing."""

_WEIGHT: Final = 0.1
"""Of the newest frame."""

_MISSED: Final = 1.15
"""An encoder whose frames are larger than they may be by this factor cannot make them smaller."""

_KEPT: Final = 1.05
_EASY: Final = 0.7
"""One whose frames are smaller by this factor has easy ones."""

_FORGETTING_PER_SECOND: Final = 0.99
_MAX_STEP_SECONDS: Final = 1.0


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
        self._least = _MIN_BITS_PER_PIXEL
        # Of recent frames, older ones count less: bits, bits per pixel, seconds, frames.
        self._bits = self._density = self._seconds = self._weight = 0.0
        self._opened: tuple[tuple[int, int], int] | None = None
        self._frames = 0
        self._encoded_at: float | None = None
        self._patience = _PATIENCE_SECONDS[0]
        self._changed_at = self._raised_at = -math.inf

    def plan(self, size: tuple[int, int], fps: float, bitrate: int, now: float) -> Plan:
        """What to encode with.

        Args:
            size: Of the frames as they were written.
            fps: Frames per second that the source has at most.
            bitrate: Bits per second.
            now: Seconds on any clock that does not jump.
        """
        lowest_fps = self._lowest_fps(fps)
        scale = next(
            (scale for scale in self._scales(size) if self._fits(size, scale, lowest_fps, bitrate)),
            self._scales(size)[-1],
        )
        self._change_to(scale, now)
        width, height = size if self._scale == 1.0 else _scaled(size, self._scale)
        affordable = bitrate / (self._least * width * height)
        return Plan(min(fps, max(1.0, lowest_fps, affordable)), (width, height))

    def encoded(self, bits: int, plan: Plan, bitrate: int, now: float) -> None:
        """Take note of a frame that is no keyframe.

        Args:
            bits: Of the encoded frame.
            plan: What it was encoded with.
            bitrate: Likewise, bits per second.
            now: Seconds on any clock that does not jump.
        """
        if self._opened != (plan.size, bitrate):
            self._opened = (plan.size, bitrate)
            self._frames = 0
        elapsed = 0.0 if self._encoded_at is None else min(now - self._encoded_at, _MAX_STEP_SECONDS)
        self._encoded_at = now
        self._frames += 1
        if self._frames == 1:
            self._bits = self._density = self._seconds = self._weight = 0.0
            return
        self._bits += bits - _WEIGHT * self._bits
        self._density += bits / (plan.size[0] * plan.size[1]) - _WEIGHT * self._density
        self._seconds += 1 / plan.fps - _WEIGHT * self._seconds
        self._weight += 1 - _WEIGHT * self._weight
        if self._frames <= _SETTLING_FRAMES:
            return
        share, spent = self._bits / (bitrate * self._seconds), self._density / self._weight
        if share > _MISSED:
            self._least = max(self._least, spent)
        elif share < _EASY:
            self._least = min(self._least, spent)
        elif share < _KEPT:
            self._least *= _FORGETTING_PER_SECOND**elapsed
        self._least = max(self._least, _MIN_BITS_PER_PIXEL)

    def _change_to(self, scale: float, now: float) -> None:
        if scale > self._scale:
            if now < self._changed_at + self._patience:
                return
            self._raised_at = now
        elif scale < self._scale:
            first, longest = _PATIENCE_SECONDS
            has_lasted = now >= self._raised_at + self._patience
            self._patience = first if has_lasted else min(2 * self._patience, longest)
        else:
            return
        self._scale, self._changed_at = scale, now

    def _lowest_fps(self, fps: float) -> float:
        match self._preference:
            case "maintain-framerate":
                return fps
            case "maintain-resolution":
                return 1.0
        return min(fps, max(_MIN_FPS, fps * _MIN_SHARE))

    def _scales(self, size: tuple[int, int]) -> tuple[float, ...]:
        if self._preference == "maintain-resolution":
            return (1.0,)
        return tuple(scale for scale in _SCALES if scale == 1.0 or min(size) * scale >= _MIN_SIDE)

    def _fits(self, size: tuple[int, int], scale: float, fps: float, bitrate: int) -> bool:
        margin = _MARGIN if scale > self._scale else 1.0
        return self._least * size[0] * size[1] * scale**2 * fps * margin <= bitrate


def _scaled(size: tuple[int, int], scale: float) -> tuple[int, int]:
    # Even, as encoders of 4:2:0 like it.
    return max(2, round(size[0] * scale / 2) * 2), max(2, round(size[1] * scale / 2) * 2)
