"""Frame headers and superframes of VP9 (VP9 bitstream specification, section 6.2 and Annex B)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from .bits import Bits

__all__ = ["frame_size", "is_keyframe", "superframe"]

_FRAME_MARKER: Final = 0b10
_SYNC_CODE: Final = 0x498342
_SRGB: Final = 7
_HEADER_BYTES: Final = 12

_SUPERFRAME_MARKER: Final = 0b110
_MAX_FRAMES: Final = 8
"""Maximum number of frames in one superframe."""


def is_keyframe(frame: bytes) -> bool:
    """Whether a frame is a keyframe, by its first byte."""
    return bool(frame) and _profile_of(_bits_of(frame)) is not None


def frame_size(frame: bytes) -> tuple[int, int] | None:
    """Width and height of a keyframe in pixels; None: the frame has none."""
    bits = _bits_of(frame)
    profile = _profile_of(bits)
    if profile is None:
        return None
    bits.read(2)
    if bits.read(24) != _SYNC_CODE:
        return None
    if profile >= 2:
        bits.read(1)
    has_subsampling = profile in (1, 3)
    if bits.read(3) != _SRGB:
        bits.read(1 + (3 if has_subsampling else 0))
    elif has_subsampling:
        bits.read(1)
    return bits.read(16) + 1, bits.read(16) + 1


def superframe(frames: Sequence[bytes]) -> bytes | None:
    """Combine the frames of one picture for the decoder.

    Args:
        frames: In decoding order, one or more.

    Returns:
        The superframe; None: there are more frames than a superframe holds.
    """
    if len(frames) == 1:
        return frames[0]
    if len(frames) > _MAX_FRAMES:
        return None
    size = (max(map(len, frames)).bit_length() + 7) // 8 or 1
    marker = bytes([_SUPERFRAME_MARKER << 5 | size - 1 << 3 | len(frames) - 1])
    return b"".join((*frames, marker, *(len(each).to_bytes(size, "little") for each in frames), marker))


def _bits_of(frame: bytes) -> Bits:
    # Zeros follow the end.
    return Bits(frame[:_HEADER_BYTES].ljust(_HEADER_BYTES, b"\0"))


def _profile_of(bits: Bits) -> int | None:
    """Read up to the frame type; return the profile, None if it is not a keyframe."""
    marker, low, high = bits.read(2), bits.read(1), bits.read(1)
    profile = high << 1 | low
    if profile == 3:
        bits.read(1)
    shows_existing, is_not_key = bits.read(1), bits.read(1)
    return profile if marker == _FRAME_MARKER and not shows_existing and not is_not_key else None
