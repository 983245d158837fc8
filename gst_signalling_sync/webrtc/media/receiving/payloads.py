"""What one RTP payload of a video codec holds, and what can be told from it about its frame."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from ...engine.codecs import LENGTH_FIELD_SIZE, NAL_TYPE_FU_A, NAL_TYPE_STAP_A, h264_depayload, vp8_depayload

__all__ = ["PARSERS", "Fragment"]

_VP8_START_MASK: Final = 0x17
_VP8_START: Final = 0x10
"""S bit set, partition index 0: the first packet of a frame (RFC 7741 section 4.2)."""

_NAL_IDR: Final = 5
_NAL_SLICES: Final = range(1, 6)
_NAL_SPS: Final = 7
_NAL_DELIMITER: Final = 9
_NAL_TYPE_MASK: Final = 0x1F

_START_CODE: Final = b"\0\0\0\1"
_MOST_UNITS: Final = 64


class Fragment(NamedTuple):
    """A part of a frame.

    Attributes:
        data: For the decoder; None if the payload is not one of its codec.
        begins: Whether it is for certain the first of its frame. Of VP8 this is always known, of H264 it is not.
        leads: Whether a keyframe may begin with it, as far as this part tells: of H264 with its parameters, which another
            frame may have too.
        keyframe: Whether its frame is a keyframe for certain.
        picture: Whether it is part of a picture, not only of what comes before one.
    """

    data: bytes | None
    begins: bool = False
    leads: bool = False
    keyframe: bool = False
    picture: bool = True


_UNUSABLE: Final = Fragment(None)


def _vp8(payload: bytes) -> Fragment:
    try:
        data = vp8_depayload(payload)
    except ValueError:
        return _UNUSABLE
    begins = payload[0] & _VP8_START_MASK == _VP8_START
    # RFC 6386 section 9.1: the first bit of a frame is 0 in keyframes.
    keyframe = begins and bool(data) and not data[0] & 1
    return Fragment(data, begins, keyframe, keyframe)


def _h264(payload: bytes) -> Fragment:
    kind = payload[0] & _NAL_TYPE_MASK
    if kind == NAL_TYPE_STAP_A:
        return _h264_aggregate(payload)
    try:
        data = h264_depayload(payload)
    except ValueError:
        return _UNUSABLE
    return _h264_unit(data, payload[1] & _NAL_TYPE_MASK if kind == NAL_TYPE_FU_A else kind)


def _h264_unit(data: bytes, kind: int) -> Fragment:
    # A slice may be the first of its picture, but the parameters that it needs may have been lost just before it.
    leads = kind == _NAL_SPS
    return Fragment(data, leads or kind == _NAL_DELIMITER, leads, kind == _NAL_IDR, kind in _NAL_SLICES)


def _h264_aggregate(payload: bytes) -> Fragment:
    """Several units in one packet (RFC 6184 section 5.7.1).

    Not by aiortc, which takes 0.1 s for a packet full of empty ones.
    """
    parts: list[Fragment] = []
    position = 1
    while position < len(payload):
        begin = position + LENGTH_FIELD_SIZE
        position = begin + int.from_bytes(payload[begin - LENGTH_FIELD_SIZE : begin], "big")
        unit = payload[begin:position]
        if not unit or position > len(payload) or len(parts) == _MOST_UNITS:
            return _UNUSABLE
        parts.append(_h264_unit(_START_CODE + unit, unit[0] & _NAL_TYPE_MASK))
    return Fragment(
        b"".join(part.data or b"" for part in parts),
        any(part.begins for part in parts),
        any(part.leads for part in parts),
        any(part.keyframe for part in parts),
        any(part.picture for part in parts),
    )


PARSERS: Final[dict[str, Callable[[bytes], Fragment]]] = {"VP8": _vp8, "H264": _h264}
"""By the name of the codec."""
