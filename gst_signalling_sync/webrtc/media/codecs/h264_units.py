"""NAL units of H264 access units, and their form in files: each preceded by its length (ISO/IEC 14496-15 section 5)."""

from __future__ import annotations

import re
import struct
from typing import Final

__all__ = ["length_prefixed", "nal_units", "parameter_record"]

_START_CODE: Final = re.compile(rb"\x00\x00\x01")

_SEQUENCE_PARAMETER_SET: Final = 7
_PICTURE_PARAMETER_SET: Final = 8

_HIGH_PROFILES: Final = (100, 110, 122, 144)


def nal_units(unit: bytes) -> list[bytes]:
    """The NAL units of an access unit in the Annex B format, without their start codes."""
    # Zeros may precede the first start code, and no NAL unit ends in one.
    return [each for each in (part.rstrip(b"\0") for part in _START_CODE.split(unit)[1:]) if each]


def length_prefixed(unit: bytes) -> bytes:
    """Replace the start codes of Annex B by lengths.

    Args:
        unit: An access unit with start codes.

    Returns:
        The NAL units, each preceded by its length in four octets.
    """
    return b"".join(struct.pack(">I", len(each)) + each for each in nal_units(unit))


def parameter_record(parameter_sets: bytes) -> bytes:
    """Make the ``AVCDecoderConfigurationRecord``.

    Args:
        parameter_sets: Sequence and picture parameter sets, with start codes. The video is 4:2:0 with 8 bits, as in WebRTC.
    """
    units = nal_units(parameter_sets)
    sequences = [unit for unit in units if unit[0] & 0x1F == _SEQUENCE_PARAMETER_SET and len(unit) >= 4][:31]
    pictures = [unit for unit in units if unit[0] & 0x1F == _PICTURE_PARAMETER_SET][:255]
    profile, constraints, level = sequences[0][1:4]
    record = bytes([1, profile, constraints, level, 0xFF, 0xE0 | len(sequences), *_with_sizes(sequences)])
    record += bytes([len(pictures), *_with_sizes(pictures)])
    return record + (b"\xfd\xf8\xf8\x00" if profile in _HIGH_PROFILES else b"")


def _with_sizes(units: list[bytes]) -> bytes:
    return b"".join(struct.pack(">H", len(unit)) + unit for unit in units)
