"""A receiver that changes between streams of VP8 and VP9 sees PictureIDs that rise, by one within each stream."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gst_signalling_sync.webrtc.media.codecs.frame_numbers import PICTURE_IDS, FrameNumbers
from gst_signalling_sync.webrtc.media.codecs.vp8 import VP8
from gst_signalling_sync.webrtc.media.codecs.vp9_descriptor import read_descriptor

from ...helpers.send_forms import send_form

KEYFRAMES = {"VP8": bytes(100), "VP9": bytes.fromhex("824983420013f00edb00") + bytes(90)}
OTHERS = {"VP8": b"\1" + bytes(99), "VP9": bytes.fromhex("8600409214") + bytes(90)}


def picture_id(codec: str, payload: bytes) -> int:
    if codec == VP8.name:
        return int.from_bytes(payload[2:4], "big") % PICTURE_IDS
    number = read_descriptor(payload)[0].picture_id
    assert number is not None
    return number


@given(st.lists(st.tuples(st.integers(0, 2), st.booleans()), max_size=100), st.sampled_from(["VP8", "VP9"]))
def test_numbers_rise_at_a_keyframe_and_by_one_after_it(frames: list[tuple[int, bool]], codec: str) -> None:
    numbers = FrameNumbers()
    packers = [send_form(codec).new_packer(numbers=numbers) for _ in range(3)]
    # Without the wrap of 15 bits.
    all_of_them: list[int] = []
    last: dict[int, int] = {}
    for stream, keyframe in frames:
        is_keyframe = keyframe or stream not in last
        payloads = packers[stream](KEYFRAMES[codec] if is_keyframe else OTHERS[codec])
        (number,) = {picture_id(codec, each) for each in payloads}
        before = max(all_of_them, default=None) if is_keyframe else last[stream]
        if before is not None:
            assert number == (before + 1) % PICTURE_IDS
        last[stream] = number if before is None else before + 1
        all_of_them.append(last[stream])
