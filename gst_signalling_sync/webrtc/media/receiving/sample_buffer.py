"""`SampleBuffer`: decoded samples in order, with silence for lost ones. It has no clock and no lock."""

from __future__ import annotations

from collections import deque
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["SampleBuffer"]

_MIN_GAP_SECONDS: Final = 0.0025
"""Minimum gap: no Opus frame is shorter. A smaller one is a rounded timestamp, and filling it would be audible."""

_MAX_GAP_SECONDS: Final = 1.0


class SampleBuffer:
    """The samples of one track that wait to be read.

    Args:
        rate: Samples per second.
        channels: Channels of each sample.
    """

    def __init__(self, rate: int, channels: int) -> None:
        self._rate = rate
        self._channels = channels
        self._blocks: deque[NDArray[np.int16]] = deque()
        self._end: int | None = None
        self.samples = 0
        """Number of samples that wait."""
        self.dropped = 0
        """Number of samples dropped because nobody read them."""

    def add(self, samples: NDArray[np.int16], position: int, maximum: int) -> None:
        """Add samples, preceded by silence for missing ones.

        Args:
            samples: int16 samples of shape ``(samples, channels)``.
            position: Position of the first sample, in samples from any origin.
            maximum: Maximum number of samples that wait; the oldest ones beyond it are dropped.
        """
        if self._end is not None:
            missing = position - self._end
            if _MIN_GAP_SECONDS * self._rate <= missing <= _MAX_GAP_SECONDS * self._rate:
                self._append(np.zeros((missing, self._channels), np.int16))
        self._append(samples)
        self._end = position + len(samples)
        if self.samples > maximum:
            self.dropped += self.samples - maximum
            self._discard(self.samples - maximum)

    def take(self, samples: int) -> NDArray[np.int16]:
        """Take the oldest samples; at least that many must wait.

        Returns:
            int16 samples of shape ``(samples, channels)``.
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
        """Remove the oldest samples; no block is ever empty."""
        self.samples -= samples
        while samples:
            block = self._blocks.popleft()
            if len(block) > samples:
                self._blocks.appendleft(block[samples:])
                return
            samples -= len(block)
