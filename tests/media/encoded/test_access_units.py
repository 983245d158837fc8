"""Access units from a program or a file: what is parsed, what is added, and what is refused."""

from __future__ import annotations

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gst_signalling_sync import MediaError
from gst_signalling_sync.webrtc.media.codecs import VIDEO
from gst_signalling_sync.webrtc.media.codecs.access_unit import UnitReader
from gst_signalling_sync.webrtc.media.codecs.bits import Bits
from gst_signalling_sync.webrtc.media.codecs.h264_profile import decodes

from .units import Encoder, encoded, units_of

START = b"\0\0\0\1"
DELIMITER = b"\x09\xf0"


def reader(codec: str) -> UnitReader:
    found = VIDEO[codec].unit_reader()
    assert found is not None
    return found


def kinds(data: bytes) -> list[int]:
    return [unit[0] & 0x1F for unit in units_of(data)]


@pytest.mark.parametrize("size", [(320, 240), (640, 360), (322, 242), (64, 48)])
@pytest.mark.parametrize(("profile", "begin"), [("baseline", "42c0"), ("main", "4d"), ("high", "64")])
def test_keyframe_of_h264_tells_its_profile_and_size(profile: str, begin: str, size: tuple[int, int]) -> None:
    unit = reader("H264").read(Encoder("H264", profile, size).encode(0))

    assert unit is not None
    assert unit.keyframe
    assert unit.format.codec == "H264"
    assert unit.format.profile.startswith(begin)
    assert unit.format.size == size


@pytest.mark.parametrize("size", [(320, 240), (321, 241)])
def test_keyframe_of_vp8_tells_its_size(size: tuple[int, int]) -> None:
    unit = reader("VP8").read(Encoder("VP8", size=size).encode(0))

    assert unit is not None
    assert (unit.keyframe, unit.format.size) == (True, size)


@pytest.mark.parametrize("codec", ["VP8", "H264"])
def test_only_keyframes_are_keyframes(codec: str) -> None:
    read = reader(codec).read
    units = [read(data) for data in encoded(codec, 30, keyframes=10)]

    assert [unit.keyframe for unit in units if unit is not None] == [number % 10 == 0 for number in range(30)]


@pytest.mark.parametrize("codec", ["VP8", "H264"])
def test_frames_before_the_first_keyframe_are_left_out(codec: str) -> None:
    read = reader(codec).read
    units = encoded(codec, 12, keyframes=10)

    assert [read(data) is None for data in units[1:]] == [True] * 9 + [False] * 2


def test_frames_stay_as_they_are() -> None:
    read = reader("H264").read
    for data in encoded("H264", 12, keyframes=10):
        unit = read(data)
        assert unit is not None
        assert units_of(unit.data) == units_of(data)


def test_parameter_sets_that_came_once_are_repeated_with_each_keyframe() -> None:
    encoder = Encoder("H264", headers=False)
    read = reader("H264").read
    first = encoder.encode(0, keyframe=True)
    parameters = units_of(encoder.parameter_sets)
    sets = [unit for unit in parameters if unit[0] & 0x1F in (7, 8)]

    assert read(encoder.parameter_sets) is None
    for number, data in enumerate((first, encoder.encode(1), encoder.encode(2, keyframe=True))):
        assert 7 not in kinds(data)
        unit = read(data)
        assert unit is not None
        assert units_of(unit.data) == (sets if number != 1 else []) + units_of(data)


def test_parameter_sets_come_behind_the_delimiter() -> None:
    encoder = Encoder("H264", headers=False)
    data = encoder.encode(0, keyframe=True)
    read = reader("H264").read
    read(encoder.parameter_sets)
    unit = read(START + DELIMITER + data)

    assert unit is not None
    assert kinds(unit.data)[:3] == [9, 7, 8]


def test_repeated_keyframe_can_be_decoded_alone() -> None:
    encoder = Encoder("H264", headers=False)
    units = [encoder.encode(number, keyframe=number % 5 == 0) for number in range(6)]
    read = reader("H264").read
    read(encoder.parameter_sets)
    for data in units:
        unit = read(data)
    assert unit is not None
    decoder = av.CodecContext.create("h264", "r")
    assert isinstance(decoder, av.VideoCodecContext)

    assert [frame.width for frame in (*decoder.decode(av.Packet(unit.data)), *decoder.decode(None))] == [320]


def test_keyframe_without_parameter_sets_is_told() -> None:
    with pytest.raises(MediaError, match="write SPS and PPS before or with it"):
        reader("H264").read(Encoder("H264", headers=False).encode(0))


