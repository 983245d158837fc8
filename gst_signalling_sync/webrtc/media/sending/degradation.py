"""`Degradation`: reduces frame rate and size if the bitrate is too low for the frames (W3C ``degradationPreference``).

A codec needs a minimum of bits per pixel, which depends on the scene. It is therefore learnt from the encoder's output, for
each size separately. If the bitrate is below that minimum, the frame rate falls first, to half at most, then the size. No clock
and no I/O.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal, get_args

__all__ = ["Degradation", "DegradationPreference", "Plan"]

DegradationPreference = Literal["balanced", "maintain-framerate", "maintain-resolution"]

_MIN_BITS_PER_PIXEL: Final = 0.02
"""Minimum bits per pixel of almost any scene. Below a scene's minimum, real-time encoders exceed their bitrate."""

_MIN_FPS: Final = 15.0
_MIN_SHARE: Final = 1 / 2
_SCALES: Final = (1.0, 0.75, 0.5, 0.375, 0.25)
_MIN_SIDE: Final = 64

_MARGIN: Final = 1.3
"""Factor by which a larger size must fit before it is used again: each change costs a keyframe."""

_FIRST_PATIENCE_SECONDS: Final = 1.0
_PATIENCE_SECONDS: Final = (4.0, 60.0)
"""How long a larger size must fit, without a break, before it is used: first and maximum. The time doubles whenever the larger
size did not last. Before the first raise it is `_FIRST_PATIENCE_SECONDS`, as little was known of the link when the size was
lowered."""

_LASTING_SECONDS: Final = 30.0
"""A larger size that is lowered again within this time did not last."""

_SETTLING_FRAMES: Final = 8
"""Frames after a keyframe that are not judged: encoders save on them what the keyframe took."""

_WEIGHT: Final = 0.1
"""Weight of the newest frame."""

_MISSED: Final = 1.15
"""An encoder whose frames exceed their bits by this factor cannot make them smaller."""

_EXCESS_SECONDS: Final = 0.3
"""Minimum total excess, in seconds of the bitrate: an encoder that keeps its rate in the long run may exceed it for a while."""

_KEPT: Final = 1.05
_EASY: Final = 0.7
_EASY_SECONDS: Final = 2.0
"""If frames take less than `_EASY` of their bits for this long, which is longer than an encoder saves after a keyframe, the
scene is easy."""

_SAME_BITRATE: Final = 0.15
"""Minimum change of the bitrate, as a part of it, after which the encoder needs some frames to settle."""

_FORGETTING_PER_SECOND: Final = 0.99
_FORGETTING_OTHERS_PER_SECOND: Final = 0.997
"""Decay per second of the minimum learnt at the present size, and of those at others."""

