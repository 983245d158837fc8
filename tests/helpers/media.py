"""Frames and sound that a test recognises after encoding, transmission, decoding, and scaling to another size."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "NUMBERS",
    "beeps",
    "frequency_of",
    "has_colour_bars",
    "loudness",
    "number_in",
    "numbered_frame",
    "onsets",
    "tone",
]

Frame = NDArray[np.uint8]
Samples = NDArray[np.int16]

NUMBERS: Final = 1 << 24
"""Number of different numbers that a frame can carry: the milliseconds of four hours."""

_COLUMNS: Final = 8
_ROWS: Final = 4
_CHECK: Final = 0xA5
_BARS_BGR: Final = ((0, 0, 255), (0, 255, 0), (255, 0, 0), (0, 255, 255))
_AMPLITUDE: Final = 12_000


def numbered_frame(number: int, width: int = 320, height: int = 240) -> Frame:
    """Draw a number so that `number_in` reads it, below four bars in red, green, blue and yellow.

    Args:
        number: 0 to `NUMBERS` - 1: a frame's number, or its time in milliseconds.
        width: Width in pixels; at least 64 survive any encoder. Defaults to 320.
        height: Height in pixels; at least 48 survive any encoder. Defaults to 240.

    Returns:
        ``(height, width, 3) uint8`` BGR.
    """
    if not 0 <= number < NUMBERS:
        raise ValueError(f"{number} does not fit into 24 bits")
    frame: Frame = np.empty((height, width, 3), np.uint8)
    word = number << 8 | _check_of(number)
    bits = np.array([word >> (31 - bit) & 1 for bit in range(32)], np.uint8).reshape(_ROWS, _COLUMNS)
    bars_end = height // 4
    bar_of_column = np.arange(width) * len(_BARS_BGR) // width
    frame[:bars_end] = np.array(_BARS_BGR, np.uint8)[bar_of_column]
    row_of_line = np.arange(height - bars_end) * _ROWS // (height - bars_end)
    column_of_pixel = np.arange(width) * _COLUMNS // width
    frame[bars_end:] = (bits * 255)[row_of_line][:, column_of_pixel, np.newaxis]
    return frame


def number_in(frame: NDArray[Any]) -> int | None:
    """Read the number in a frame of `numbered_frame`.

    Args:
        frame: ``(height, width, 3)`` or ``(height, width)``, of any size.

    Returns:
        The number; None: the frame has no number, or is too damaged.
    """
    grey = frame.mean(axis=2) if frame.ndim == 3 else frame
    height, width = grey.shape
    word = 0
    for row in range(_ROWS):
        for column in range(_COLUMNS):
            # The centre of each square, which the blur of its neighbours does not reach.
            top = height * (0.25 + 0.75 * (row + 0.25) / _ROWS)
            left = width * (column + 0.25) / _COLUMNS
            bottom, right = top + height * 0.375 / _ROWS, left + width * 0.5 / _COLUMNS
            square = grey[int(top) : int(bottom) + 1, int(left) : int(right) + 1]
            word = word << 1 | int(square.mean() > 127)
    number, check = word >> 8, word & 0xFF
    return number if check == _check_of(number) else None


def has_colour_bars(frame: Frame, format: str = "bgr24") -> bool:
    """Whether a frame has the bars of `numbered_frame` in their colours and order.

    Args:
        frame: ``(height, width, 3) uint8``, of any size.
        format: ``"bgr24"`` or ``"rgb24"``.
    """
    height, width, _ = frame.shape
    for number, colour in enumerate(_BARS_BGR):
        left, right = (round(width * (number + part) / len(_BARS_BGR)) for part in (0.3, 0.7))
        mean = frame[height // 16 : height * 3 // 16, left:right].mean(axis=(0, 1))
        if format == "rgb24":
            mean = mean[::-1]
        if np.abs(mean - colour).max() > 70:
            return False
    return True


def tone(frequency: float, samples: int, rate: int = 48_000, channels: int = 1, start: int = 0) -> Samples:
    """A sine wave.

    Args:
        frequency: Frequency in Hz.
        samples: Number of samples per channel.
        rate: Samples per second. Defaults to 48000.
        channels: Number of channels; all get the same samples. Defaults to 1.
        start: Number of the first sample, for a tone that continues where the last call ended. Defaults to 0.

    Returns:
        ``(samples, channels) int16``.
    """
    wave = np.sin(2 * np.pi * frequency * (start + np.arange(samples)) / rate) * _AMPLITUDE
    return np.repeat(wave.astype(np.int16)[:, np.newaxis], channels, axis=1)


def beeps(
    seconds: float, rate: int = 48_000, period: float = 1.0, length: float = 0.1, frequency: float = 1000
) -> Samples:
    """Silence with a beep at the beginning of every period.

    Args:
        seconds: Length of all of it.
        rate: Samples per second. Defaults to 48000.
        period: Seconds between the beginnings of two beeps. Defaults to 1.
        length: Length of a beep in seconds. Defaults to 0.1.
        frequency: Frequency of the beeps in Hz. Defaults to 1000.

    Returns:
        ``(samples, 1) int16``.
    """
    samples = tone(frequency, round(seconds * rate), rate)
    samples[np.arange(len(samples)) / rate % period >= length] = 0
    return samples


def onsets(samples: NDArray[Any], rate: int = 48_000, silence: float = 0.05) -> list[float]:
    """The times at which sound begins after silence.

    Args:
        samples: int16 of any shape whose first dimension is the samples.
        rate: Samples per second. Defaults to 48000.
        silence: Minimum seconds of silence before a beginning. Defaults to 0.05.

    Returns:
        Seconds from the first sample, accurate to a few milliseconds.
    """
    loud = np.flatnonzero(np.abs(_mono(samples)) > _AMPLITUDE / 4)
    if not len(loud):
        return []
    begins = np.concatenate(([loud[0] >= silence * rate], np.diff(loud) >= silence * rate))
    return [float(sample) / rate for sample in loud[begins]]


def frequency_of(samples: NDArray[Any], rate: int = 48_000) -> float:
    """The strongest frequency, by FFT, accurate to a fraction of its resolution.

    Args:
        samples: int16 of any shape whose first dimension is the samples, for at least 0.1 s.
        rate: Samples per second. Defaults to 48000.

    Returns:
        The frequency in Hz; 0 for silence.
    """
    mono = _mono(samples)
    mono = mono - mono.mean()
    if loudness(mono) < 1:
        return 0.0
    spectrum = np.abs(np.fft.rfft(mono * np.hanning(len(mono))))
    peak = int(spectrum[1:-1].argmax()) + 1
    below, at, above = np.log(spectrum[peak - 1 : peak + 2] + 1e-9)
    offset = 0.5 * (below - above) / (below - 2 * at + above)
    return float((peak + offset) * rate / len(mono))


def loudness(samples: NDArray[Any]) -> float:
    """The root mean square, 0 to 32768; 0 if there are no samples."""
    return float(np.sqrt(np.mean(np.square(samples.astype(np.float64))))) if samples.size else 0.0


def _mono(samples: NDArray[Any]) -> NDArray[np.float64]:
    mono: NDArray[np.float64] = samples.reshape(len(samples), -1).astype(np.float64).mean(axis=1)
    return mono


def _check_of(number: int) -> int:
    return _CHECK ^ number & 0xFF ^ number >> 8 & 0xFF ^ number >> 16
