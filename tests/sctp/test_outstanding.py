"""Chunks that are not acknowledged, and which of them are lost (RFC 9260 section 7.2.4, RFC 8985)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gst_signalling_sync.webrtc.sctp import Message
from gst_signalling_sync.webrtc.sctp.outstanding import Outcome, Outstanding

FIRST = 1
ROUND_TRIP = 0.1


def sent(count: int, interval: float = 0.0) -> Outstanding:
    """Chunks of ten bytes that were sent, each in a packet of its own, from time 0 on."""
    outstanding = Outstanding(FIRST)
    for number in range(count):
        outstanding.add(Message(number, 51, b"x"), True, bytes(10), number * interval, number)
    return outstanding


def acknowledge(
    outstanding: Outstanding, cumulative: int, *gaps: tuple[int, int], now: float = ROUND_TRIP
) -> Outcome | None:
    return outstanding.acknowledge(cumulative, list(gaps), now, ROUND_TRIP)


def lost(outstanding: Outstanding, outcome: Outcome | None, now: float = ROUND_TRIP) -> list[int]:
    """The TSNs that are found to be lost."""
    newest = -1 if outcome is None else outcome.newest_packet
    return [chunk.tsn for chunk in outstanding.find_losses(now, ROUND_TRIP, ROUND_TRIP, newest)]


def test_cumulative_tsn_acknowledges_everything_up_to_it() -> None:
    outstanding = sent(5)

    outcome = acknowledge(outstanding, 3)

    assert outcome is not None
    assert (outcome.size, outcome.has_advanced, outcome.streams) == (30, True, {0, 1, 2})
    assert outcome.round_trip == ROUND_TRIP
    assert list(outstanding.chunks) == [4, 5]
    assert outstanding.in_flight_bytes == 20


@pytest.mark.parametrize("cumulative", [FIRST - 2, FIRST + 5])
def test_acknowledgement_of_the_past_or_of_what_was_not_sent_is_ignored(cumulative: int) -> None:
    outstanding = sent(5)

    assert acknowledge(outstanding, cumulative) is None

    assert len(outstanding.chunks) == 5


def test_chunk_in_a_gap_block_is_acknowledged_once() -> None:
    outstanding = sent(5)

    first, second = acknowledge(outstanding, 1, (2, 2)), acknowledge(outstanding, 1, (2, 2))

    assert first is not None
    assert second is not None
    assert (first.size, second.size) == (20, 0)
    assert outstanding.in_flight_bytes == 30


def test_overlapping_gap_blocks_count_a_chunk_once() -> None:
    outcome = acknowledge(sent(6), 0, (2, 4), (3, 5))

    assert outcome is not None
    assert outcome.size == 40


def test_three_later_acknowledgements_show_a_loss() -> None:
    outstanding = sent(6)

    found = [lost(outstanding, acknowledge(outstanding, 0, (2, last))) for last in (2, 3, 4)]

    assert found == [[], [], [1]]
    assert outstanding.in_flight_bytes == 20


def test_loss_at_the_end_is_found_after_a_part_of_a_round_trip() -> None:
    outstanding = sent(2)
    outcome = acknowledge(outstanding, 0, (2, 2))
    assert lost(outstanding, outcome) == []
    assert outstanding.loss_at is not None
    assert ROUND_TRIP < outstanding.loss_at <= 2 * ROUND_TRIP

    assert lost(outstanding, None, outstanding.loss_at) == [1]
    assert outstanding.loss_at is None


def test_lost_retransmission_is_found_too() -> None:
    outstanding = sent(5)
    for last in (2, 3, 4):
        lost(outstanding, acknowledge(outstanding, 0, (2, last)))
    outstanding.send_again(outstanding.chunks[1], 0.1, 5)
    outstanding.add(Message(9, 51, b"x"), True, bytes(10), 0.11, 6)

    outcome = acknowledge(outstanding, 0, (2, 6), now=0.21)

    assert lost(outstanding, outcome, now=0.21) == []
    assert outstanding.loss_at is not None
    assert lost(outstanding, None, outstanding.loss_at) == [1]


def test_reordering_that_was_seen_leaves_the_decision_to_time() -> None:
    outstanding = sent(2)
    acknowledge(outstanding, 0, (2, 2), now=0.1)
    # The first chunk arrives after the second one.
    acknowledge(outstanding, 2, now=0.101)
    for number in range(2, 7):
        outstanding.add(Message(number, 51, b"x"), True, bytes(10), 0.2, number)

    found = [lost(outstanding, acknowledge(outstanding, 2, (2, last), now=0.3), 0.3) for last in (2, 3, 4, 5)]

    assert found == [[], [], [], []]


def test_round_trip_is_measured_once_per_round_trip() -> None:
    outstanding = sent(4)

    measured = [acknowledge(outstanding, tsn, now=0.1 + tsn / 100) for tsn in (1, 2, 3, 4)]

    assert [outcome.round_trip is not None for outcome in measured if outcome is not None] == [
        True,
        False,
        False,
        False,
    ]


def test_retransmitted_chunk_measures_nothing() -> None:
    outstanding = sent(1)
    outstanding.lose_all()
    outstanding.send_again(outstanding.chunks[1], 1.0, 1)

    outcome = acknowledge(outstanding, 1, now=1.05)

    assert outcome is not None
    assert outcome.round_trip is None


def test_timeout_loses_what_the_last_acknowledgement_does_not_report() -> None:
    outstanding = sent(5)
    acknowledge(outstanding, 0, (2, 2), (4, 4))
    # The peer has dropped the chunk 4, which it may do.
    acknowledge(outstanding, 0, (2, 2))

    assert sorted(chunk.tsn for chunk in outstanding.lose_all()) == [1, 3, 4, 5]


@given(
    count=st.integers(1, 30),
    acknowledged=st.lists(st.tuples(st.integers(0, 30), st.sets(st.integers(2, 30), max_size=10)), max_size=10),
)
def test_bytes_in_flight_are_those_of_the_chunks_under_way(
    count: int, acknowledged: list[tuple[int, set[int]]]
) -> None:
    outstanding = sent(count)
    for number, (cumulative, offsets) in enumerate(acknowledged):
        now = 0.1 + number / 100
        outcome = acknowledge(outstanding, cumulative, *((offset, offset) for offset in sorted(offsets)), now=now)
        for chunk in outstanding.find_losses(
            now, ROUND_TRIP, ROUND_TRIP, -1 if outcome is None else outcome.newest_packet
        ):
            outstanding.send_again(chunk, now, count + number)

        assert outstanding.in_flight_bytes == 10 * len(outstanding.under_way)
        assert outstanding.under_way.keys() <= outstanding.chunks.keys()
