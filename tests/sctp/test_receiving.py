"""Received TSNs, and the reassembly of messages from their chunks (RFC 9260 sections 6.2 and 6.9)."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gst_signalling_sync.webrtc.sctp.chunks import FIRST, LAST, UNORDERED, ForwardTsn, Sack
from gst_signalling_sync.webrtc.sctp.reassembly import Reassembly
from gst_signalling_sync.webrtc.sctp.received_tsns import MAX_AHEAD, ReceivedTsns
from gst_signalling_sync.webrtc.sctp.receiving import Receiving, WindowIgnored
from gst_signalling_sync.webrtc.sctp.serial import nearest_ssn, nearest_tsn
from gst_signalling_sync.webrtc.sctp.settings import Settings


@given(st.integers(-(2**40), 2**40), st.integers(-(2**31), 2**31 - 1))
def test_number_from_the_wire_is_the_nearest_one(known: int, difference: int) -> None:
    assert nearest_tsn((known + difference) & 0xFFFFFFFF, known) == known + difference
    assert nearest_ssn((known + difference // 2**16) & 0xFFFF, known) == known + difference // 2**16


@given(st.lists(st.tuples(st.integers(-5, 40), st.booleans()), max_size=60))
def test_received_tsns_are_as_a_set_would_have_them(steps: list[tuple[int, bool]]) -> None:
    tsns = ReceivedTsns(-1)
    received: set[int] = set()
    cumulative = -1

    for tsn, skips in steps:
        if skips and tsn % 4 == 0:
            tsns.skip_to(tsn)
            cumulative = max(cumulative, tsn)
        else:
            assert tsns.add(tsn) == (tsn > cumulative and tsn not in received)
            received.add(tsn)
        while cumulative + 1 in received:
            cumulative += 1

        beyond = sorted(each for each in received if each > cumulative)
        told = [cumulative + each for first, last in tsns.gaps(100) for each in range(first, last + 1)]
        assert (tsns.cumulative, told, tsns.has_gaps) == (cumulative, beyond, bool(beyond))


def test_tsn_that_no_acknowledgement_can_tell_of_is_not_taken() -> None:
    tsns = ReceivedTsns(0)

    assert tsns.add(MAX_AHEAD)
    assert not tsns.add(MAX_AHEAD + 1)


def fragments(sizes: list[int], ordered: bool) -> list[tuple[int, int, int, int, int, bytes]]:
    """The chunks of messages with given numbers of fragments, on two streams in turn."""
    chunks: list[tuple[int, int, int, int, int, bytes]] = []
    ssns = [0, 0]
    for number, count in enumerate(sizes):
        stream = number % 2
        for index in range(count):
            flags = (FIRST if not index else 0) | (LAST if index == count - 1 else 0) | (0 if ordered else UNORDERED)
            payload = f"{number}:{index};".encode()
            chunks.append((len(chunks), flags, stream, ssns[stream] & 0xFFFF if ordered else 0, number, payload))
        ssns[stream] += 1
    return chunks


def whole(number: int, count: int) -> bytes:
    return b"".join(f"{number}:{index};".encode() for index in range(count))


@given(st.lists(st.integers(1, 6), min_size=1, max_size=12), st.booleans(), st.randoms(use_true_random=False))
def test_messages_are_put_together_in_any_order_of_chunks(
    sizes: list[int], ordered: bool, generator: random.Random
) -> None:
    chunks = fragments(sizes, ordered)
    generator.shuffle(chunks)
    reassembly = Reassembly()

    for chunk in chunks:
        reassembly.add(*chunk)

    delivered = [(each.stream, each.identifier, each.data) for each in reassembly.delivered]
    expected = [(number % 2, number, whole(number, count)) for number, count in enumerate(sizes)]
    for stream in (0, 1):
        of_stream = [each for each in delivered if each[0] == stream]
        if not ordered:
            of_stream.sort(key=lambda each: each[1])
        assert of_stream == [each for each in expected if each[0] == stream]
    assert reassembly.size == 0


def test_what_the_peer_has_given_up_is_forgotten_and_does_not_block() -> None:
    reassembly = Reassembly()
    reassembly.add(2, FIRST, 0, 1, 51, b"half")
    reassembly.add(4, FIRST | LAST, 0, 2, 51, b"third")
    assert reassembly.delivered == []

    reassembly.skip(3, {0: 1})

    assert [each.data for each in reassembly.delivered] == [b"third"]
    assert reassembly.size == 0


def test_message_that_goes_on_behind_what_was_given_up_is_kept() -> None:
    reassembly = Reassembly()
    reassembly.add(2, FIRST | UNORDERED, 0, 0, 51, b"a")

    reassembly.skip(2, {})
    reassembly.add(3, LAST | UNORDERED, 0, 0, 51, b"b")

    assert [each.data for each in reassembly.delivered] == [b"ab"]


def test_complete_messages_before_the_one_that_was_given_up_are_delivered() -> None:
    reassembly = Reassembly()
    reassembly.add(2, FIRST | LAST, 0, 1, 51, b"second")

    reassembly.skip(3, {0: 2})
    reassembly.add(4, FIRST | LAST, 0, 3, 51, b"fourth")

    assert [each.data for each in reassembly.delivered] == [b"second", b"fourth"]


def test_reset_begins_again_with_the_first_sequence_number() -> None:
    reassembly = Reassembly()
    for number in range(3):
        reassembly.add(number, FIRST | LAST, 0, number, 51, b"before")
    reassembly.reset([0])
    reassembly.add(3, FIRST | LAST, 0, 0, 51, b"after")

    assert [each.data for each in reassembly.delivered] == [b"before"] * 3 + [b"after"]


def sack_of(receiving: Receiving) -> Sack:
    return Sack.parse(receiving.sack()[4:])


def test_first_packet_is_acknowledged_after_a_while_and_the_second_at_once() -> None:
    receiving = Receiving(Settings(sack_delay=0.01), 1)
    receiving.on_data(1, FIRST | LAST, 0, 0, 51, b"a")
    receiving.end_packet(5.0)
    assert (receiving.sack_is_due, receiving.sack_at) == (False, 5.01)

    receiving.on_data(2, FIRST | LAST, 0, 1, 51, b"b")
    receiving.end_packet(5.001)

    assert receiving.sack_is_due
    assert sack_of(receiving).cumulative_tsn == 2
    assert not receiving.sack_is_due
    assert receiving.sack_at is None


@pytest.mark.parametrize("tsn", [3, 1], ids=["gap", "duplicate"])
def test_gaps_and_duplicates_are_acknowledged_at_once(tsn: int) -> None:
    receiving = Receiving(Settings(), 1)
    receiving.on_data(1, FIRST | LAST, 0, 0, 51, b"a")
    receiving.end_packet(5.0)
    receiving.sack()

    receiving.on_data(tsn, FIRST | LAST, 0, tsn - 1, 51, b"b")
    receiving.end_packet(5.001)

    assert receiving.sack_is_due


def test_acknowledgement_tells_of_gaps_duplicates_and_the_window() -> None:
    receiving = Receiving(Settings(window=1000), 1)
    for tsn in (1, 1, 3, 4, 6):
        receiving.on_data(tsn, FIRST | LAST, 0, tsn - 1, 51, bytes(36))
    receiving.end_packet(5.0)

    sack = sack_of(receiving)

    assert (sack.cumulative_tsn, list(sack.gaps), list(sack.duplicates)) == (1, [(2, 3), (5, 5)], [1])
    assert sack.window == 1000 - 3 * 100


def test_chunks_beyond_the_window_are_dropped_but_those_that_make_room_are_not() -> None:
    receiving = Receiving(Settings(window=1000, max_excess=1000), 1)
    for tsn in range(2, 1000):
        receiving.on_data(tsn, FIRST | LAST, 0, tsn - 1, 51, bytes(36))
    assert receiving.buffered <= 2200

    receiving.on_data(1, FIRST | LAST, 0, 0, 51, b"first")

    assert receiving.buffered == 0
    assert 1 < len(receiving.take_delivered()) < 30


def test_message_without_an_end_is_not_taken_forever() -> None:
    receiving = Receiving(Settings(window=10_000, max_excess=10_000), 1)

    def send_without_end() -> None:
        for tsn in range(1, 1000):
            receiving.on_data(tsn, FIRST if tsn == 1 else 0, 0, 0, 51, bytes(100))

    with pytest.raises(WindowIgnored):
        send_without_end()
    assert receiving.buffered < 21_000


def test_forward_tsn_moves_the_acknowledgement() -> None:
    receiving = Receiving(Settings(), 1)
    receiving.on_data(4, FIRST | LAST, 0, 1, 51, b"later")

    receiving.on_forward_tsn(ForwardTsn(3, [(0, 0)]))

    assert receiving.sack_is_due
    assert sack_of(receiving).cumulative_tsn == 4
    assert [each.data for each in receiving.take_delivered()] == [b"later"]
