"""The demo's tone, and which tone is heard."""

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
    """A sine that goes on where it was left.

    Args:
        frequency: Hertz.
    """

    def __init__(self, frequency: int) -> None:
        self._frequency = frequency
        self._position = 0

    def next(self, samples: int) -> NDArray[np.int16]:
        """The samples that follow.

        Args:
            samples: How many.

        Returns:
            ``(samples,)`` int16.
        """
        # It is the same each second, which keeps its argument small however long it goes on.
        numbers = (self._position + np.arange(samples)) % RATE
        self._position = (self._position + samples) % RATE
        wave = np.sin(2 * np.pi * self._frequency / RATE * numbers)
        sound: NDArray[np.int16] = (_AMPLITUDE * wave).astype(np.int16)
        return sound


def frequency_of(sound: NDArray[np.int16]) -> float | None:
    """The strongest frequency in a sound.

    Args:
        sound: ``(samples, channels)`` at `RATE`; a quarter of a second tells it to within some Hertz.

    Returns:
        Hertz; None of silence.
    """
    mono = sound.mean(axis=1)
    mono -= mono.mean()
    if np.sqrt(np.mean(mono**2)) < _SILENCE:
        return None
    # Padded, so that the peak is found between the frequencies that fit into it.
    length = 4 * len(mono)
    spectrum = np.abs(np.fft.rfft(mono * np.hanning(len(mono)), length))
    return float(spectrum.argmax() * RATE / length)
