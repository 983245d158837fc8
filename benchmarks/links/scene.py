"""The scene that all senders show: numbers that tell when each frame was made, bars, and a corner of noise.

The browser draws the same (``tests/peers/browser/pattern.js``).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tests.helpers.media import NUMBERS, number_in, numbered_frame

__all__ = ["FPS", "age_of", "age_of_number", "film"]

FPS: Final = 30

_NOISE: Final = 5
"""Width of the frame divided by that of its corner of noise, as in GStreamer's test video."""

_MAX_SECONDS: Final = 60.0
"""Maximum age of a frame; a higher one is that of a number that was misread."""


def film(size: tuple[int, int], show: Callable[[NDArray[np.uint8]], None], wait: Callable[[float], bool]) -> None:
    """Show frames at `FPS`.

    Args:
        size: Width and height in pixels.
        show: Gets each frame: ``(height, width, 3) uint8`` BGR.
        wait: Waits for some seconds, and returns whether to end.
    """
    width, height = size
    random = np.random.default_rng(1)
    corner = (height // _NOISE, width // _NOISE, 3)
    due = time.monotonic()
    while not wait(max(0.0, due - time.monotonic())):
        frame = numbered_frame(_milliseconds(time.time()), width, height)
        frame[: corner[0], : corner[1]] = random.integers(0, 255, corner, dtype=np.uint8)
        show(frame)
        due = max(due + 1 / FPS, time.monotonic() - 1)


def age_of(frame: NDArray[Any], now: float) -> float | None:
    """Seconds since a received frame was made.

    Args:
        frame: The frame, of any size.
        now: Unix time.

    Returns:
        The seconds; None: the frame is too damaged to tell.
    """
    number = number_in(frame)
    return None if number is None else age_of_number(number, now)


def age_of_number(number: int, now: float) -> float | None:
    """Seconds since a frame with this number was made.

    Args:
        number: The frame's number.
        now: Unix time.

    Returns:
        The seconds; None: no frame can be that old, so that the number was misread.
    """
    age = ((_milliseconds(now) - number) % NUMBERS) / 1000
    return age if age < _MAX_SECONDS else None


def _milliseconds(time: float) -> int:
    return int(time * 1000) % NUMBERS