def test_b_frames_are_told() -> None:
    encoder = Encoder(
        "H264",
        options={
            "bf": "2",
            "tune": "film",
            "x264-params": "b-adapt=0:bframes=2:rc-lookahead=0:sync-lookahead=0",
        },
    )
    read = reader("H264").read
    units = [data for data in (encoder.encode(number) for number in range(20)) if data]
    read(units[0])
    read(units[1])

    with pytest.raises(MediaError, match="B-frame"):
        read(units[2])


def test_units_behind_their_length_are_told() -> None:
    unit = units_of(encoded("H264", 1)[0])[-1]

    with pytest.raises(MediaError, match="h264_mp4toannexb"):
        reader("H264").read(len(unit).to_bytes(4, "big") + unit)


@pytest.mark.parametrize(
    ("codec", "data"),
    [
        ("H264", b""),
        ("H264", b"garbage"),
        ("H264", START + b"\xe5" + bytes(9)),
        ("H264", START + b"\x7c" + bytes(9)),
        ("H264", START + b"\x67\x64"),
        ("H264", START + b"\x65"),
        ("H264", START + b"\x65\0\0\0\0\x01"),
        ("VP8", b""),
        ("VP8", b"\x10\2\0"),
        ("VP8", b"\x10\2\0" + b"no start code of VP8"),
        ("VP8", b"\xff\xff\xff" + bytes(100)),
        ("VP8", b"\x10\2\0\x9d\1\x2a\0\0\0\0" + bytes(100)),
    ],
)
def test_what_is_no_access_unit_is_refused(codec: str, data: bytes) -> None:
    with pytest.raises(MediaError, match=r"not an H264 access unit|not a VP8 frame"):
        reader(codec).read(data)


@given(
    codec=st.sampled_from(["VP8", "H264"]),
    data=st.binary(max_size=200),
    begin=st.sampled_from([b"", START, START + b"\x67"]),
)
@settings(deadline=None)
def test_any_bytes_are_read_or_refused(codec: str, data: bytes, begin: bytes) -> None:
    read = reader(codec).read
    read(encoded(codec, 1)[0])
    try:
        unit = read(begin + data)
    except MediaError:
        return
    assert unit is None or unit.data


@given(position=st.integers(0, 10_000), flip=st.integers(1, 255))
@settings(deadline=None)
def test_damaged_keyframe_is_read_or_refused(position: int, flip: int) -> None:
    data = bytearray(encoded("H264", 1)[0])
    data[position % len(data)] ^= flip
    try:
        unit = reader("H264").read(bytes(data))
    except MediaError:
        return
    assert unit is None or unit.data


@given(st.lists(st.integers(0, 1 << 20)))
def test_exponential_golomb_codes_are_read(numbers: list[int]) -> None:
    bits = "".join(f"{number + 1:b}".rjust(2 * (number + 1).bit_length() - 1, "0") for number in numbers)
    data = int((bits + "1").ljust(-(-(len(bits) + 1) // 8) * 8, "0"), 2).to_bytes(-(-(len(bits) + 1) // 8), "big")
    read = Bits(data)

    assert [read.exp_golomb() for _ in numbers] == numbers


# Receivers that accept a stream (RFC 6184 section 8.2.2)


@pytest.mark.parametrize(
    ("stream", "takers"),
    [
        ("42c01f", {"42e01f", "42001f", "4d001f", "64001f", "640c1f", "f4001f"}),
        ("42e028", {"42e01f", "42001f", "4d001f", "64001f", "640c1f", "f4001f"}),
        ("42001f", {"42001f"}),
        ("4d0028", {"4d001f", "64001f", "f4001f"}),
        ("640028", {"64001f", "f4001f"}),
        ("640c28", {"64001f", "640c1f", "f4001f"}),
        ("6e0028", set()),
        ("f40028", {"f4001f"}),
    ],
)
def test_receivers_take_the_profiles_that_theirs_has(stream: str, takers: set[str]) -> None:
    receivers = ("42e01f", "42001f", "4d001f", "64001f", "640c1f", "f4001f")

    assert {
        each for each in receivers if decodes({"profile-level-id": each, "packetization-mode": 1}, stream)
    } == takers


def test_receiver_that_takes_small_units_only_takes_no_stream_as_it_is() -> None:
    assert not decodes({"profile-level-id": "64001f", "packetization-mode": 0}, "42e01f")
    assert not decodes({}, "42e01f")
