"""The 15-bit numbers of frames in payloads of VP8 and VP9 (RFC 7741, RFC 9628), over more frames than there are numbers."""

from __future__ import annotations

from itertools import pairwise

import pytest
from aiortc.codecs.vpx import VpxPayloadDescriptor

from gst_signalling_sync.webrtc.media.codecs import VIDEO
from gst_signalling_sync.webrtc.media.codecs.vp9_descriptor import read_descriptor

_IDS = 1 << 15


def number_in(codec: str, payload: bytes) -> int | None:
    if codec == "VP8":
        descriptor, _ = VpxPayloadDescriptor.parse(payload)
        return descriptor.picture_id
    return read_descriptor(payload)[0].picture_id


@pytest.mark.parametrize("codec", ["VP8", "VP9"])
def test_each_frame_has_the_next_number(codec: str) -> None:
    pack = VIDEO[codec].send_form({}).new_packer()

    numbers = [number_in(codec, pack(b"\x87\0\0 frame")[0]) for _ in range(_IDS + 10)]

    assert all(number is not None and after == (number + 1) % _IDS for number, after in pairwise(numbers))
