"""`Fragment`: what one RTP payload of a video codec holds, and what can be told from it about its frame."""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["UNUSABLE", "Fragment"]


class Fragment(NamedTuple):
    """A part of a frame.

    Attributes:
        data: For `VideoCodec.assemble`; None if the payload is not one of its codec.
        begins: Whether it is for certain the first of its frame; this is always known where the codec `marks_begin`.
        leads: Whether a keyframe may begin with it, as far as this part tells: of H264 with its parameters, which another
            frame may have too.
        keyframe: Whether its frame is a keyframe for certain.
        picture: Whether it is part of a picture, not only of what comes before one.
        begins_layer: Whether it is the first of a spatial layer, of which the frame may have several.
    """

    data: bytes | None
    begins: bool = False
    leads: bool = False
    keyframe: bool = False
    picture: bool = True
    begins_layer: bool = False


UNUSABLE: Final = Fragment(None)
