"""VP9 in RTP (RFC 9628): the payload descriptor in both modes, frames and superframes, and answers."""

from __future__ import annotations

import av
import pytest
from av.video.codeccontext import VideoCodecContext
from hypothesis import given
from hypothesis import strategies as st

from gst_signalling_sync.webrtc.engine.capabilities import Parameters
from gst_signalling_sync.webrtc.media.codecs import VIDEO
from gst_signalling_sync.webrtc.media.codecs.vp9 import Vp9Packer
from gst_signalling_sync.webrtc.media.codecs.vp9_descriptor import (
    Descriptor,
    Structure,
    read_descriptor,
    written_descriptor,
)
from gst_signalling_sync.webrtc.media.codecs.vp9_header import frame_size, is_keyframe, superframe

from ...helpers.encoded_media import encoded_frames
from .frames import Way, assert_loss_is_noticed

VP9 = VIDEO["VP9"]

KEYFRAME = bytes.fromhex("824983422013f00ef0")
"""The first bytes of a keyframe of 320x240 in profile 0."""

INTER_FRAME = b"\x86"

# The flags I P L F B E V Z, followed by the fields that they announce.
DESCRIPTORS = {
    "begin": ("08", Descriptor(True, False)),
    "whole frame": ("4c", Descriptor(True, True, inter_picture=True)),
    "picture ID of 15 bits": ("88ffff", Descriptor(True, False, picture_id=0x7FFF)),
    "layers in non-flexible mode": (
        "e89234447f",
        Descriptor(True, False, True, picture_id=0x1234, temporal=2, spatial=2, tl0_picture=0x7F),
    ),
    "layer predicted from the one below": (
        "a4810123aa",
        Descriptor(False, True, picture_id=0x101, temporal=1, spatial=1, inter_layer=True, tl0_picture=0xAA),
    ),
    "layers in flexible mode": (
        "f8800043030704",
        Descriptor(True, False, True, True, 0, temporal=2, spatial=1, inter_layer=True, references=(1, 3, 2)),
    ),
    "flexible mode": ("d08000fe", Descriptor(False, False, True, True, 0, references=(127,))),
    "structure that says nothing": ("0a00", Descriptor(True, False, structure=Structure())),
    "sizes of layers": (
        "0a30014000f0028001e0",
        Descriptor(True, False, structure=Structure(2, ((320, 240), (640, 480)))),
    ),
    "picture group": (
        "0a08020401480102",
        Descriptor(True, False, structure=Structure(1, (), ((0, (1,)), (2, (1, 2))))),
    ),
}

descriptors = pytest.mark.parametrize(("written", "descriptor"), DESCRIPTORS.values(), ids=DESCRIPTORS)


@descriptors
def test_descriptor_is_read(written: str, descriptor: Descriptor) -> None:
    data = bytes.fromhex(written)

    assert read_descriptor(data + b"data") == (descriptor, len(data))


@descriptors
def test_descriptor_is_written(written: str, descriptor: Descriptor) -> None:
    assert written_descriptor(descriptor).hex() == written


@pytest.mark.parametrize(
    ("written", "descriptor"),
    [
        ("8911", Descriptor(True, False, picture_id=0x11)),
        ("2850ff", Descriptor(True, False, temporal=2, spatial=0, tl0_picture=255)),
        ("0a08011401", Descriptor(True, False, structure=Structure(1, (), ((0, (1,)),)))),
    ],
    ids=["picture ID of 7 bits, not a reference", "switching point", "switching point of a picture group"],
)
def test_what_is_read_and_never_written(written: str, descriptor: Descriptor) -> None:
    assert read_descriptor(bytes.fromhex(written))[0] == descriptor


@descriptors
def test_descriptor_that_is_cut_off_is_no_payload(written: str, descriptor: Descriptor) -> None:
    data = bytes.fromhex(written)

    assert all(VP9.parse(data[:size]).data is None for size in range(1, len(data)))


def test_more_references_than_there_may_be_are_no_payload() -> None:
    assert VP9.parse(bytes.fromhex("d0800003030304")).data is None


@pytest.mark.parametrize(
    ("payload", "begins", "keyframe"),
    [
        (b"\x08" + KEYFRAME, True, True),
        (b"\x04" + KEYFRAME, False, False),
        (b"\x48" + INTER_FRAME, True, False),
        # An intra-only frame refers to no other frame, and does not reset what later frames refer to.
        (b"\x08" + INTER_FRAME, True, False),
        (bytes.fromhex("28030a") + KEYFRAME, False, False),
        (bytes.fromhex("28020a") + KEYFRAME, True, True),
        (b"\x08\x88", True, False),
    ],
    ids=[
        "keyframe",
        "rest of a frame that looks like one",
        "inter frame",
        "intra-only frame",
        "layer predicted from the one below",
        "upper layer alone",
        "frame that is shown again",
    ],
)
def test_first_packet_and_keyframes_are_known(payload: bytes, begins: bool, keyframe: bool) -> None:
    fragment = VP9.parse(payload)

    assert (fragment.begins, fragment.leads, fragment.keyframe) == (begins, keyframe, keyframe)


