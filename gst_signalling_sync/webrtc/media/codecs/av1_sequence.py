"""Sequence headers of AV1, and their form in files (AV1 Codec ISO Media File Format Binding, section 2.3)."""

from __future__ import annotations

from typing import Final, NamedTuple

from .av1_units import SEQUENCE_HEADER, kind_of, sized, units, unsized
from .bits import Bits

__all__ = ["configuration_record"]

_SRGB: Final = (1, 13, 0)
"""Primaries, transfer function and matrix of sRGB, whose chroma is not subsampled (section 5.5.2)."""

_MAX_HEADER_BYTES: Final = 256
_LEVEL_WITH_TIERS: Final = 7


class _Sequence(NamedTuple):
    """The description of a sequence in a file. The defaults are for one that cannot be read: Main profile, 8 bits in 4:2:0."""

    profile: int = 0
    level: int = 0
    tier: int = 0
    high_depth: int = 0
    twelve_bits: int = 0
    monochrome: int = 0
    subsampling_x: int = 1
    subsampling_y: int = 1
    position: int = 0


def configuration_record(parameters: bytes) -> bytes:
    """Make the ``AV1CodecConfigurationRecord``.

    Args:
        parameters: OBUs with sizes, a sequence header among them.
    """
    (header,) = [unit for unit in units(parameters) if kind_of(unit) == SEQUENCE_HEADER][:1]
    bare = unsized(header)
    try:
        sequence = _read(Bits(bare[2 if bare[0] & 4 else 1 :][:_MAX_HEADER_BYTES]))
    except IndexError:
        sequence = _Sequence()
    flags = 0
    for value in sequence[2:8]:
        flags = flags << 1 | value
    head = bytes([0x81, sequence.profile << 5 | sequence.level, flags << 2 | sequence.position, 0])
    return head + sized(bare)


def _read(bits: Bits) -> _Sequence:
    """Read a sequence header up to ``color_config`` (section 5.5).

    Raises:
        IndexError: It is cut off.
    """
    profile = bits.read(3)
    bits.read(1)
    is_reduced = bits.read(1)
    level, tier = (bits.read(5), 0) if is_reduced else _operating_point(bits)
    width_bits, height_bits = bits.read(4) + 1, bits.read(4) + 1
    bits.read(width_bits + height_bits)
    if not is_reduced and bits.read(1):
        bits.read(4 + 3)
    bits.read(3)
    if not is_reduced:
        _skip_tools(bits)
    bits.read(3)
    return _Sequence(profile, level, tier, *_colours(bits, profile))


def _operating_point(bits: Bits) -> tuple[int, int]:
    """Level and tier of the first operating point."""
    delay_bits = 0
    if bits.read(1):
        bits.read(32 + 32)
        if bits.read(1):
            bits.exp_golomb()
        if bits.read(1):
            delay_bits = bits.read(5) + 1
            bits.read(32 + 5 + 5)
    has_delays = bits.read(1)
    found: list[tuple[int, int]] = []
    for _ in range(bits.read(5) + 1):
        bits.read(12)
        level = bits.read(5)
        found.append((level, bits.read(1) if level > _LEVEL_WITH_TIERS else 0))
        if delay_bits and bits.read(1):
            bits.read(2 * delay_bits + 1)
        if has_delays and bits.read(1):
            bits.read(4)
    return found[0]


def _skip_tools(bits: Bits) -> None:
    bits.read(4)
    has_order = bits.read(1)
    if has_order:
        bits.read(2)
    chooses_screen_content = bits.read(1)
    if (chooses_screen_content or bits.read(1)) and not bits.read(1):
        bits.read(1)
    if has_order:
        bits.read(3)


def _colours(bits: Bits, profile: int) -> tuple[int, int, int, int, int, int]:
    """High bit depth, 12 bits, monochrome, horizontal and vertical subsampling, and sample position (section 5.5.2)."""
    high_depth = bits.read(1)
    twelve_bits = bits.read(1) if profile == 2 and high_depth else 0
    monochrome = bits.read(1) if profile != 1 else 0
    description = (bits.read(8), bits.read(8), bits.read(8)) if bits.read(1) else None
    if monochrome:
        return high_depth, twelve_bits, 1, 1, 1, 0
    if description == _SRGB:
        return high_depth, twelve_bits, 0, 0, 0, 0
    bits.read(1)
    x, y = {0: (1, 1), 1: (0, 0)}.get(profile, (1, 0))
    if profile == 2 and twelve_bits:
        x = bits.read(1)
        y = bits.read(1) if x else 0
    return high_depth, twelve_bits, 0, x, y, bits.read(2) if x and y else 0
