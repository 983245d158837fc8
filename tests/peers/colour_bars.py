"""Recognition of the colour bars of GStreamer's videotestsrc."""

from __future__ import annotations

from typing import Final

import numpy as np

from .received import Frame

__all__ = ["has_smpte_bars"]

_WHITE_TO_BLUE_BGR: Final = (
    (255, 255, 255),
    (0, 255, 255),
    (255, 255, 0),
    (0, 255, 0),
    (255, 0, 255),
    (0, 0, 255),
    (255, 0, 0),
)


def has_smpte_bars(frame: Frame) -> bool:
    """Whether a frame has the bars of ``videotestsrc pattern=smpte`` in their colours and order.

    Args:
        frame: ``(height, width, 3) uint8`` BGR, of any size.
    """
    height, width, _ = frame.shape
    for number, colour in enumerate(_WHITE_TO_BLUE_BGR):
        left, right = (round(width * (number + part) / len(_WHITE_TO_BLUE_BGR)) for part in (0.3, 0.7))
        mean = frame[height // 8 : height // 2, left:right].mean(axis=(0, 1))
        # Encoders and conversions between colour spaces change the colours a little.
        if np.abs(mean - colour).max() > 70:
            return False
    return True
