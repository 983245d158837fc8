"""`SampleConverter`: converts decoded samples to the rate, channels and type that a reader asks for."""

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
"""Number of decoded samples converted at a time if only the resampler's delay is missing."""


@dataclass(frozen=True)
class SampleForm:
    """The form in which samples are read.

    Attributes:
        rate: Samples per second, 8000 to 192000.
        channels: 2, or 1 for the mean of both.
        dtype: ``"int16"``, or ``"float32"`` from -1 to 1.

    Raises:
        ValueError: An attribute is out of range.
    """

    rate: int = RATE
    channels: int = CHANNELS
    dtype: str = "int16"

    def __post_init__(self) -> None:
        if not _RATES[0] <= self.rate <= _RATES[1]:
            raise ValueError(f"rate must be {_RATES[0]} to {_RATES[1]} samples per second, not {self.rate!r}")
        if self.channels not in _LAYOUTS:
            raise ValueError(f"channels must be 1 or 2, not {self.channels!r}")
        if self.dtype not in _TYPES:
            raise ValueError(f"dtype must be one of {', '.join(map(repr, _TYPES))}, not {self.dtype!r}")

    def decoded(self, samples: int) -> int:
        """Number of decoded samples from which a number of samples of this form is made."""
        return math.ceil(samples * RATE / self.rate)


class SampleConverter:
    """Converts decoded samples to a form, without a gap from one call to the next. It has no lock.

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
        """Number of converted samples that wait to be taken."""

    def fill(self, source: SampleBuffer, samples: int) -> bool:
        """Convert until a number of samples wait, or the source is empty.

        Args:
            source: The decoded samples.
            samples: The number of samples.

        Returns:
            Whether that many wait.
        """
        while self.samples < samples and source.samples:
            wanted = max(self.form.decoded(samples - self.samples), _MIN_SAMPLES)
            self._convert(source.take(min(wanted, source.samples)))
        return self.samples >= samples

    def fill_all(self, source: SampleBuffer) -> None:
        """Convert all samples of the source."""
        if source.samples:
            self._convert(source.take(source.samples))

    def take(self, samples: int) -> NDArray[Any]:
        """Take the oldest samples; at least that many must wait.

        Returns:
            Samples of shape ``(samples, channels)`` and of the form's type.
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