_MAX_STEP_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How frames are encoded.

    Attributes:
        fps: Maximum frame rate, in frames per second.
        size: Width and height in pixels.
    """

    fps: float
    size: tuple[int, int]


class Degradation:
    """Plans the frame rate and size of one encoder.

    Args:
        preference: ``"balanced"``: the frame rate falls first, then the size. ``"maintain-framerate"``: only the size falls.
            ``"maintain-resolution"``: only the frame rate falls, as far as needed. Defaults to ``"balanced"``.

    Raises:
        ValueError: `preference` is not one of these.
    """

    def __init__(self, preference: DegradationPreference = "balanced") -> None:
        if preference not in get_args(DegradationPreference):
            raise ValueError(
                f"degradation must be one of {', '.join(map(repr, get_args(DegradationPreference)))}, not {preference!r}"
            )
        self._preference = preference
        self._scale = 1.0
        # Minimum bits per pixel, by scale.
        self._minimums = {1.0: _MIN_BITS_PER_PIXEL}
        # Weighted sums over recent frames: bits, bits allowed, bits per pixel, and weights.
        self._bits = self._budget = self._density = self._weight = 0.0
        self._easy_seconds = 0.0
        # Bits that frames took beyond their share and that later frames did not save, in seconds of the bitrate.
        self._excess = 0.0
        self._opened: tuple[tuple[int, int], int] | None = None
        self._frames = 0
        self._encoded_at: float | None = None
        self._patience = _FIRST_PATIENCE_SECONDS
        self._raised_at = -math.inf
        # Since when a larger scale fits, and the smallest one that has fitted since.
        self._fitting: tuple[float, float] | None = None

    def plan(self, size: tuple[int, int], fps: float, bitrate: int, now: float) -> Plan:
        """The frame rate and size to encode with.

        Args:
            size: Width and height of the written frames.
            fps: Maximum frame rate of the source, in frames per second.
            bitrate: Bitrate in bit/s.
            now: Seconds on any clock that does not jump.
        """
        lowest_fps = self._lowest_fps(fps)
        scale = next(
            (scale for scale in self._scales(size) if self._fits(size, scale, lowest_fps, bitrate)),
            self._scales(size)[-1],
        )
        self._change_to(scale, now)
        width, height = size if self._scale == 1.0 else _scaled(size, self._scale)
        affordable = bitrate / (self._needed(self._scale) * width * height)
        return Plan(min(fps, max(1.0, lowest_fps, affordable)), (width, height))

    def encoded(self, bits: int, plan: Plan, bitrate: int, now: float) -> None:
        """Record an encoded frame that is not a keyframe.

        Args:
            bits: Size of the encoded frame in bits.
            plan: The plan that it was encoded with.
            bitrate: The bitrate that it was encoded with, in bit/s.
            now: Seconds on any clock that does not jump.
        """
        if self._opened is None or self._opened[0] != plan.size or not _is_near(bitrate, self._opened[1]):
            self._opened = (plan.size, bitrate)
            self._frames = 0
        elapsed = 0.0 if self._encoded_at is None else min(now - self._encoded_at, _MAX_STEP_SECONDS)
        self._encoded_at = now
        self._forget_others(elapsed)
        self._frames += 1
        if self._frames == 1:
            self._bits = self._budget = self._density = self._weight = self._excess = 0.0
            return
        self._bits += bits - _WEIGHT * self._bits
        self._budget += bitrate / plan.fps - _WEIGHT * self._budget
        self._density += bits / (plan.size[0] * plan.size[1]) - _WEIGHT * self._density
        self._weight += 1 - _WEIGHT * self._weight
        if self._frames > _SETTLING_FRAMES:
            excess = bits - _KEPT * bitrate / plan.fps
            self._excess = max(0.0, self._excess + excess / bitrate)
            self._learn(self._bits / self._budget, self._density / self._weight, elapsed)

    def _learn(self, share: float, spent: float, elapsed: float) -> None:
        """Adapt the minimum by the share of their bits that frames took, and their bits per pixel."""
        minimum = self._needed(self._scale)
        if share >= _EASY:
            self._easy_seconds = 0.0
        if share > _MISSED and self._excess > _EXCESS_SECONDS:
            minimum = max(minimum, spent)
        elif share < _EASY:
            minimum = min(minimum, spent)
            self._easy_seconds += elapsed
            if self._easy_seconds > _EASY_SECONDS:
                # A scene that is easy at this size is easy at all sizes.
                self._minimums.clear()
        elif share < _KEPT:
            minimum *= _FORGETTING_PER_SECOND**elapsed
        self._minimums[self._scale] = max(minimum, _MIN_BITS_PER_PIXEL)

    def _forget_others(self, elapsed: float) -> None:
        for scale in self._minimums:
            if scale != self._scale:
                self._minimums[scale] = max(
                    self._minimums[scale] * _FORGETTING_OTHERS_PER_SECOND**elapsed, _MIN_BITS_PER_PIXEL
                )

    def _needed(self, scale: float) -> float:
        """Minimum bits per pixel of a size; of one that was never sent, that of the present size."""
        return self._minimums.get(scale, self._minimums.get(self._scale, _MIN_BITS_PER_PIXEL))

    def _change_to(self, scale: float, now: float) -> None:
        if scale <= self._scale:
            self._fitting = None
        if scale > self._scale:
            since, smallest = self._fitting or (now, scale)
            self._fitting = since, min(smallest, scale)
            if now - since >= self._patience:
                self._set(self._fitting[1])
                self._raised_at = now
        elif scale < self._scale:
            first, longest = _PATIENCE_SECONDS
            if now - self._raised_at < _LASTING_SECONDS:
                self._patience = min(max(first, 2 * self._patience), longest)
            elif self._raised_at > -math.inf:
                self._patience = first
            self._set(scale)

    def _set(self, scale: float) -> None:
        self._minimums.setdefault(scale, self._needed(scale))
        self._scale, self._fitting = scale, None

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
        return self._needed(scale) * size[0] * size[1] * scale**2 * fps * margin <= bitrate


def _is_near(bitrate: int, before: int) -> bool:
    return abs(bitrate - before) <= _SAME_BITRATE * before


def _scaled(size: tuple[int, int], scale: float) -> tuple[int, int]:
    # Even, which encoders of 4:2:0 prefer.
    return max(2, round(size[0] * scale / 2) * 2), max(2, round(size[1] * scale / 2) * 2)
