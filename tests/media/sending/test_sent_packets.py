"""The packets that a sender keeps for retransmission (NACK, RFC 4585 section 6.2.1)."""

from __future__ import annotations

import pytest

from gst_signalling_sync.webrtc.media.sending.sent_packets import SentPacket, SentPackets

ROUND_TRIP = 0.2


def packet(number: int, payload: bytes = b"payload") -> SentPacket:
    return SentPacket(number, 0, 0, payload, None, 0.0)


def test_packet_is_sent_again_at_once() -> None:
    sent = SentPackets()
    sent.add(packet(1))

    assert sent.again(1, ROUND_TRIP, 0.0) == packet(1)


@pytest.mark.parametrize(("elapsed", "is_sent"), [(0.02, False), (0.19, False), (0.21, True)])
def test_packet_that_is_on_its_way_again_is_not_repeated(elapsed: float, is_sent: bool) -> None:
    sent = SentPackets()
    sent.add(packet(1))
    sent.again(1, ROUND_TRIP, 5.0)

    assert (sent.again(1, ROUND_TRIP, 5.0 + elapsed) is not None) == is_sent


def test_each_packet_is_by_itself() -> None:
    sent = SentPackets()
    sent.add(packet(1))
    sent.add(packet(2))
    sent.again(1, ROUND_TRIP, 5.0)

    assert sent.again(2, ROUND_TRIP, 5.0) == packet(2)


def test_packet_that_is_not_known_any_more_is_not_sent() -> None:
    sent = SentPackets()
    for number in range(1000):
        sent.add(packet(number))

    assert sent.again(1, ROUND_TRIP, 0.0) is None
    assert sent.again(70_000, ROUND_TRIP, 0.0) is None


def test_packet_in_the_place_of_one_that_was_sent_again_is_sent_at_once() -> None:
    sent = SentPackets()
    sent.add(packet(1))
    sent.again(1, ROUND_TRIP, 5.0)
    sent.add(packet(513))

    assert sent.again(513, ROUND_TRIP, 5.1) == packet(513)


def test_receiver_that_asks_without_end_gets_a_packet_some_times() -> None:
    sent = SentPackets()
    sent.add(packet(1))

    # The round trip is not known yet.
    answers = sum(sent.again(1, 0.0, number / 1000) is not None for number in range(1000))

    assert answers == 16
    sent.add(packet(1))
    assert sent.again(1, 0.0, 2.0) is not None
