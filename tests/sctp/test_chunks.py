"""Packets and chunks on the wire (RFC 9260 section 3)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gst_signalling_sync.webrtc.sctp import chunks
from gst_signalling_sync.webrtc.sctp.chunks import ForwardTsn, Init, MalformedPacket, Sack
from gst_signalling_sync.webrtc.sctp.parameters import parameter, parse_parameters

TSNS = st.integers(0, 2**32 - 1)
NUMBERS = st.integers(0, 2**16 - 1)
PAIRS = st.lists(st.tuples(NUMBERS, NUMBERS), max_size=50)


def value_of(chunk: bytes) -> bytes:
    """The value of a chunk without its padding."""
    return chunk[4 : int.from_bytes(chunk[2:4], "big")]


@given(st.builds(Sack, TSNS, TSNS, PAIRS, st.lists(TSNS, max_size=50).map(tuple)))
def test_sack_is_read_as_it_was_written(sack: Sack) -> None:
    read = Sack.parse(value_of(sack.serialize()))

    assert (read.cumulative_tsn, read.window, list(read.gaps), list(read.duplicates)) == (
        sack.cumulative_tsn,
        sack.window,
        list(sack.gaps),
        list(sack.duplicates),
    )


@given(st.builds(ForwardTsn, TSNS, PAIRS))
def test_forward_tsn_is_read_as_it_was_written(forward: ForwardTsn) -> None:
    assert ForwardTsn.parse(value_of(forward.serialize())) == forward


@given(st.integers(1, 2**32 - 1), TSNS, st.integers(1, 2**16 - 1), TSNS, st.binary(max_size=40))
def test_init_is_read_as_it_was_written(tag: int, window: int, streams: int, tsn: int, parameters: bytes) -> None:
    init = Init(tag, window, streams, streams, tsn, parameters)

    assert Init.parse(value_of(init.serialize(chunks.INIT))) == init


@given(st.lists(st.tuples(NUMBERS, st.binary(max_size=30)), max_size=10))
def test_parameters_are_read_as_they_were_written(written: list[tuple[int, bytes]]) -> None:
    assert list(parse_parameters(b"".join(parameter(*each) for each in written))) == written


@given(st.lists(st.tuples(st.integers(0, 255), st.integers(0, 255), st.binary(max_size=30)), min_size=1, max_size=8))
def test_packet_is_read_as_it_was_written(written: list[tuple[int, int, bytes]]) -> None:
    packet = chunks.packet(5000, 5001, 7, [chunks.chunk(*each) for each in written])

    tag, read = chunks.parse_packet(packet, 5000, 5001)

    assert tag == 7
    assert [(kind, flags, packet[start:end]) for kind, flags, start, end in read] == written


def test_data_chunk_is_laid_out_as_in_the_rfc() -> None:
    chunk = chunks.data_chunk(chunks.FIRST | chunks.LAST, 0x01020304, 5, 6, 51, b"abcde")

    assert chunk == bytes.fromhex("0003 0015 01020304 0005 0006 00000033 6162636465 000000")
    assert chunks.DATA_VALUE.unpack_from(chunk, chunks.CHUNK_HEADER_BYTES) == (0x01020304, 5, 6, 51)


PACKET = chunks.packet(5000, 5000, 1, [chunks.chunk(chunks.COOKIE_ACK)])


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        PACKET[:12],
        PACKET[:-1] + b"\x01",
        chunks.packet(5000, 5000, 1, [b"\x00\x00\x00\x03"]),
        chunks.packet(5000, 5000, 1, [b"\x00\x00\x00\x05"]),
        chunks.packet(5001, 5000, 1, [chunks.chunk(chunks.COOKIE_ACK)]),
        chunks.packet(5000, 5001, 1, [chunks.chunk(chunks.COOKIE_ACK)]),
    ],
    ids=["empty", "no chunk", "checksum", "shorter than its header", "longer than the packet", "from", "to"],
)
def test_malformed_packet_is_refused(datagram: bytes) -> None:
    with pytest.raises(MalformedPacket):
        chunks.parse_packet(datagram, 5000, 5000)


@pytest.mark.parametrize(
    ("parse", "value"),
    [
        (Sack.parse, bytes(11)),
        (Sack.parse, bytes(8) + b"\x00\x01\x00\x00"),
        (Sack.parse, bytes(8) + b"\xff\xff\xff\xff" + bytes(100)),
        (ForwardTsn.parse, bytes(3)),
        (ForwardTsn.parse, bytes(6)),
        (Init.parse, bytes(15)),
        (Init.parse, bytes(16)),
        (chunks.parse_cumulative_tsn, bytes(3)),
        (lambda value: list(parse_parameters(value)), b"\x00\x01\x00\x03"),
        (lambda value: list(parse_parameters(value)), b"\x00\x01\x00\x05"),
    ],
)
def test_malformed_value_is_refused(parse: object, value: bytes) -> None:
    assert callable(parse)
    with pytest.raises(MalformedPacket):
        parse(value)
