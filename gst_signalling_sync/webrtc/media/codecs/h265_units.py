"""NAL units of H265 access units, and their parameters in files (ISO/IEC 14496-15 section 8.3.3)."""

from __future__ import annotations

import struct
from typing import Final

from .bits import Bits
from .h264_units import nal_units

__all__ = ["IRAP", "SLICES", "VIDEO_PARAMETER_SET", "kind_of", "parameter_record"]

SLICES: Final = range(32)
"""NAL unit types that are part of a frame (ITU-T H.265 table 7-1)."""

IRAP: Final = range(16, 24)
"""NAL unit types of a frame with which decoding can begin."""

VIDEO_PARAMETER_SET: Final = 32
_SEQUENCE_PARAMETER_SET: Final = 33
_PICTURE_PARAMETER_SET: Final = 34

_HEADER_BYTES: Final = 2
_PROFILE_BYTES: Final = 12
_MAX_SETS: Final = 16
"""Maximum number of parameter sets of a type (ITU-T H.265 section 7.4.3)."""

_EIGHT_BITS_IN_420: Final = (1, 0, 0)
_COLOURS_APART: Final = 3


def kind_of(unit: bytes) -> int:
    """The type of a NAL unit, by its first byte."""
    return unit[0] >> 1 & 0x3F


def parameter_record(parameter_sets: bytes) -> bytes:
    """Make the ``HEVCDecoderConfigurationRecord``.

    Args:
        parameter_sets: Video, sequence and picture parameter sets, with start codes; at least a sequence parameter set.
    """
    units = nal_units(parameter_sets)
    sets = {
        kind: [unit for unit in units if kind_of(unit) == kind][:_MAX_SETS]
        for kind in (VIDEO_PARAMETER_SET, _SEQUENCE_PARAMETER_SET, _PICTURE_PARAMETER_SET)
    }
    sequence = _without_emulation(sets[_SEQUENCE_PARAMETER_SET][0])
    layers = sequence[_HEADER_BYTES]
    profile = sequence[_HEADER_BYTES + 1 :][:_PROFILE_BYTES].ljust(_PROFILE_BYTES, b"\0")
    try:
        chroma, luma_depth, chroma_depth = _colours(sequence)
    except IndexError:
        chroma, luma_depth, chroma_depth = _EIGHT_BITS_IN_420
    temporal_layers, is_nested = (layers >> 1 & 7) + 1, layers & 1
    record = b"\x01" + profile + b"\xf0\x00\xfc"
    record += bytes([0xFC | chroma & 3, 0xF8 | luma_depth & 7, 0xF8 | chroma_depth & 7, 0, 0])
    record += bytes([temporal_layers << 3 | is_nested << 2 | 3, len(sets)])
    for kind, each in sets.items():
        record += struct.pack(">BH", 0x80 | kind, len(each))
        record += b"".join(struct.pack(">H", len(unit)) + unit for unit in each)
    return record


def _without_emulation(unit: bytes) -> bytes:
    return unit.replace(b"\0\0\3", b"\0\0")


def _colours(sequence: bytes) -> tuple[int, int, int]:
    """The chroma format, and the bits of luma and chroma beyond eight, of a sequence parameter set (section 7.3.2.2).

    Raises:
        IndexError: It is cut off.
    """
    bits = Bits(sequence[_HEADER_BYTES:])
    bits.read(4)
    sub_layers = bits.read(3)
    bits.read(1 + 8 * _PROFILE_BYTES)
    present = [(bits.read(1), bits.read(1)) for _ in range(sub_layers)]
    if sub_layers:
        bits.read(2 * (8 - sub_layers))
    for has_profile, has_level in present:
        bits.read(88 * has_profile + 8 * has_level)
    bits.exp_golomb()
    chroma = bits.exp_golomb()
    if chroma == _COLOURS_APART:
        bits.read(1)
    # Width and height, and the conformance window.
    for _ in range(2):
        bits.exp_golomb()
    if bits.read(1):
        for _ in range(4):
            bits.exp_golomb()
    return chroma, bits.exp_golomb(), bits.exp_golomb()
