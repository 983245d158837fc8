"""Audio as arrays: checks the samples that users write, and converts them for the encoder."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["to_int16"]


def to_int16(sound: Any, channels: int) -> NDArray[np.int16]:
    """Copy samples into the form that is encoded.

    Args:
        sound: Samples of shape ``(samples,)``, the same for all channels, or ``(samples, channels)``; int16, or float32 or
            float64 from -1 to 1, beyond which they are clipped.
        channels: 1 or 2.

    Returns:
        The samples as int16 of shape ``(samples, channels)``.

    Raises:
        TypeError: `sound` is not an array, or its elements are of another type.
        ValueError: The shape is another, or a sample is not a number.
    """
    if not isinstance(sound, np.ndarray):
        raise TypeError(f"sound is a numpy array, not {type(sound).__name__}")
    if sound.ndim not in (1, 2) or (sound.ndim == 2 and sound.shape[1] != channels):
        raise ValueError(f"sound has the shape (samples,) or (samples, {channels}), this one {sound.shape}")
    if sound.dtype in (np.float32, np.float64):
        if not np.isfinite(sound).all():
            raise ValueError("sound has samples that are not numbers, or infinite")
        samples = (np.clip(sound, -1.0, 1.0) * 32767).astype(np.int16)
    elif sound.dtype == np.int16:
        samples = sound.astype(np.int16)
    else:
        raise TypeError(f"sound has elements of type int16, float32 or float64, this one has {sound.dtype}")
    if samples.ndim == 1:
        samples = np.repeat(samples[:, np.newaxis], channels, axis=1)
    return np.ascontiguousarray(samples)
