"""`SampleBuffer`: decoded samples in a row, with silence for what was lost. No clock and no lock of its own."""

from __future__ import annotations

from collections import deque
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["SampleBuffer"]

_MIN_GAP_SECONDS: Final = 0.0025
"""No Opus frame is shorter. What is less is a timestamp that was rounded, and filling it would be heard."""

_MAX_GAP_SECONDS: Final = 1.0


class SampleBuffer:
    """The samples of one track that wait to be read.

    Args:
        rate: Samples per second.
        channels: Of each sample.
    """

    def __init__(self, rate: int, channels: int) -> None:
        self._rate = rate
        self._channels = channels
        self._blocks: deque[NDArray[np.int16]] = deque()
        self._end: int | None = None
        self.samples = 0
        """How many wait."""
        self.dropped = 0
        """How many were dropped because nobody read them."""

    def add(self, samples: NDArray[np.int16], position: int, most: int) -> None:
        """Add samples, behind silence for those that are missing before them.

        Args:
            samples: ``(samples, channels)`` int16.
            position: Of the first of them, counted in samples from anywhere.
            most: How many may wait; the oldest of more are dropped.
        """
        if self._end is not None:
            missing = position - self._end
            if _MIN_GAP_SECONDS * self._rate <= missing <= _MAX_GAP_SECONDS * self._rate:
                self._append(np.zeros((missing, self._channels), np.int16))
        self._append(samples)
        self._end = position + len(samples)
        if self.samples > most:
            self.dropped += self.samples - most
            self._discard(self.samples - most)

    def take(self, samples: int) -> NDArray[np.int16]:
        """Take the oldest samples; so many must be there.

        Returns:
            ``(samples, channels)`` int16.
        """
        taken = np.empty((samples, self._channels), np.int16)
        filled = 0
        while filled < samples:
            block = self._blocks[0][: samples - filled]
            taken[filled : filled + len(block)] = block
            filled += len(block)
            self._discard(len(block))
        return taken

    def _append(self, block: NDArray[np.int16]) -> None:
        if len(block):
            self._blocks.append(block)
            self.samples += len(block)

    def _discard(self, samples: int) -> None:
        """Take the oldest samples away; no block is ever empty."""
        self.samples -= samples
        while samples:
            block = self._blocks.popleft()
            if len(block) > samples:
                self._blocks.appendleft(block[samples:])
                return
            samples -= len(block)
