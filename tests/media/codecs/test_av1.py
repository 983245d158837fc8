"""AV1 in RTP (AOM's RTP Payload Format For AV1): elements and OBUs, temporal units, keyframes, and answers."""

from __future__ import annotations

import copy
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gst_signalling_sync.webrtc.engine.capabilities import Parameters
from gst_signalling_sync.webrtc.media.codecs import CAPABILITIES, VIDEO
from gst_signalling_sync.webrtc.media.codecs.av1 import Av1Packer
from gst_signalling_sync.webrtc.media.codecs.av1_sequence import configuration_record
from gst_signalling_sync.webrtc.media.codecs.av1_units import (
    Elements,
    is_sent,
    kind_of,
    read_elements,
    read_leb128,
    sized,
    units,
    written_leb128,
)

from ...helpers.encoded_media import encoded_frames
from .frames import Way, assert_loss_is_noticed

AV1 = VIDEO["AV1"]

SEQUENCE, DELIMITER, HEADER, TILES, METADATA, FRAME, TILE_LIST, PADDING = 1, 2, 3, 4, 5, 6, 8, 15

KEY, INTER, EXISTING = b"\x10", b"\x30", b"\x80"
"""The first byte of frame headers: a keyframe that is shown, an inter frame, a frame that is shown again."""


def unit(kind: int, content: bytes = b"", extension: bytes = b"") -> bytes:
    """An OBU without its size."""
    return bytes([kind << 3 | (4 if extension else 0)]) + extension + content


def access_unit(*bare: bytes) -> bytes:
    """A temporal unit in the form that a decoder takes."""
    return b"".join(map(sized, bare))


KEYFRAME = access_unit(unit(SEQUENCE, b"sequence"), unit(FRAME, KEY + b"key"))
FOLLOWING = access_unit(unit(FRAME, INTER + b"inter"))


# Elements


@pytest.mark.parametrize(
    ("payload", "elements"),
    [
        ("10 aabb", Elements((b"\xaa\xbb",))),
        ("20 01 aa bbcc", Elements((b"\xaa", b"\xbb\xcc"))),
        ("30 01 aa 02 bbcc dd", Elements((b"\xaa", b"\xbb\xcc", b"\xdd"))),
        ("00 01 aa 02 bbcc", Elements((b"\xaa", b"\xbb\xcc"))),
        ("00 8100 aa", Elements((b"\xaa",))),
        ("18 aa", Elements((b"\xaa",), begins_sequence=True)),
        ("d0 aa", Elements((b"\xaa",), continues=True, is_continued=True)),
    ],
    ids=["one", "two", "three", "lengths of all", "length of two bytes", "begins a sequence", "middle of an OBU"],
)
def test_elements_are_read(payload: str, elements: Elements) -> None:
    assert read_elements(bytes.fromhex(payload)) == elements


@pytest.mark.parametrize(
    "payload",
    [
        "10",
        "00",
        "00 00",
        "20 01 aa",
        "20 02 aa",
        "00 03 aabb",
        "00 80",
        "98 aa",
        "00 ffffffffffffffffff 00",
        "00" + "01aa" * 65,
    ],
    ids=[
        "nothing",
        "nothing that has a length",
        "empty element",
        "element is missing",
        "element cut off",
        "last element cut off",
        "length cut off",
        "sequence begins in the middle",
        "length too long",
        "too many",
    ],
)
def test_what_is_no_payload(payload: str) -> None:
    assert AV1.parse(bytes.fromhex(payload)).data is None


@given(value=st.integers(0, (1 << 56) - 1))
def test_numbers_of_variable_length(value: int) -> None:
    written = written_leb128(value)

    assert read_leb128(b"?" + written + b"?", 1) == (value, 1 + len(written))


