"""The congestion window (RFC 9260 section 7.2)."""

from __future__ import annotations

import pytest

from gst_signalling_sync.webrtc.sctp.congestion import Congestion

PACKET = 1000


@pytest.fixture
def congestion() -> Congestion:
    """A window that has its initial size, of a peer with much room."""
    return Congestion(PACKET, 1_000_000)


def test_slow_start_grows_by_what_is_acknowledged(congestion: Congestion) -> None:
    before = congestion.window

    congestion.on_acknowledged(3 * PACKET, 10, was_full=True)

    assert congestion.window == before + 3 * PACKET


def test_one_acknowledgement_grows_the_window_by_a_few_packets(congestion: Congestion) -> None:
    before = congestion.window

    congestion.on_acknowledged(100 * PACKET, 10, was_full=True)

    assert congestion.window == before + 8 * PACKET


def test_window_that_was_not_used_does_not_grow(congestion: Congestion) -> None:
    before = congestion.window

    congestion.on_acknowledged(3 * PACKET, 10, was_full=False)

    assert congestion.window == before


def test_loss_halves_the_window(congestion: Congestion) -> None:
    before = congestion.window

    assert congestion.on_loss(last_tsn=20)

    assert congestion.window == before // 2
    assert congestion.is_recovering


def test_losses_of_one_round_trip_count_once(congestion: Congestion) -> None:
    congestion.on_loss(last_tsn=20)
    window = congestion.window

    assert not congestion.on_loss(last_tsn=25)

    assert congestion.window == window


def test_window_does_not_grow_until_what_was_under_way_is_acknowledged(congestion: Congestion) -> None:
    congestion.on_loss(last_tsn=20)
    window = congestion.window

    congestion.on_acknowledged(PACKET, 19, was_full=True)
    assert (congestion.window, congestion.is_recovering) == (window, True)

    congestion.on_acknowledged(PACKET, 20, was_full=True)
    assert not congestion.is_recovering


def test_congestion_avoidance_grows_by_a_packet_per_window(congestion: Congestion) -> None:
    congestion.on_loss(last_tsn=0)
    congestion.on_acknowledged(PACKET, 0, was_full=True)
    window = congestion.window
    congestion.on_acknowledged(PACKET, 1, was_full=True)
    before = congestion.window

    for tsn in range(before // PACKET):
        congestion.on_acknowledged(PACKET, tsn, was_full=True)

    assert before >= window
    assert congestion.window == before + PACKET


def test_timeout_leaves_one_packet(congestion: Congestion) -> None:
    congestion.on_timeout()

    assert congestion.window == PACKET
    assert not congestion.is_recovering


def test_window_after_losses_has_a_minimum(congestion: Congestion) -> None:
    for tsn in range(10):
        congestion.on_loss(last_tsn=tsn)
        congestion.on_acknowledged(0, tsn, was_full=False)

    assert congestion.window == 4 * PACKET
