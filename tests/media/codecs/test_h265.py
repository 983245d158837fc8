"""H265 in RTP (RFC 7798): single, aggregated and fragmented NAL units, with or without decoding order numbers, and answers."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gst_signalling_sync.webrtc.engine.capabilities import Parameters
from gst_signalling_sync.webrtc.media.codecs import VIDEO, sent_video
from gst_signalling_sync.webrtc.media.codecs.h264_units import nal_units
from gst_signalling_sync.webrtc.media.codecs.h265 import H265
from gst_signalling_sync.webrtc.media.codecs.h265_units import kind_of, parameter_record
from gst_signalling_sync.webrtc.media.sending.video_source import VideoSource

from ...helpers.encoded_media import encoded_frames
from .frames import Way, assert_loss_is_noticed
from .h265_packing import access_unit, packed, unit

PLAIN = H265()
ORDERED = H265(has_order=True)

TRAIL, IDR, CRA, VPS, SPS, PPS, DELIMITER = 1, 19, 21, 32, 33, 34, 35

START = b"\0\0\0\1"
SETS = [unit(VPS, b"video"), unit(SPS, b"sequence"), unit(PPS, b"frame")]


@pytest.mark.parametrize(
    ("payload", "data"),
    [
        ("0201aa", "00000001 0201aa"),
        # Two units of three bytes.
        ("6001 0003 4001aa 0003 4201bb", "00000001 4001aa 00000001 4201bb"),
        # The first part of an IDR slice, one of its middle, and its end; the header keeps its layers.
        ("6209 93 aabb", "00000001 2609 aabb"),
        ("6209 13 cc", "cc"),
        ("6209 53 dd", "dd"),
    ],
    ids=["single unit", "aggregation packet", "first part", "middle", "last part"],
)
def test_payload_is_read(payload: str, data: str) -> None:
    assert PLAIN.parse(bytes.fromhex(payload)).data == bytes.fromhex(data)


@pytest.mark.parametrize(
    ("payload", "data"),
    [
        ("0201 0005 aa", "00000001 0201aa"),
        ("6001 ffff 0003 4001aa 00 0003 4201bb 01 0003 4401cc", "00000001 4001aa 00000001 4201bb 00000001 4401cc"),
        ("6201 93 0005 aabb", "00000001 2601 aabb"),
    ],
    ids=["single unit", "aggregation packet", "first part"],
)
def test_payload_with_decoding_order_numbers_is_read(payload: str, data: str) -> None:
    assert ORDERED.assemble([ORDERED.parse(bytes.fromhex(payload))]) == bytes.fromhex(data)


def test_units_are_put_into_decoding_order() -> None:
    units = [unit(TRAIL, bytes([number]) * 900) for number in range(5)]
    payloads = packed(units, 1000, first_order=65534)
    random.Random(1).shuffle(payloads)

    assert ORDERED.assemble([ORDERED.parse(payload) for payload in payloads]) == access_unit(units)


@pytest.mark.parametrize(
    "payload",
    [
        "02",
        "0201",
        "6001",
        "6001 0003 40",
        "6001 0002 4001",
        "6001 0000",
        "6001 0003 4001aa 00",
        "6201 93",
        "6401 aabb",
        "7e01 aabb",
        "6001" + "0003 4001aa" * 65,
    ],
    ids=[
        "cut header",
        "no content",
        "empty aggregation packet",
        "unit cut off",
        "unit without content",
        "empty unit",
        "length cut off",
        "empty part",
        "PACI packet",
        "reserved type",
        "too many units",
    ],
)
def test_what_is_no_payload(payload: str) -> None:
    assert PLAIN.parse(bytes.fromhex(payload)).data is None


@pytest.mark.parametrize("payload", ["0201 0005", "6001 0005", "6201 93", "6001 0005 0003 4001aa 00"])
def test_what_is_no_payload_with_decoding_order_numbers(payload: str) -> None:
    assert ORDERED.parse(bytes.fromhex(payload)).data is None


@pytest.mark.parametrize("codec", [PLAIN, ORDERED], ids=["plain", "with order"])
@pytest.mark.parametrize(
    ("units", "begins", "leads", "keyframe", "frame"),
    [
        ([unit(TRAIL, b"slice")], False, False, False, True),
        ([unit(DELIMITER, b"\x50"), unit(TRAIL, b"slice")], True, False, False, True),
        ([*SETS], True, True, False, False),
        ([*SETS, unit(IDR, b"slice")], True, True, True, True),
        ([*SETS, unit(CRA, b"slice")], True, True, True, True),
        ([unit(IDR, b"slice")], False, False, True, True),
        # The first unit may have been lost, and with it parameters that the others refer to.
        ([unit(SPS, b"sequence"), unit(IDR, b"slice")], False, False, True, True),
    ],
    ids=["slice", "delimiter", "parameters", "IDR", "CRA", "IDR alone", "parameters that are not all"],
)
def test_first_packet_and_keyframes_are_known(
    codec: H265, units: list[bytes], begins: bool, leads: bool, keyframe: bool, frame: bool
) -> None:
    (payload,) = packed(units, 1100, first_order=0 if codec is ORDERED else None)
    fragment = codec.parse(payload)

    assert (fragment.begins, fragment.leads, fragment.keyframe, fragment.has_frame_data) == (
        begins,
        leads,
        keyframe,
        frame,
    )


# Transmission


UNITS = st.lists(
    st.builds(unit, st.sampled_from([TRAIL, IDR, SPS, 39]), st.binary(min_size=1, max_size=3000)),
    min_size=1,
    max_size=6,
)


@given(units=UNITS, max_payload=st.integers(20, 1500))
def test_frame_is_what_its_packets_hold(units: list[bytes], max_payload: int) -> None:
    frame = [*SETS, *units, unit(IDR, b"slice")]
    way = Way("H265")
    way.send([packed(frame, max_payload)])

    assert way.data == [access_unit(frame)]
    assert way.frames[0].keyframe


@given(units=UNITS, max_payload=st.integers(20, 1500), order=st.integers(0, 65535), chance=st.randoms())
def test_frame_is_in_decoding_order(units: list[bytes], max_payload: int, order: int, chance: random.Random) -> None:
    packets = packed(units, max_payload, order)
    # Fragments of one unit follow each other (section 4.4.3).
    whole: list[list[bytes]] = []
    for payload in packets:
        if kind_of(payload) == 49 and not payload[2] & 0x80:
            whole[-1].append(payload)
        else:
            whole.append([payload])
    chance.shuffle(whole)

    assembled = ORDERED.assemble([ORDERED.parse(payload) for group in whole for payload in group])
    assert assembled == access_unit(units)


@given(
    contents=st.lists(st.binary(min_size=1, max_size=3000), min_size=2, max_size=6), lost=st.sets(st.integers(0, 15))
)
def test_lost_packet_is_noticed(contents: list[bytes], lost: set[int]) -> None:
    keyframe = [*SETS, unit(IDR, b"slice")]
    frames = [keyframe, *([unit(TRAIL, content)] for content in contents)]

    assert_loss_is_noticed(
        "H265",
        [access_unit(each) for each in frames],
        [packed(each, 1100) for each in frames],
        packed([unit(TRAIL, b"slice")], 1100),
        packed(keyframe, 1100),
        lost,
    )


@given(payload=st.binary(min_size=1, max_size=100), more=st.binary(min_size=1, max_size=100))
def test_any_payload_with_decoding_order_numbers_is_taken(payload: bytes, more: bytes) -> None:
    fragments = [ORDERED.parse(payload), ORDERED.parse(more)]

    if all(each.data is not None for each in fragments):
        ORDERED.assemble(fragments)


def test_rest_of_a_unit_alone_is_no_frame() -> None:
    assert ORDERED.assemble([ORDERED.parse(bytes.fromhex("6201 13 aabb"))]) is None


# Negotiation and files


@pytest.mark.parametrize(
    ("offered", "answer"),
    [
        ({}, {}),
        ({"profile-id": 1, "level-id": 93, "sprop-vps": "QAE="}, {"profile-id": 1, "level-id": 93}),
        ({"profile-id": "2", "tier-flag": "1"}, {"profile-id": "2", "tier-flag": "1"}),
        ({"sprop-max-don-diff": 4}, {"sprop-max-don-diff": 4}),
        ({"profile-id": "4"}, None),
        ({"profile-space": "1"}, None),
        ({"tx-mode": "MRST"}, None),
        ({"profile-id": "nonsense"}, None),
    ],
    ids=str,
)
def test_configuration_of_an_offer_is_answered(offered: Parameters, answer: Parameters | None) -> None:
    assert [form.answer(offered) for form in PLAIN.forms] == [answer]


@pytest.mark.parametrize(
    ("parameters", "has_order"), [({}, False), ({"sprop-max-don-diff": 0}, False), ({"sprop-max-don-diff": 1}, True)]
)
def test_decoding_order_numbers_are_negotiated(parameters: Parameters, has_order: bool) -> None:
    payload = bytes.fromhex("0201 0005 aa")
    codec = PLAIN.received_as(parameters)

    assert codec.assemble([codec.parse(payload)]) == START + bytes.fromhex("0201 aa" if has_order else "0201 0005 aa")


def test_it_is_received_only() -> None:
    assert "H265" not in sent_video()
    with pytest.raises(ValueError, match="codecs must be some of 'VP8', 'H264'"):
        VideoSource(codecs=("H265",))
    with pytest.raises(NotImplementedError, match="H265 is received only"):
        VIDEO["H265"].send_form({})


def test_parameter_record_is_what_the_file_format_says() -> None:
    keyframe = encoded_frames("H265", (128, 96))[0][0]
    (sequence,) = (each for each in nal_units(keyframe) if kind_of(each) == SPS)
    record = parameter_record(keyframe)

    assert record[0] == 1
    # Main profile. The level is the last byte that is also in the sequence parameter set.
    assert record[1] & 0x1F == 1
    assert record[1:13] == sequence.replace(b"\0\0\3", b"\0\0")[3:15]
    # 4:2:0 with 8 bits, one temporal layer, lengths of four bytes, three arrays.
    assert record[13:23] == bytes.fromhex("f000fcfdf8f80000") + bytes([record[21], 3])
    assert record[21] & 0xFB == 0x0B
    assert [record.count(each) for each in nal_units(keyframe) if kind_of(each) in (VPS, SPS, PPS)] == [1, 1, 1]


def test_parameter_record_of_a_sequence_that_is_cut_off() -> None:
    record = parameter_record(access_unit(SETS))

    assert record[16:19] == b"\xfd\xf8\xf8"
