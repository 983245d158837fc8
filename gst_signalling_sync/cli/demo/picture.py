"""The demo's moving picture, which carries the moment at which it was drawn.

That moment stands along its lower edge, in a row of light and dark squares that survives any encoder. Its clock is
`time.monotonic`, which all processes of a machine share.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["HEIGHT", "WIDTH", "MovingPicture", "seconds_since"]

WIDTH: Final = 640
HEIGHT: Final = 480
"""Pixels."""

Array = NDArray[np.uint8]

_SQUARES: Final = 32
_SQUARE: Final = WIDTH // _SQUARES

_TICKS_PER_SECOND: Final = 10_000
_TICKS: Final = 1 << 24
"""After so many, in 28 minutes, they begin anew: far longer than any picture is under way."""

_LIGHT: Final = 230
_DARK: Final = 25

_DRIFT_SECONDS: Final = 16.0
"""How long the sky takes to pass by."""

_ORBIT_SECONDS: Final = 4.0
_BALL: Final = 64
"""Pixels of the ball's diameter."""

_BALL_BGR: Final = (140, 220, 255)


class MovingPicture:
    """A ball that circles before a sky that drifts by: copies of what was drawn once, so that it costs next to nothing."""

    def __init__(self) -> None:
        self._sky = _sky()
        self._ball, self._ball_colour = _ball()

    def draw(self, now: float) -> Array:
        """Draw it as it is at a moment.

        Args:
            now: `time.monotonic`.

        Returns:
            ``(HEIGHT, WIDTH, 3)`` uint8 bgr24.
        """
        left = int(now / _DRIFT_SECONDS % 1 * WIDTH)
        picture = self._sky[:, left : left + WIDTH].copy()
        self._draw_ball(picture, 2 * math.pi * (now / _ORBIT_SECONDS % 1))
        picture[-_SQUARE:] = _squares_of(now)
        return picture

    def _draw_ball(self, picture: Array, angle: float) -> None:
        left = int((WIDTH - _BALL) * (0.5 + 0.4 * math.sin(angle)))
        top = int((HEIGHT - _SQUARE - _BALL) * (0.5 - 0.4 * math.cos(angle)))
        under = picture[top : top + _BALL, left : left + _BALL]
        under[:] = under * (1 - self._ball) + self._ball_colour


def seconds_since(picture: Array, now: float) -> float | None:
    """How old a picture is, by the squares in it.

    Args:
        picture: ``(HEIGHT, WIDTH)`` uint8 gray8, as it arrived.
        now: `time.monotonic`.

    Returns:
        Seconds from when it was drawn; None when the squares cannot be read.
    """
    if picture.shape != (HEIGHT, WIDTH):
        return None
    # The middle of each square, which its neighbours' blur does not reach.
    margin = _SQUARE // 4
    row = picture[-_SQUARE + margin : -margin].reshape(-1, _SQUARES, _SQUARE)
    light = row[:, :, margin:-margin].mean(axis=(0, 2)) > (_LIGHT + _DARK) / 2
    word = int.from_bytes(np.packbits(light).tobytes(), "big")
    ticks, check = word >> 8, word & 0xFF
    if check != _check_of(ticks):
        return None
    return (int(now * _TICKS_PER_SECOND) - ticks) % _TICKS / _TICKS_PER_SECOND


def _squares_of(now: float) -> Array:
    """The row of squares, ``(_SQUARE, WIDTH, 3)``."""
    ticks = int(now * _TICKS_PER_SECOND) % _TICKS
    word = ticks << 8 | _check_of(ticks)
    bits = np.unpackbits(np.frombuffer(word.to_bytes(_SQUARES // 8, "big"), np.uint8))
    line = np.where(bits, _LIGHT, _DARK).astype(np.uint8).repeat(_SQUARE)
    return np.broadcast_to(line[np.newaxis, :, np.newaxis], (_SQUARE, WIDTH, 3))


def _check_of(ticks: int) -> int:
    """A checksum of eight bits, so that a damaged picture does not tell a wrong time."""
    return ticks * 0x9E3779B1 >> 24 & 0xFF


def _sky() -> Array:
    """Two pictures wide, and the same at every multiple of one, so that any window of it is a picture."""
    across = np.linspace(0, 4 * np.pi, 2 * WIDTH, endpoint=False)
    down = np.linspace(0, 1, HEIGHT)[:, np.newaxis]
    colours = [
        mean + swing * np.sin(across + phase + 1.5 * down) + slope * down
        for mean, swing, phase, slope in ((130, 35, 0.0, 30), (80, 40, 2.1, 20), (110, 60, 4.2, -50))
    ]
    return np.stack(colours, axis=2).astype(np.uint8)


def _ball() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """How much the ball covers at each of its pixels, and its colour there times that."""
    offsets = np.arange(_BALL, dtype=np.float32) - (_BALL - 1) / 2
    radii = np.hypot(offsets[:, np.newaxis], offsets)
    cover = np.clip(_BALL / 2 - radii, 0, 1)[:, :, np.newaxis].astype(np.float32)
    shade = 1 - 0.35 * (radii / radii.max())[:, :, np.newaxis] ** 2
    return cover, (cover * shade * np.array(_BALL_BGR)).astype(np.float32)