@pytest.mark.parametrize(
    ("payload", "begins", "keyframe", "frame"),
    [
        (b"\x18" + unit(SEQUENCE, b"sequence"), True, True, False),
        (b"\x28\x03" + unit(SEQUENCE, b"ab") + unit(FRAME, KEY), True, True, True),
        # Some senders do not mark the beginning of a sequence.
        (b"\x20\x03" + unit(SEQUENCE, b"ab") + unit(FRAME, KEY), True, True, True),
        (b"\x20\x03" + unit(SEQUENCE, b"ab") + unit(FRAME, INTER), True, False, True),
        (b"\x10" + unit(FRAME, INTER), False, False, True),
        (b"\x10" + unit(HEADER, EXISTING), False, False, True),
        (b"\x10" + unit(FRAME, KEY, extension=b"\x08"), False, True, True),
        (b"\x10" + unit(TILES, KEY), False, False, True),
        (b"\x10" + unit(METADATA, b"data"), False, False, False),
        (b"\x90" + unit(SEQUENCE, b"ab"), False, False, True),
        (b"\x10" + unit(FRAME), False, False, True),
    ],
    ids=[
        "sequence header",
        "keyframe",
        "keyframe of a sender that does not say so",
        "sequence header that is repeated",
        "inter frame",
        "frame that is shown again",
        "keyframe with an extension",
        "tile group",
        "metadata",
        "rest of an OBU that looks like a sequence header",
        "header alone",
    ],
)
def test_first_packet_and_keyframes_are_known(payload: bytes, begins: bool, keyframe: bool, frame: bool) -> None:
    fragment = AV1.parse(payload)

    assert (fragment.begins, fragment.leads, fragment.keyframe, fragment.has_frame_data) == (
        begins,
        begins,
        keyframe,
        frame,
    )


# Transmission

OBUS = st.builds(
    unit,
    st.sampled_from([HEADER, TILES, METADATA, FRAME]),
    st.binary(max_size=3000),
    st.sampled_from([b"", b"", b"\x08"]),
)


@given(obus=st.lists(OBUS, min_size=1, max_size=8), max_payload=st.integers(20, 1500))
def test_frame_is_what_its_packets_hold(obus: list[bytes], max_payload: int) -> None:
    data = access_unit(unit(SEQUENCE, b"sequence"), *obus, unit(FRAME, KEY))
    payloads = Av1Packer(max_payload)(data)
    way = Way("AV1")
    way.send([payloads])

    assert max(map(len, payloads)) <= max_payload
    assert way.data == [data]
    assert way.frames[0].keyframe
    assert [read_elements(each).begins_sequence for each in payloads] == [True] + [False] * (len(payloads) - 1)


@given(contents=st.lists(st.binary(max_size=3000), min_size=2, max_size=6), lost=st.sets(st.integers(0, 15)))
def test_lost_packet_is_noticed(contents: list[bytes], lost: set[int]) -> None:
    pack = Av1Packer(1100)
    frames = [KEYFRAME, *(access_unit(unit(FRAME, INTER + content)) for content in contents)]

    assert_loss_is_noticed("AV1", frames, [pack(each) for each in frames], pack(FOLLOWING), pack(KEYFRAME), lost)


@given(payloads=st.lists(st.binary(min_size=1, max_size=100), max_size=5))
def test_any_payloads_are_taken(payloads: list[bytes]) -> None:
    fragments = [each for each in map(AV1.parse, payloads) if each.data is not None]

    AV1.assemble(fragments)


def test_what_is_not_for_receivers_is_left_out() -> None:
    bare = [unit(DELIMITER), unit(SEQUENCE, b"ab"), unit(FRAME, KEY), unit(TILE_LIST, b"list"), unit(PADDING, b"\x80")]
    payloads = Av1Packer()(access_unit(*bare))

    assert payloads == [b"\x28\x03" + unit(SEQUENCE, b"ab") + unit(FRAME, KEY)]
    # If the sender includes it, it does not reach the decoder either.
    assert AV1.assemble([AV1.parse(b"\x20\x01" + unit(DELIMITER) + unit(FRAME, KEY))]) == access_unit(unit(FRAME, KEY))


def test_sizes_that_a_sender_leaves_in_are_taken() -> None:
    assert AV1.assemble([AV1.parse(b"\x10" + sized(unit(FRAME, INTER + b"inter")))]) == FOLLOWING


@pytest.mark.parametrize(
    "payloads",
    [["50 30aa", "10 30aa"], ["10 30aa", "90 aa"], ["50 30aa"], ["10 3205aa"]],
    ids=["goes on nowhere", "comes from nowhere", "has no end", "size too large"],
)
def test_what_does_not_fit_together_is_no_frame(payloads: list[str]) -> None:
    assert AV1.assemble([AV1.parse(bytes.fromhex(payload)) for payload in payloads]) is None


@pytest.mark.parametrize("data", ["", "32", "3205aa", "36"])
def test_damaged_temporal_unit_is_not_sent(data: str) -> None:
    assert Av1Packer()(bytes.fromhex(data)) == []


# Frames of a real encoder


