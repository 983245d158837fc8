"""Checks of the options of video sources."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ..codecs import sent_video
from .encoding import MIN_BITRATE, lowest_bitrate

__all__ = ["Bitrate", "bitrate_limits", "check_fps", "checked_codecs"]

Bitrate = int | tuple[int, int] | None
"""Bits per second: the maximum, or ``(minimum, maximum)``; None: by the size of the frames."""

_MAX_FPS: Final = 240


def check_fps(fps: float) -> None:
    """Check the frame rate of a source.

    Raises:
        ValueError: `fps` is 0 or less, or more than 240.
    """
    if not 0 < fps <= _MAX_FPS:
        raise ValueError(f"fps must be more than 0 and at most {_MAX_FPS} frames per second, not {fps!r}")


def checked_codecs(codecs: Sequence[str]) -> tuple[str, ...]:
    """The codecs of a source, each once.

    Raises:
        ValueError: One cannot be sent, or `codecs` is empty.
    """
    names = (codecs,) if isinstance(codecs, str) else tuple(codecs)
    known = sent_video()
    if not names or any(name not in known for name in names):
        raise ValueError(f"codecs must be some of {', '.join(map(repr, known))}, not {codecs!r}")
    return tuple(dict.fromkeys(names))


def bitrate_limits(bitrate: Bitrate) -> tuple[int, int] | None:
    """The minimum and maximum of a source, in bit/s; None: by the size of the frames.

    Raises:
        ValueError: A limit is too low, or the minimum is higher than the maximum.
    """
    if bitrate is None:
        return None
    limits = bitrate if isinstance(bitrate, tuple) else (lowest_bitrate(bitrate), bitrate)
    if len(limits) != 2 or not MIN_BITRATE <= limits[0] <= limits[1]:
        raise ValueError(
            f"bitrate must be a maximum or (minimum, maximum) in bit/s, each at least {MIN_BITRATE}, not {bitrate!r}"
        )
    return limits
