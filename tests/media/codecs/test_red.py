"""RED (RFC 2198): packing and unpacking, limits on what a peer sends, and when it is used."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gst_signalling_sync.webrtc.engine.codecs import RTCRtpCodecParameters
from gst_signalling_sync.webrtc.media.codecs import CAPABILITIES, REDUNDANCY
from gst_signalling_sync.webrtc.media.codecs.red import (
    MAX_BLOCK_BYTES,
    MAX_BLOCKS,
    MAX_OFFSET,
    carried_in,
    pack,
    unpack,
)
from gst_signalling_sync.webrtc.media.codecs.redundancy_codec import RedundantBlock
from gst_signalling_sync.webrtc.media.receiving.payload_formats import Carried, payload_formats
from gst_signalling_sync.webrtc.media.sending.redundancy import Redundancy

BLOCKS = st.builds(RedundantBlock, st.integers(0, 127), st.integers(0, MAX_OFFSET), st.binary(max_size=MAX_BLOCK_BYTES))
RED = REDUNDANCY["red"]
LOCAL = CAPABILITIES.codecs["audio"]


@given(st.lists(BLOCKS, max_size=MAX_BLOCKS - 1), st.integers(0, 127), st.binary(max_size=1500))
def test_what_is_packed_is_unpacked(redundant: list[RedundantBlock], payload_type: int, primary: bytes) -> None:
    assert unpack(pack(redundant, payload_type, primary)) == (redundant, payload_type, primary)


@given(st.binary(max_size=200))
def test_any_bytes_are_unpacked_or_refused(payload: bytes) -> None:
    try:
        blocks, payload_type, primary = unpack(payload)
    except ValueError:
        return
    assert len(blocks) < MAX_BLOCKS
    assert pack(blocks, payload_type, primary) == payload


def test_wire_format_is_that_of_the_rfc() -> None:
    # A redundant block of payload type 111, 960 ticks older, with two bytes; then the primary block.
    payload = bytes([0x80 | 111, 960 >> 6, (960 & 0x3F) << 2, 2, 111]) + b"ab" + b"primary"

    assert unpack(payload) == ([RedundantBlock(111, 960, b"ab")], 111, b"primary")


@pytest.mark.parametrize(
    "payload",
    [b"", b"\xef", b"\xef\x0f\x00", b"\xef\x0f\x00\x02", b"\xef\x0f\x00\x02\x6fa", b"\xef\x0f\x00\x00" * 8 + b"\x6f"],
)
def test_what_is_cut_off_or_too_much_is_refused(payload: bytes) -> None:
    with pytest.raises(ValueError, match="not a RED payload"):
        unpack(payload)


@pytest.mark.parametrize(
    "redundant",
    [
        [RedundantBlock(111, MAX_OFFSET + 1, b"")],
        [RedundantBlock(111, 0, bytes(MAX_BLOCK_BYTES + 1))],
        [RedundantBlock(111, 0, b"")] * MAX_BLOCKS,
    ],
)
def test_what_no_header_can_tell_is_refused(redundant: list[RedundantBlock]) -> None:
    with pytest.raises(ValueError, match="must be"):
        pack(redundant, 111, b"")


@pytest.mark.parametrize(
    ("value", "payload_types"), [("111/111", [111]), ("111/0", [111, 0]), ("111", []), ("minptime", []), ("1/", [])]
)
def test_payload_types_of_the_description(value: str, payload_types: list[int]) -> None:
    assert carried_in({value: None}) == payload_types


# Negotiation


def offered(name: str, payload_type: int, **parameters: int | str | None) -> RTCRtpCodecParameters:
    return RTCRtpCodecParameters(f"audio/{name}", 48000, 2, payload_type, [], dict(parameters))


def answered(*offers: RTCRtpCodecParameters) -> list[tuple[str, int | None, dict[str, int | str | None]]]:
    common = CAPABILITIES.common_codecs(LOCAL, offers)
    # As an end answers that sends audio too.
    chosen = CAPABILITIES.preferred_codecs(common, CAPABILITIES.preferences("audio", ("opus",)))
    return [(each.name, each.payloadType, each.parameters) for each in chosen]


def test_offer_of_chromium_is_answered_with_its_payload_types_and_in_its_order() -> None:
    opus, red = offered("opus", 111, minptime=10), offered("red", 63, **{"111/111": None})

    assert answered(opus, red) == [("opus", 111, {}), ("red", 63, {"111/111": None})]
    assert [name for name, _, _ in answered(red, opus)] == ["red", "opus"]


@pytest.mark.parametrize("parameters", [{}, {"112/112": None}, {"111/112": None}, {"63/63": None}, {"111": None}])
def test_redundancy_of_what_is_not_negotiated_is_refused(parameters: dict[str, None]) -> None:
    assert answered(offered("opus", 111), offered("red", 63, **parameters)) == [("opus", 111, {})]


def test_redundancy_of_what_counts_other_ticks_is_refused() -> None:
    pcmu = RTCRtpCodecParameters("audio/PCMU", 8000, 1, 0, [], {})

    assert [name for name, _, _ in answered(offered("opus", 111), pcmu, offered("red", 63, **{"111/0": None}))] == [
        "opus"
    ]


def test_offer_has_it_behind_opus() -> None:
    offer = CAPABILITIES.preferred_codecs(LOCAL, CAPABILITIES.preferences("audio", ("opus",)))

    assert [(each.name, each.parameters) for each in offer] == [("opus", {}), ("red", {"96/96": None})]


# Receiving


def test_packet_is_opened_with_the_timestamps_of_what_it_repeats() -> None:
    payload = pack([RedundantBlock(96, 1920, b"first"), RedundantBlock(96, 960, b"second")], 96, b"third")

    form, primary, earlier = payload_formats(LOCAL)[63].opened(payload, 1000)

    assert (form.codec, primary) == ("opus", b"third")
    assert earlier == [Carried("opus", (1000 - 1920) % 2**32, b"first"), Carried("opus", 40, b"second")]


def test_what_was_not_negotiated_is_left_out_or_refused() -> None:
    form = payload_formats(LOCAL)[63]

    assert form.opened(pack([RedundantBlock(111, 960, b"other")], 96, b"opus"), 1000)[2] == []
    with pytest.raises(ValueError, match="payload type 111, which was not negotiated"):
        form.opened(pack([], 111, b"other"), 1000)


# Sending


def payloads(redundancy: Redundancy, count: int, size: int = 80, ticks: int = 960) -> list[int]:
    """The number of earlier payloads that each of some packets repeats."""
    repeated = []
    for number in range(count):
        packed = redundancy.payload(RED, 111, number * ticks, bytes([number]) * size)
        blocks = [] if packed is None else unpack(packed)[0]
        for age, block in enumerate(reversed(blocks), 1):
            assert block == RedundantBlock(111, age * ticks, bytes([number - age]) * size)
        repeated.append(len(blocks))
    return repeated


@pytest.mark.parametrize(("wanted", "repeated"), [(True, [0, 1, 1, 1]), (None, [0] * 4), (False, [0] * 4)])
def test_without_loss_it_is_as_the_program_wants(wanted: bool | None, repeated: list[int]) -> None:
    redundancy = Redundancy(wanted)
    redundancy.on_report(0.0)

    assert payloads(redundancy, 4) == repeated


def test_it_begins_with_losses_and_ends_some_time_after_them() -> None:
    redundancy = Redundancy(None)
    redundancy.on_report(0.1)
    assert redundancy.is_on
    for _ in range(5):
        redundancy.on_report(0.0)
    assert redundancy.is_on
    for _ in range(10):
        redundancy.on_report(0.0)
    assert not redundancy.is_on


def test_one_lost_packet_begins_nothing() -> None:
    redundancy = Redundancy(None)
    for lost in (0.0, 0.02, 0.0, 0.0, 0.02, 0.0):
        redundancy.on_report(lost)
        assert not redundancy.is_on


def test_program_that_wants_none_has_none_whatever_is_lost() -> None:
    redundancy = Redundancy(False)
    redundancy.on_report(1.0)

    assert payloads(redundancy, 4) == [0] * 4


def test_of_many_losses_each_packet_is_repeated_twice() -> None:
    redundancy = Redundancy(None)
    for _ in range(5):
        redundancy.on_report(0.3)

    assert payloads(redundancy, 4) == [0, 1, 2, 2]


@pytest.mark.parametrize(("size", "ticks"), [(80, MAX_OFFSET + 1), (600, 960), (1024, 960)])
def test_what_does_not_fit_is_not_repeated(size: int, ticks: int) -> None:
    assert payloads(Redundancy(True), 3, size, ticks) == [0, 0, 0]