def test_frames_of_an_encoder_travel() -> None:
    pack = Av1Packer()
    frames = encoded_frames("AV1", (128, 96))
    way = Way("AV1")
    way.send([pack(data) for data, _ in frames])

    sent = [b"".join(each for each in units(data) if is_sent(each)) for data, _ in frames]
    assert way.data == sent
    assert [frame.keyframe for frame in way.frames] == [keyframe for _, keyframe in frames]


def test_configuration_record_is_what_the_file_format_says() -> None:
    keyframe = encoded_frames("AV1", (128, 96))[0][0]
    (sequence,) = (each for each in units(keyframe) if kind_of(each) == SEQUENCE)
    record = configuration_record(keyframe)

    assert record[0] == 0x81
    assert record[1] >> 5 == 0
    # 4:2:0 with 8 bits. The chroma sample position is unknown, vertical, or colocated.
    assert record[2] & 0xFC == 0x0C
    assert record[3:] == b"\0" + sequence


@pytest.mark.parametrize(
    ("header", "start"),
    [
        # Main profile, reduced still picture header, level 5, 1x1, then 8 bits in 4:2:0.
        ("0001 1 00101 0000 0000 0 0 000 000 0 0 0 0 00", "81050c00"),
        # High profile: 4:4:4.
        ("0011 1 00101 0000 0000 0 0 000 000 0 0 0", "81250000"),
        # Professional profile: 10 bits in 4:2:2, then 12 in 4:2:0.
        ("0101 1 00101 0000 0000 0 0 000 000 1 0 0 0 0", "81454800"),
        ("0101 1 00101 0000 0000 0 0 000 000 1 1 0 0 0 1 1 01", "81456d00"),
        # Monochrome.
        ("0001 1 00101 0000 0000 0 0 000 000 0 1 0 0", "81051c00"),
        # sRGB is not subsampled.
        ("0011 1 00101 0000 0000 0 0 000 000 0 1 00000001 00001101 00000000", "81250000"),
        # Two operating points, the first of level 8 in the high tier.
        (
            "000 0 0 0 0 00001 000000000001 01000 1 000000000010 00001 0000 0000 0 0 0 000 00000 1 0 000 0 0 0 0 00",
            "81088c00",
        ),
        ("0001", "81000c00"),
    ],
    ids=["main", "high", "professional", "12 bits", "monochrome", "sRGB", "operating points", "cut off"],
)
def test_configurations(header: str, start: str) -> None:
    bits = header.replace(" ", "")
    content = int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8), "big")

    assert configuration_record(sized(unit(SEQUENCE, content)))[:4].hex() == start


ENCODE = """
import os

import av
from gst_signalling_sync.webrtc.media.codecs import VIDEO
from gst_signalling_sync.webrtc.media.sending.video_encoder import VideoEncoder

frame = av.VideoFrame(128, 96, "yuv420p")
encoder = VideoEncoder(VIDEO["AV1"].send_form({}))
print(len(encoder.encode(frame, 0, 0.0, 400_000, 30, True)[0].data) > 0)
print({os.sched_getscheduler(int(thread)) for thread in os.listdir("/proc/self/task")})
"""


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_encoder_writes_nothing_to_the_standard_error_output_and_makes_no_real_time_threads() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "SVT_LOG"}
    ran = subprocess.run([sys.executable, "-c", ENCODE], capture_output=True, text=True, env=environment, check=True)

    assert (ran.stdout, ran.stderr) == (f"True\n{ {os.SCHED_OTHER} }\n", "")


# Negotiation


@pytest.mark.parametrize(
    ("offered", "answer"),
    [
        ({}, {}),
        ({"profile": 0, "level-idx": 5, "tier": 0, "other": 1}, {"profile": 0, "level-idx": 5, "tier": 0}),
        ({"profile": "1"}, None),
        ({"profile": "nonsense"}, None),
    ],
    ids=str,
)
def test_profile_of_an_offer_is_answered(offered: Parameters, answer: Parameters | None) -> None:
    assert [form.answer(offered) for form in AV1.forms] == [answer]


def test_payload_type_of_a_browser_is_answered() -> None:
    (offered, resent) = (copy.deepcopy(each) for each in CAPABILITIES.codecs["video"] if each.payloadType in (105, 106))
    offered.payloadType, resent.payloadType, resent.parameters = 45, 46, {"apt": 45}

    answered = CAPABILITIES.common_codecs(CAPABILITIES.codecs["video"], [offered, resent])

    assert [each.payloadType for each in answered] == [45, 46]