@pytest.mark.parametrize(
    ("header", "size"),
    [
        (KEYFRAME.hex(), (320, 240)),
        # Profile 1 has bits for the subsampling, profile 2 a bit for the depth.
        ("a24983422004fe059e", (640, 720)),
        ("924983421013f81678", (640, 720)),
        ("824983432013f00ef0", None),
        ("86", None),
        ("", None),
    ],
    ids=["profile 0", "profile 1", "profile 2", "wrong sync code", "inter frame", "nothing"],
)
def test_size_of_a_keyframe(header: str, size: tuple[int, int] | None) -> None:
    assert frame_size(bytes.fromhex(header)) == size


@pytest.mark.parametrize("size", [(320, 240), (126, 98)])
def test_size_of_what_an_encoder_makes(size: tuple[int, int]) -> None:
    keyframes = [data for data, keyframe in encoded_frames("VP9", size) if keyframe]

    assert {frame_size(each) for each in keyframes} == {size}


def test_keyframes_are_those_of_the_encoder() -> None:
    frames = encoded_frames("VP9", (128, 96))

    assert [is_keyframe(data) for data, _ in frames] == [keyframe for _, keyframe in frames]


# Transmission


def frame(content: bytes, keyframe: bool) -> bytes:
    return (KEYFRAME if keyframe else INTER_FRAME) + content


FRAMES = st.builds(frame, st.binary(max_size=5000), st.booleans())


@given(data=FRAMES, max_payload=st.integers(20, 1500))
def test_frame_is_what_its_packets_hold(data: bytes, max_payload: int) -> None:
    payloads = Vp9Packer(max_payload)(data)
    way = Way("VP9")
    way.send([Vp9Packer(max_payload)(KEYFRAME), payloads])

    assert max(map(len, payloads)) <= max_payload
    assert way.data == [KEYFRAME, data]
    assert way.frames[1].keyframe == is_keyframe(data)


@given(contents=st.lists(st.binary(max_size=3000), min_size=2, max_size=6), lost=st.sets(st.integers(0, 15)))
def test_lost_packet_is_noticed(contents: list[bytes], lost: set[int]) -> None:
    pack = Vp9Packer(1100)
    frames = [frame(content, index == 0) for index, content in enumerate(contents)]

    assert_loss_is_noticed("VP9", frames, [pack(each) for each in frames], pack(INTER_FRAME), pack(KEYFRAME), lost)


def test_descriptors_of_a_keyframe_and_of_what_follows() -> None:
    pack = Vp9Packer(100)
    keyframe, following = (
        [read_descriptor(payload)[0] for payload in pack(frame(bytes(150), key))] for key in (True, False)
    )

    assert [(each.begins, each.ends, each.inter_picture) for each in keyframe] == [
        (True, False, False),
        (False, True, False),
    ]
    assert keyframe[0].structure == Structure(1, ((320, 240),), ((0, (1,)),))
    assert [(each.begins, each.ends, each.inter_picture) for each in following] == [
        (True, False, True),
        (False, True, True),
    ]
    assert {each.structure for each in (keyframe[1], *following)} == {None}
    assert keyframe[0].picture_id is not None
    assert {each.picture_id for each in following} == {(keyframe[0].picture_id + 1) % (1 << 15)}


# Spatial layers


def test_layers_of_a_picture_are_one_superframe() -> None:
    lower, upper = KEYFRAME + b"lower", INTER_FRAME + b"upper" * 100
    way = Way("VP9")
    way.send([[b"\x28\x00\x01" + lower[:10], b"\x24\x00\x01" + lower[10:], b"\x6c\x03\x01" + upper]])

    index = b"\xc9" + len(lower).to_bytes(2, "little") + len(upper).to_bytes(2, "little") + b"\xc9"
    assert way.data == [lower + upper + index]


def test_superframe_of_what_an_encoder_makes_is_decoded() -> None:
    frames = [data for data, _ in encoded_frames("VP9", (128, 96))[:3]]
    data = superframe(frames)
    assert data is not None
    decoder = av.CodecContext.create("vp9", "r")
    assert isinstance(decoder, VideoCodecContext)

    assert len(decoder.decode(av.Packet(data))) == 3


def test_more_layers_than_a_superframe_holds_are_no_frame() -> None:
    way = Way("VP9")
    way.send([[b"\x08" + KEYFRAME] + [b"\x28\x03\x01" + INTER_FRAME] * 8])

    assert way.data == []
    assert way.reassembly.wants_keyframe


# Negotiation


@pytest.mark.parametrize(
    ("offered", "answer"),
    [
        ({}, {}),
        ({"profile-id": 0}, {"profile-id": 0}),
        ({"profile-id": "2"}, {"profile-id": "2"}),
        ({"profile-id": "1"}, None),
        ({"profile-id": "3"}, None),
        ({"profile-id": "nonsense"}, None),
    ],
    ids=str,
)
def test_profile_of_an_offer_is_answered(offered: Parameters, answer: Parameters | None) -> None:
    assert [form.answer(offered) for form in VP9.forms] == [answer]
