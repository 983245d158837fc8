"""Abandoned messages, and the FORWARD TSN that reports them (RFC 3758)."""

from __future__ import annotations

import pytest

from gst_signalling_sync.webrtc.sctp import Message
from gst_signalling_sync.webrtc.sctp.chunks import ForwardTsn
from gst_signalling_sync.webrtc.sctp.outstanding import Outstanding
from gst_signalling_sync.webrtc.sctp.partial_reliability import PartialReliability, has_expired


class Sent:
    """Messages that were sent in a chunk each, with TSNs from 1 on."""

    def __init__(self, count: int, ordered: bool = True) -> None:
        self.outstanding = Outstanding(1)
        self.partial = PartialReliability(self.outstanding)
        self.messages = []
        for number in range(count):
            message = Message(number, 51, b"x", ordered)
            message.first_tsn, message.offset, message.ssn = self.outstanding.next_tsn, 1, 7
            self.outstanding.add(message, True, bytes(20), 0.0, number)
            self.messages.append(message)

    def forward_tsn(self, now: float = 0.0) -> ForwardTsn:
        return ForwardTsn.parse(self.partial.forward_tsn(now)[4:])


@pytest.mark.parametrize(
    ("expires_at", "max_retransmits", "transmissions", "expected"),
    [(None, None, 99, False), (5.0, None, 1, True), (5.1, None, 1, False), (None, 0, 1, True), (None, 2, 2, False)],
)
def test_message_expires_by_time_or_by_transmissions(
    expires_at: float | None, max_retransmits: int | None, transmissions: int, expected: bool
) -> None:
    message = Message(0, 51, b"x", True, expires_at, max_retransmits)

    assert has_expired(message, transmissions, 5.0) is expected


def test_abandoned_message_at_the_front_is_reported_with_its_stream() -> None:
    sent = Sent(3)

    sent.partial.abandon(sent.messages[0])

    assert sent.messages[0].is_abandoned
    assert sent.partial.is_due
    assert sent.forward_tsn() == ForwardTsn(1, [(0, 7)])
    assert not sent.partial.is_due


def test_unordered_message_is_reported_without_a_stream() -> None:
    sent = Sent(1, ordered=False)

    sent.partial.abandon(sent.messages[0])

    assert sent.forward_tsn() == ForwardTsn(1, [])


def test_message_behind_another_is_reported_once_that_is_acknowledged() -> None:
    sent = Sent(3)
    sent.partial.abandon(sent.messages[1])
    assert not sent.partial.is_due

    sent.outstanding.acknowledge(1, [], 0.1, None)
    sent.partial.on_acknowledged(0.1, 0.1)

    assert sent.partial.is_due
    assert sent.forward_tsn().cumulative_tsn == 2


def test_unanswered_report_is_repeated_after_a_round_trip() -> None:
    sent = Sent(1)
    sent.partial.abandon(sent.messages[0])
    sent.forward_tsn(now=1.0)

    sent.partial.on_acknowledged(1.05, 0.1)
    assert not sent.partial.is_due
    sent.partial.on_acknowledged(1.1, 0.1)
    assert sent.partial.is_due


def test_answered_report_is_not_repeated() -> None:
    sent = Sent(1)
    sent.partial.abandon(sent.messages[0])
    sent.forward_tsn()

    sent.outstanding.acknowledge(1, [], 0.1, None)
    sent.partial.on_acknowledged(0.1, 0.1)
    sent.partial.on_timeout()

    assert not sent.partial.is_due
    assert not sent.partial.is_unacknowledged
    assert not sent.partial.is_active


def test_rest_of_a_message_that_is_sent_in_part_gets_a_tsn() -> None:
    sent = Sent(1)
    sent.messages[0].data = b"more"

    sent.partial.abandon(sent.messages[0])

    assert sent.forward_tsn().cumulative_tsn == 2
    assert sent.outstanding.next_tsn == 3
