"""The payload descriptor of VP9 (RFC 9628 section 4.2), read and written, in both modes, with the scalability structure."""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from .frame_numbers import PICTURE_IDS

__all__ = ["Descriptor", "Structure", "read_descriptor", "written_descriptor"]

_HAS_PICTURE_ID: Final = 0x80
_INTER_PICTURE: Final = 0x40
_HAS_LAYERS: Final = 0x20
_FLEXIBLE: Final = 0x10
_BEGINS: Final = 0x08
_ENDS: Final = 0x04
_HAS_STRUCTURE: Final = 0x02

_LONG_PICTURE_ID: Final = 0x80
_INTER_LAYER: Final = 0x01
_MORE_REFERENCES: Final = 0x01
_MAX_REFERENCES: Final = 3

_HAS_SIZES: Final = 0x10
_HAS_GROUP: Final = 0x08


class Structure(NamedTuple):
    """The scalability structure (RFC 9628 section 4.2.1).

    Attributes:
        layers: Number of spatial layers.
        sizes: Width and height of each layer in pixels; empty: not present.
        group: For each picture in a picture group (GOF): its temporal layer, and the distances to the pictures that it refers
            to; empty: not present.
    """

    layers: int = 1
    sizes: tuple[tuple[int, int], ...] = ()
    group: tuple[tuple[int, tuple[int, ...]], ...] = ()


class Descriptor(NamedTuple):
    """The descriptor before the data of a payload. Fields that are not present are None or empty.

    Attributes:
        begins: Whether the data begins a frame of a spatial layer (B).
        ends: Whether the data ends a frame of a spatial layer (E).
        inter_picture: Whether that frame is predicted from earlier pictures (P).
        flexible: Whether pictures carry their references, so that there need be no picture group (F).
        picture_id: Picture ID, of 7 or 15 bits.
        temporal: Temporal layer.
        spatial: Spatial layer.
        inter_layer: Whether the frame is predicted from the spatial layer below, of the same picture (D).
        tl0_picture: Number of the last picture of temporal layer 0 (TL0PICIDX); in non-flexible mode only.
        references: Distances to the pictures that it refers to; in flexible mode only.
        structure: Scalability structure from this picture on.
    """

    begins: bool
    ends: bool
    inter_picture: bool = False
    flexible: bool = False
    picture_id: int | None = None
    temporal: int | None = None
    spatial: int | None = None
    inter_layer: bool = False
    tl0_picture: int | None = None
    references: tuple[int, ...] = ()
    structure: Structure | None = None


def read_descriptor(payload: bytes) -> tuple[Descriptor, int]:
    """Read the descriptor of a payload.

    Returns:
        The descriptor, and its length in bytes.

    Raises:
        IndexError: It is cut off.
        ValueError: It refers to too many pictures.
    """
    flags, position = payload[0], 1
    picture_id = temporal = spatial = tl0_picture = structure = None
    inter_layer, is_flexible = False, bool(flags & _FLEXIBLE)
    references: list[int] = []
    if flags & _HAS_PICTURE_ID:
        picture_id, position = payload[position], position + 1
        if picture_id & _LONG_PICTURE_ID:
            picture_id, position = (picture_id & 0x7F) << 8 | payload[position], position + 1
    if flags & _HAS_LAYERS:
        layers, position = payload[position], position + 1
        temporal, spatial, inter_layer = layers >> 5, layers >> 1 & 7, bool(layers & _INTER_LAYER)
        if not is_flexible:
            tl0_picture, position = payload[position], position + 1
    if is_flexible and flags & _INTER_PICTURE:
        has_more = True
        while has_more:
            if len(references) == _MAX_REFERENCES:
                raise ValueError(f"more than {_MAX_REFERENCES} references")
            references.append(payload[position] >> 1)
            has_more = bool(payload[position] & _MORE_REFERENCES)
            position += 1
    if flags & _HAS_STRUCTURE:
        structure, position = _read_structure(payload, position)
    if position > len(payload):
        raise IndexError
    descriptor = Descriptor(
        bool(flags & _BEGINS),
        bool(flags & _ENDS),
        bool(flags & _INTER_PICTURE),
        is_flexible,
        picture_id,
        temporal,
        spatial,
        inter_layer,
        tl0_picture,
        tuple(references),
        structure,
    )
    return descriptor, position


def _read_structure(payload: bytes, position: int) -> tuple[Structure, int]:
    flags, position = payload[position], position + 1
    layers = (flags >> 5) + 1
    sizes: list[tuple[int, int]] = []
    if flags & _HAS_SIZES:
        end = position + 4 * layers
        if end > len(payload):
            raise IndexError
        sizes = list(struct.iter_unpack("!HH", payload[position:end]))
        position = end
    group: list[tuple[int, tuple[int, ...]]] = []
    if flags & _HAS_GROUP:
        pictures, position = payload[position], position + 1
        for _ in range(pictures):
            head, position = payload[position], position + 1
            end = position + (head >> 2 & 3)
            group.append((head >> 5, tuple(payload[position:end])))
            position = end
    return Structure(layers, tuple(sizes), tuple(group)), position


def written_descriptor(descriptor: Descriptor) -> bytes:
    """The bytes of a descriptor; its Picture ID is written in the long form."""
    flags, tail = 0, b""
    for flag, is_set in ((_BEGINS, descriptor.begins), (_ENDS, descriptor.ends), (_FLEXIBLE, descriptor.flexible)):
        flags |= flag if is_set else 0
    if descriptor.picture_id is not None:
        flags |= _HAS_PICTURE_ID
        tail += struct.pack("!H", descriptor.picture_id % PICTURE_IDS | PICTURE_IDS)
    if descriptor.temporal is not None and descriptor.spatial is not None:
        flags |= _HAS_LAYERS
        tail += bytes([descriptor.temporal << 5 | descriptor.spatial << 1 | descriptor.inter_layer])
        if not descriptor.flexible:
            tail += bytes([descriptor.tl0_picture or 0])
    if descriptor.inter_picture:
        flags |= _INTER_PICTURE
        last = len(descriptor.references) - 1
        tail += bytes(each << 1 | (index < last) for index, each in enumerate(descriptor.references))
    if descriptor.structure is not None:
        flags |= _HAS_STRUCTURE
        tail += _written_structure(descriptor.structure)
    return bytes([flags]) + tail


def _written_structure(structure: Structure) -> bytes:
    flags = structure.layers - 1 << 5
    tail = b""
    if structure.sizes:
        flags |= _HAS_SIZES
        tail += b"".join(struct.pack("!HH", *size) for size in structure.sizes)
    if structure.group:
        flags |= _HAS_GROUP
        tail += bytes([len(structure.group)])
        tail += b"".join(bytes([layer << 5 | len(each) << 2, *each]) for layer, each in structure.group)
    return bytes([flags]) + tail
