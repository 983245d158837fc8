"""Parameter sets and slice headers of H264, as far as needed for sending (ITU-T H.264 sections 7.3.2.1, 7.3.2.2, 7.3.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from .bits import Bits

__all__ = ["PictureParameters", "SequenceParameters", "SliceHeader"]

_CHROMA_PROFILES: Final = (44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 244)
"""``profile_idc`` of profiles whose sequence parameter sets have a chroma format."""

_CHROMA_4_2_0: Final = 1
_CHROMA_4_4_4: Final = 3
_MACROBLOCK: Final = 16
_MAX_SIDE: Final = 16384

_SLICE_HEADER_BYTES: Final = 24
"""Enough bytes for the fields that are read."""

_SLICE_TYPES: Final = 10
_B_SLICE: Final = 1


def _payload(unit: bytes) -> bytes:
    """The content of a NAL unit, without its header and emulation prevention (ITU-T H.264 section 7.4.1)."""
    return unit[1:].replace(b"\0\0\3", b"\0\0")


@dataclass(frozen=True, slots=True)
class SequenceParameters:
    """A sequence parameter set.

    Attributes:
        identifier: Identifier to which picture parameter sets refer.
        profile: The ``profile-level-id`` (RFC 6184 section 8.1).
        size: Width and height in pixels.
    """

    identifier: int
    profile: str
    size: tuple[int, int]

    @classmethod
    def parse(cls, unit: bytes) -> SequenceParameters:
        """Parse a NAL unit.

        Raises:
            ValueError: It is malformed.
            IndexError: It is cut off.
        """
        bits = Bits(_payload(unit))
        profile = bits.read(24)
        identifier = bits.exp_golomb()
        chroma = _read_chroma(bits) if profile >> 16 in _CHROMA_PROFILES else _CHROMA_4_2_0
        bits.exp_golomb()
        _skip_order_count(bits)
        bits.exp_golomb()
        bits.read(1)
        width, height = bits.exp_golomb() + 1, bits.exp_golomb() + 1
        fields = 2 - bits.read(1)
        if fields == 2:
            bits.read(1)
        bits.read(1)
        width, height = width * _MACROBLOCK, height * fields * _MACROBLOCK
        if bits.read(1):
            across = 1 if chroma in (0, _CHROMA_4_4_4) else 2
            down = (2 if chroma == _CHROMA_4_2_0 else 1) * fields
            left, right, top, bottom = (bits.exp_golomb() for _ in range(4))
            width -= (left + right) * across
            height -= (top + bottom) * down
        if identifier > 31 or not (0 < width <= _MAX_SIDE and 0 < height <= _MAX_SIDE):
            raise ValueError(f"its frames have {width}x{height} pixels")
        return cls(identifier, f"{profile:06x}", (width, height))


@dataclass(frozen=True, slots=True)
class PictureParameters:
    """A picture parameter set.

    Attributes:
        identifier: Identifier to which slices refer.
        sequence: Identifier of its sequence parameter set.
    """

    identifier: int
    sequence: int

    @classmethod
    def parse(cls, unit: bytes) -> PictureParameters:
        """Parse a NAL unit.

        Raises:
            ValueError: It is malformed.
            IndexError: It is cut off.
        """
        bits = Bits(_payload(unit[:_SLICE_HEADER_BYTES]))
        identifier, sequence = bits.exp_golomb(), bits.exp_golomb()
        if identifier > 255 or sequence > 31:
            raise ValueError("the identifier of a parameter set is out of range")
        return cls(identifier, sequence)


@dataclass(frozen=True, slots=True)
class SliceHeader:
    """The header of a slice.

    Attributes:
        is_bidirectional: Whether the slice refers to frames that are shown after it (B slice).
        parameters: Identifier of its picture parameter set.
    """

    is_bidirectional: bool
    parameters: int

    @classmethod
    def parse(cls, unit: bytes) -> SliceHeader:
        """Parse a NAL unit.

        Raises:
            ValueError: It is malformed.
            IndexError: It is cut off.
        """
        bits = Bits(_payload(unit[:_SLICE_HEADER_BYTES]))
        bits.exp_golomb()
        kind, parameters = bits.exp_golomb(), bits.exp_golomb()
        if kind >= _SLICE_TYPES or parameters > 255:
            raise ValueError("the slice is of an unknown type")
        return cls(kind % 5 == _B_SLICE, parameters)


def _read_chroma(bits: Bits) -> int:
    chroma = bits.exp_golomb()
    if chroma == _CHROMA_4_4_4:
        bits.read(1)
    bits.exp_golomb()
    bits.exp_golomb()
    bits.read(1)
    if bits.read(1):
        for index in range(12 if chroma == _CHROMA_4_4_4 else 8):
            if bits.read(1):
                _skip_scaling_list(bits, 16 if index < 6 else 64)
    return chroma


def _skip_scaling_list(bits: Bits, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.signed_exp_golomb()) % 256
            last = following or last


def _skip_order_count(bits: Bits) -> None:
    kind = bits.exp_golomb()
    if kind == 0:
        bits.exp_golomb()
    elif kind == 1:
        bits.read(1)
        bits.signed_exp_golomb()
        bits.signed_exp_golomb()
        for _ in range(min(bits.exp_golomb(), 256)):
            bits.signed_exp_golomb()
