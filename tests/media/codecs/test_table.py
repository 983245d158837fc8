"""The table of codecs: no other module knows their names; packing and parsing, and answers about H264."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import gst_signalling_sync
from gst_signalling_sync.webrtc.engine.capabilities import Parameters
from gst_signalling_sync.webrtc.media.codecs import AUDIO, CAPABILITIES, CODECS, VIDEO
from gst_signalling_sync.webrtc.media.codecs.codec import MAX_PAYLOAD
from gst_signalling_sync.webrtc.media.codecs.h264_profile import answer_to
from gst_signalling_sync.webrtc.media.codecs.h264_units import nal_units

from ...helpers.send_forms import send_form

PACKAGE = Path(gst_signalling_sync.__file__).parent
CODEC_FILES = PACKAGE / "webrtc" / "media" / "codecs"
OTHER_FILES = sorted(path for path in PACKAGE.rglob("*.py") if CODEC_FILES not in path.parents)
NAMES = {name.lower() for name in CODECS}


def decisions(tree: ast.AST) -> Iterator[ast.AST]:
    """What a module compares with, has cases for, or has tables of."""
    for node in ast.walk(tree):
        match node:
            case ast.Compare(left=left, comparators=others):
                yield from (part for each in (left, *others) for part in ast.walk(each))
            case ast.MatchValue(value=value):
                yield value
            case ast.Dict(keys=keys):
                yield from (key for key in keys if key is not None)


@pytest.mark.parametrize("path", OTHER_FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_the_table_decides_by_the_name_of_a_codec(path: Path) -> None:
    for node in decisions(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            assert node.value.lower() not in NAMES, f"{path.name}:{node.lineno}: that is for media/codecs/"


@pytest.mark.parametrize("name", CODECS)
def test_each_codec_is_in_a_file_of_its_own(name: str) -> None:
    file = {"PCMU": "g711", "PCMA": "g711"}.get(name, name.lower())

    assert (CODEC_FILES / f"{file}.py").is_file()


def test_payload_types_are_each_used_once() -> None:
    payload_types = [codec.payloadType for codecs in CAPABILITIES.codecs.values() for codec in codecs]

    assert len(payload_types) == len(set(payload_types))


def test_header_extensions_have_one_identifier_in_all_sections() -> None:
    known = {(each.uri, each.id) for extensions in CAPABILITIES.extensions.values() for each in extensions}

    assert len({uri for uri, _ in known}) == len({identifier for _, identifier in known}) == len(known)


# Packing and parsing


@given(data=st.binary(min_size=1, max_size=5000))
def test_frame_of_vp8_is_what_its_packets_hold(data: bytes) -> None:
    payloads = send_form("VP8").new_packer()(data)
    fragments = [VIDEO["VP8"].parse(payload) for payload in payloads]

    assert b"".join(each.data or b"" for each in fragments) == data
    assert [each.begins for each in fragments] == [True] + [False] * (len(fragments) - 1)
    assert max(map(len, payloads)) <= MAX_PAYLOAD


def test_frames_of_vp8_are_counted() -> None:
    pack = send_form("VP8").new_packer()
    identifiers = [int.from_bytes(pack(b"frame")[0][2:4], "big") & 0x7FFF for _ in range(3)]

    assert [(each - identifiers[0]) % (1 << 15) for each in identifiers] == [0, 1, 2]


def unit(kind: int, size: int) -> bytes:
    """A NAL unit that contains nothing like a start code."""
    return bytes([0x60 | kind]) + bytes(1 + index % 255 for index in range(size))


UNITS = st.lists(st.builds(unit, st.sampled_from([1, 5, 6, 7, 8]), st.integers(1, 4000)), min_size=1, max_size=8)


@given(units=UNITS)
def test_access_unit_of_h264_is_what_its_packets_hold(units: list[bytes]) -> None:
    access_unit = b"".join(b"\0\0\0\1" + each for each in units)
    payloads = send_form("H264").new_packer()(access_unit)
    fragments = [VIDEO["H264"].parse(payload) for payload in payloads]

    assert nal_units(b"".join(each.data or b"" for each in fragments)) == units
    assert max(map(len, payloads)) <= MAX_PAYLOAD
    assert any(each.keyframe for each in fragments) == any(each[0] & 0x1F == 5 for each in units)


@given(units=UNITS)
def test_single_unit_mode_has_one_unit_in_each_packet(units: list[bytes]) -> None:
    access_unit = b"".join(b"\0\0\0\1" + each for each in units)

    assert send_form("H264", packetization_mode=0).new_packer()(access_unit) == units


@given(name=st.sampled_from(sorted(VIDEO)), payload=st.binary(min_size=1, max_size=100))
def test_parser_takes_any_payload(name: str, payload: bytes) -> None:
    fragment = VIDEO[name].parse(payload)

    assert fragment.data is None or len(fragment.data) <= 5 * len(payload)


# H264 in offers and answers (RFC 6184 section 8.2.2)


@pytest.mark.parametrize("mode", [0, 1])
@pytest.mark.parametrize("level", ["1f", "28", "32", "33"])
@pytest.mark.parametrize("profile", ["4200", "42e0", "42c0", "4d00", "4d40", "6400", "640c"])
def test_profile_level_and_mode_of_an_offer_are_answered(profile: str, level: str, mode: int) -> None:
    offered: Parameters = {
        "profile-level-id": profile + level,
        "packetization-mode": mode,
        "level-asymmetry-allowed": 1,
    }

    assert answer_to(offered) == {
        "profile-level-id": profile + level,
        "packetization-mode": str(mode),
        "level-asymmetry-allowed": 1,
    }


@pytest.mark.parametrize(
    ("offered", "answer"),
    [
        ({}, {"packetization-mode": "0", "profile-level-id": "42e01f"}),
        ({"packetization-mode": 1}, {"packetization-mode": "1", "profile-level-id": "42e01f"}),
        ({"packetization-mode": 2}, None),
        ({"packetization-mode": "one"}, None),
        ({"profile-level-id": "f4001f"}, None),
        ({"profile-level-id": "58001f"}, None),
        ({"profile-level-id": "6e001f"}, None),
        ({"profile-level-id": "64"}, None),
        ({"profile-level-id": "nonsense"}, None),
    ],
    ids=str,
)
def test_what_an_offer_leaves_out_or_cannot_be_decoded(offered: Parameters, answer: Parameters | None) -> None:
    assert answer_to(offered) == answer


@pytest.mark.parametrize("name", AUDIO)
def test_sound_of_an_offer_is_answered_as_it_is(name: str) -> None:
    (local,) = (each for each in CAPABILITIES.codecs["audio"] if each.name == name)

    (answered,) = CAPABILITIES.common_codecs(CAPABILITIES.codecs["audio"], [local])

    assert answered == local
