"""Audio as arrays: checks the samples that users write, and converts them for the encoder."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["to_int16"]


def to_int16(array: Any, channels: int) -> NDArray[np.int16]:
    """Copy samples into the form that is encoded.

    Args:
        array: Samples of shape ``(samples,)``, the same for all channels, or ``(samples, channels)``; int16, or float32 or
            float64 from -1 to 1, beyond which they are clipped.
        channels: 1 or 2.

    Returns:
        The samples as int16 of shape ``(samples, channels)``.

    Raises:
        TypeError: `array` is not an array, or its elements are of another type.
        ValueError: The shape is another, or a sample is not a number.
    """
    if not isinstance(array, np.ndarray):
        raise TypeError(f"array must be a numpy.ndarray, not {type(array).__name__}")
    if array.ndim not in (1, 2) or (array.ndim == 2 and array.shape[1] != channels):
        raise ValueError(f"array must have the shape (samples,) or (samples, {channels}), not {array.shape}")
    if array.dtype in (np.float32, np.float64):
        if not np.isfinite(array).all():
            raise ValueError("array must have finite samples, not NaN or infinity")
        samples = (np.clip(array, -1.0, 1.0) * 32767).astype(np.int16)
    elif array.dtype == np.int16:
        samples = array.astype(np.int16)
    else:
        raise TypeError(f"array must have elements of type int16, float32 or float64, not {array.dtype}")
    if samples.ndim == 1:
        samples = np.repeat(samples[:, np.newaxis], channels, axis=1)
    return np.ascontiguousarray(samples)
