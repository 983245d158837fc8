"""`Tone`: the demo's tone; `frequency_of`: the frequency of received audio."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["RATE", "Tone", "frequency_of"]

RATE: Final = 48_000
"""Samples per second."""

_AMPLITUDE: Final = 6000
_SILENCE: Final = 50


class Tone:
    """A continuous sine wave.

    Args:
        frequency: In hertz.
    """

    def __init__(self, frequency: int) -> None:
        self._frequency = frequency
        self._position = 0

    def next(self, samples: int) -> NDArray[np.int16]:
        """The next samples.

        Args:
            samples: Number of samples.

        Returns:
            ``(samples,)`` int16.
        """
        # The wave repeats each second, so its argument can stay small.
        numbers = (self._position + np.arange(samples)) % RATE
        self._position = (self._position + samples) % RATE
        wave = np.sin(2 * np.pi * self._frequency / RATE * numbers)
        tone: NDArray[np.int16] = (_AMPLITUDE * wave).astype(np.int16)
        return tone


def frequency_of(samples: NDArray[np.int16]) -> float | None:
    """The strongest frequency in received audio.

    Args:
        samples: ``(samples, channels)`` at `RATE`; a quarter of a second has a resolution of a few hertz.

    Returns:
        The frequency in hertz; None for silence.
    """
    mono = samples.mean(axis=1)
    mono -= mono.mean()
    if np.sqrt(np.mean(mono**2)) < _SILENCE:
        return None
    # Padded with zeros, to interpolate between the frequencies of the transform.
    length = 4 * len(mono)
    spectrum = np.abs(np.fft.rfft(mono * np.hanning(len(mono)), length))
    return float(spectrum.argmax() * RATE / length)
