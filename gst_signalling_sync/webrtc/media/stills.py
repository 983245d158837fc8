"""Images: encodes a frame as PNG or JPEG."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av

from .frame_conversion import to_frame

__all__ = ["STILL_SUFFIXES", "encode_still", "save_still"]

_FORMATS: Final = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg"}

STILL_SUFFIXES: Final = tuple(_FORMATS)
"""Suffixes of image files."""

# Encoder and pixel format: JPEG's values go from 0 to 255 (JFIF 1.02).
_ENCODERS: Final = {"png": ("png", "rgb24"), "jpeg": ("mjpeg", "yuvj420p")}

_JPEG_QUALITY: Final = 3
"""Quality on FFmpeg's scale, from 1, the best, to 31; the difference from the frame is invisible."""


def encode_still(array: Any, kind: str = "png", format: str = "bgr24") -> bytes:
    """Encode a frame as an image.

    Example:
        jpeg = encode_still(session.video.read(), "jpeg")

    Args:
        array: An array as in `VideoSource.write`, or an `av.VideoFrame`.
        kind: ``"png"`` or ``"jpeg"``. Defaults to ``"png"``.
        format: ``"bgr24"``, ``"rgb24"``, ``"gray8"`` or ``"yuv420p"``; ignored for an `av.VideoFrame`. Defaults to ``"bgr24"``.

    Returns:
        The content of the image file.

    Raises:
        TypeError: `array` is neither an array of uint8 nor an `av.VideoFrame`.
        ValueError: The kind or format is unknown, or the shape is not the format's.
    """
    if kind not in _ENCODERS:
        raise ValueError(f"kind must be {' or '.join(map(repr, _ENCODERS))}, not {kind!r}")
    frame = to_frame(array, format)
    name, pixel_format = _ENCODERS[kind]
    encoder = av.CodecContext.create(name, "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = frame.width, frame.height, pixel_format
    encoder.time_base = Fraction(1, 1)
    if kind == "jpeg":
        encoder.qmin = encoder.qmax = _JPEG_QUALITY
    converted = frame.reformat(format=pixel_format)
    converted.pts = 0
    return b"".join(bytes(packet) for packet in (*encoder.encode(converted), *encoder.encode(None)))


def save_still(path: str | os.PathLike[str], array: Any, format: str = "bgr24") -> int:
    """Write a frame to an image file. An existing file is overwritten.

    Example:
        save_still("now.png", session.video.read())

    Args:
        path: A path that ends in ``.png``, ``.jpg`` or ``.jpeg``.
        array: As in `encode_still`.
        format: As in `encode_still`.

    Returns:
        The file's size in bytes.

    Raises:
        TypeError: `array` is neither an array of uint8 nor an `av.VideoFrame`.
        ValueError: The path has another suffix, the format is unknown, or the shape is not the format's.
        OSError: The file cannot be written.
    """
    file = Path(path)
    kind = _FORMATS.get(file.suffix.lower())
    if kind is None:
        raise ValueError(f"path must end in one of {', '.join(STILL_SUFFIXES)}, not {str(file)!r}")
    return file.write_bytes(encode_still(array, kind, format))
