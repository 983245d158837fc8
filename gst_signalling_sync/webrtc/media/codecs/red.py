"""RED (RFC 2198): audio packets that repeat the payloads of earlier ones, so that a lost payload comes with a later packet.

Browsers offer it for Opus, with the payload type of Opus for each block: ``a=fmtp:63 111/111``.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from typing import Final

from ...engine.capabilities import Parameters
from ..encoded_frame import AUDIO_CLOCK_RATE
from .opus import OPUS
from .redundancy_codec import RedundancyCodec, RedundantBlock

__all__ = ["MAX_BLOCKS", "MAX_BLOCK_BYTES", "MAX_OFFSET", "RED", "carried_in", "pack", "unpack"]

MAX_BLOCKS: Final = 8
"""Maximum number of blocks in a packet, including the primary one; a packet with more is malformed."""

MAX_BLOCK_BYTES: Final = 0x3FF
MAX_OFFSET: Final = 0x3FFF
"""Maximum of the timestamp offset in a redundant block's header (RFC 2198 section 3)."""

_FOLLOWED: Final = 0x80
_HEADER_BYTES: Final = 4
_PAYLOAD_TYPES: Final = re.compile(r"\d{1,3}(/\d{1,3})+")


def pack(redundant: Sequence[RedundantBlock], payload_type: int, primary: bytes) -> bytes:
    """Make a RED payload.

    Args:
        redundant: The redundant blocks, the oldest first.
        payload_type: Payload type of the primary block.
        primary: Data of the primary block.

    Raises:
        ValueError: There are more than 7 redundant blocks, or one is too old or too long for its header.
    """
    if len(redundant) >= MAX_BLOCKS:
        raise ValueError(f"redundant blocks must be {MAX_BLOCKS - 1} at most, not {len(redundant)}")
    headers = []
    for block in redundant:
        if not (0 <= block.offset <= MAX_OFFSET and len(block.data) <= MAX_BLOCK_BYTES):
            raise ValueError(
                f"a redundant block must be of {MAX_BLOCK_BYTES} bytes and {MAX_OFFSET} ticks at most, not of {len(block.data)}"
                f" and {block.offset}"
            )
        fields = (_FOLLOWED | block.payload_type) << 24 | block.offset << 10 | len(block.data)
        headers.append(struct.pack("!L", fields))
    return b"".join((*headers, bytes([payload_type]), *(block.data for block in redundant), primary))


def unpack(payload: bytes) -> tuple[list[RedundantBlock], int, bytes]:
    """Read a RED payload.

    Args:
        payload: Payload of any content.

    Returns:
        The redundant blocks in the order of the packet, and payload type and data of the primary one.

    Raises:
        ValueError: It is not a RED payload: it is cut off, or has more than 8 blocks.
    """
    headers: list[tuple[int, int, int]] = []
    position = 0
    while position < len(payload) and payload[position] & _FOLLOWED:
        if len(headers) == MAX_BLOCKS - 1 or position + _HEADER_BYTES > len(payload):
            raise ValueError("not a RED payload: its headers are cut off or too many")
        (fields,) = struct.unpack_from("!L", payload, position)
        headers.append((fields >> 24 & 0x7F, fields >> 10 & MAX_OFFSET, fields & MAX_BLOCK_BYTES))
        position += _HEADER_BYTES
    if position + 1 + sum(length for _, _, length in headers) > len(payload):
        raise ValueError("not a RED payload: its blocks are cut off")
    primary_type = payload[position]
    position += 1
    blocks = []
    for payload_type, offset, length in headers:
        blocks.append(RedundantBlock(payload_type, offset, payload[position : position + length]))
        position += length
    return blocks, primary_type, payload[position:]


def carried_in(parameters: Parameters) -> list[int]:
    """The payload types of the blocks by the ``a=fmtp``; empty if it has none."""
    for value in parameters:
        if _PAYLOAD_TYPES.fullmatch(value):
            return [int(each) for each in dict.fromkeys(value.split("/"))]
    return []


RED: Final = RedundancyCodec(
    "red",
    AUDIO_CLOCK_RATE,
    63,
    OPUS.signalled_channels,
    OPUS.payload_type,
    carried_in,
    pack,
    unpack,
    MAX_OFFSET,
    MAX_BLOCK_BYTES,
)
