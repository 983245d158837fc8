"""`SampleConverter`: decoded samples at the rate, with the channels and of the type that a reader asks for."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

import av
import numpy as np
from numpy.typing import NDArray

from .audio_decoder import CHANNELS, RATE
from .sample_buffer import SampleBuffer

__all__ = ["SampleConverter", "SampleForm"]

_RATES: Final = (8000, 192_000)

_TYPES: Final = ("int16", "float32")

_LAYOUTS: Final = {1: "mono", 2: "stereo"}

_MIN_SAMPLES: Final = RATE // 1000
"""How many decoded samples are converted at a time where only the resampler's delay is missing."""


@dataclass(frozen=True)
class SampleForm:
    """What samples are read as.

    Attributes:
        rate: Samples per second, 8000 to 192000.
        channels: 1, the mean of both, or 2.
        dtype: ``"int16"``, or ``"float32"`` in -1 to 1.

    Raises:
        ValueError: One is out of range.
    """

    rate: int = RATE
    channels: int = CHANNELS
    dtype: str = "int16"

    def __post_init__(self) -> None:
        if not _RATES[0] <= self.rate <= _RATES[1]:
            raise ValueError(f"rate={self.rate!r}: samples per second are {_RATES[0]} to {_RATES[1]}")
        if self.channels not in _LAYOUTS:
            raise ValueError(f"channels={self.channels!r}: there are 1 or 2")
        if self.dtype not in _TYPES:
            raise ValueError(f"dtype={self.dtype!r}: samples are of {' or '.join(_TYPES)}")

    def decoded(self, samples: int) -> int:
        """How many decoded samples make so many of this form."""
        return math.ceil(samples * RATE / self.rate)


class SampleConverter:
    """Turns decoded samples into those of a form, without a gap from one call to the next. It has no lock of its own.

    Args:
        form: The form.
    """

    def __init__(self, form: SampleForm) -> None:
        self.form: Final = form
        self._resampler = (
            None
            if form.rate == RATE
            else av.AudioResampler(format="flt", layout=_LAYOUTS[form.channels], rate=form.rate)
        )
        self._blocks: list[NDArray[np.float32]] = []
        self._position = 0
        self.samples = 0
        """How many are converted and wait to be taken."""

    def fill(self, source: SampleBuffer, samples: int) -> bool:
        """Convert until so many are there, or the source is empty.

        Args:
            source: What is taken from.
            samples: How many are wanted.

        Returns:
            Whether they are there.
        """
        while self.samples < samples and source.samples:
            wanted = max(self.form.decoded(samples - self.samples), _MIN_SAMPLES)
            self._convert(source.take(min(wanted, source.samples)))
        return self.samples >= samples

    def fill_all(self, source: SampleBuffer) -> None:
        """Convert all that the source has."""
        if source.samples:
            self._convert(source.take(source.samples))

    def take(self, samples: int) -> NDArray[Any]:
        """Take the oldest; so many must be there.

        Returns:
            ``(samples, channels)``, of the form's type.
        """
        row = np.concatenate([np.zeros((0, self.form.channels), np.float32), *self._blocks])
        taken, left = row[:samples], row[samples:]
        self._blocks = [left]
        self.samples = len(left)
        if self.form.dtype == "float32":
            return taken.copy()
        rounded: NDArray[np.int16] = np.rint(np.clip(taken * 32768, -32768, 32767)).astype(np.int16)
        return rounded

    def _convert(self, decoded: NDArray[np.int16]) -> None:
        block = decoded.astype(np.float32) / 32768
        if self.form.channels == 1:
            block = block.mean(axis=1, keepdims=True, dtype=np.float32)
        if self._resampler is None:
            self._add(block)
            return
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(block).reshape(1, -1), format="flt", layout=_LAYOUTS[self.form.channels]
        )
        frame.sample_rate = RATE
        frame.time_base = Fraction(1, RATE)
        frame.pts = self._position
        self._position += len(block)
        for resampled in self._resampler.resample(frame):
            self._add(resampled.to_ndarray().reshape(-1, self.form.channels))

    def _add(self, block: NDArray[Any]) -> None:
        self._blocks.append(block)
        self.samples += len(block)
