"""`Fragment`: the content of one RTP payload of a video codec, and what it reveals of its frame."""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["UNUSABLE", "Fragment"]


class Fragment(NamedTuple):
    """A part of a frame.

    Attributes:
        data: Data for `VideoCodec.assemble`; None: the payload is not one of its codec.
        begins: Whether it is certainly the first of its frame. This is always known if the codec `marks_begin`.
        leads: Whether a keyframe may begin with it, as far as known: of H264, it has a parameter set, which another frame may
            have too.
        keyframe: Whether its frame is certainly a keyframe.
        has_frame_data: Whether it has a part of the encoded frame itself, not only what precedes it, such as parameter sets.
        begins_layer: Whether it is the first of a spatial layer, of which the frame may have several.
    """

    data: bytes | None
    begins: bool = False
    leads: bool = False
    keyframe: bool = False
    has_frame_data: bool = True
    begins_layer: bool = False


UNUSABLE: Final = Fragment(None)
