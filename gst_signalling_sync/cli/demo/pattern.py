"""`MovingPattern`: the demo's test pattern, in which each frame carries the time at which it was drawn.

The time is encoded along the lower edge, as a row of light and dark squares that survives any encoder. Its clock is
`time.monotonic`, which all processes of a machine share.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["HEIGHT", "WIDTH", "MovingPattern", "seconds_since"]

WIDTH: Final = 640
HEIGHT: Final = 480
"""Pixels."""

Array = NDArray[np.uint8]

_SQUARES: Final = 32
_SQUARE: Final = WIDTH // _SQUARES

_TICKS_PER_SECOND: Final = 10_000
_TICKS: Final = 1 << 24
"""The count wraps after 28 minutes, far longer than any frame is under way."""

_LIGHT: Final = 230
_DARK: Final = 25

_DRIFT_SECONDS: Final = 16.0
"""Period of the sky."""

_ORBIT_SECONDS: Final = 4.0
_BALL: Final = 64
"""Pixels of the ball's diameter."""

_BALL_BGR: Final = (140, 220, 255)


class MovingPattern:
    """A ball that circles in front of a drifting sky. Both are drawn once and copied, so a frame costs very little."""

    def __init__(self) -> None:
        self._sky = _sky()
        self._ball, self._ball_colour = _ball()

    def draw(self, now: float) -> Array:
        """Draw the frame of a moment.

        Args:
            now: `time.monotonic`.

        Returns:
            ``(HEIGHT, WIDTH, 3)`` uint8 bgr24.
        """
        left = int(now / _DRIFT_SECONDS % 1 * WIDTH)
        frame = self._sky[:, left : left + WIDTH].copy()
        self._draw_ball(frame, 2 * math.pi * (now / _ORBIT_SECONDS % 1))
        frame[-_SQUARE:] = _squares_of(now)
        return frame

    def _draw_ball(self, frame: Array, angle: float) -> None:
        left = int((WIDTH - _BALL) * (0.5 + 0.4 * math.sin(angle)))
        top = int((HEIGHT - _SQUARE - _BALL) * (0.5 - 0.4 * math.cos(angle)))
        under = frame[top : top + _BALL, left : left + _BALL]
        under[:] = under * (1 - self._ball) + self._ball_colour


def seconds_since(frame: Array, now: float) -> float | None:
    """The age of a received frame, by its squares.

    Args:
        frame: ``(HEIGHT, WIDTH)`` uint8 gray8.
        now: `time.monotonic`.

    Returns:
        Seconds since it was drawn; None: the squares are unreadable.
    """
    if frame.shape != (HEIGHT, WIDTH):
        return None
    # Only the middle of each square, which is not blurred by its neighbours.
    margin = _SQUARE // 4
    row = frame[-_SQUARE + margin : -margin].reshape(-1, _SQUARES, _SQUARE)
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
    """A checksum of eight bits, so that a damaged frame does not tell a wrong time."""
    return ticks * 0x9E3779B1 >> 24 & 0xFF


def _sky() -> Array:
    """The sky, twice as wide as a frame and periodic in its width, so that any window of it is a frame."""
    across = np.linspace(0, 4 * np.pi, 2 * WIDTH, endpoint=False)
    down = np.linspace(0, 1, HEIGHT)[:, np.newaxis]
    colours = [
        mean + swing * np.sin(across + phase + 1.5 * down) + slope * down
        for mean, swing, phase, slope in ((130, 35, 0.0, 30), (80, 40, 2.1, 20), (110, 60, 4.2, -50))
    ]
    return np.stack(colours, axis=2).astype(np.uint8)


def _ball() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The ball's opacity at each of its pixels, and its colour times the opacity."""
    offsets = np.arange(_BALL, dtype=np.float32) - (_BALL - 1) / 2
    radii = np.hypot(offsets[:, np.newaxis], offsets)
    cover = np.clip(_BALL / 2 - radii, 0, 1)[:, :, np.newaxis].astype(np.float32)
    shade = 1 - 0.35 * (radii / radii.max())[:, :, np.newaxis] ** 2
    return cover, (cover * shade * np.array(_BALL_BGR)).astype(np.float32)
