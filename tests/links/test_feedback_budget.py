"""The number of packets that transport-wide feedback (TWCC) may report: a small message can report 65,535."""

from __future__ import annotations

import struct
import time

import pytest

from gst_signalling_sync.webrtc.bwe.feedback_budget import FeedbackBudget
from gst_signalling_sync.webrtc.bwe.transport_feedback import TransportFeedback
from gst_signalling_sync.webrtc.engine.transport_departures import TransportDepartures

MAX_MESSAGE = struct.pack("!HHI", 0, 0xFFFF, 0) + struct.pack("!H", 0x1FFF) * 8 + struct.pack("!H", 7)
"""A message that reports 65,535 lost packets."""


def test_packets_may_be_reported_when_they_were_sent_and_not_before() -> None:
    budget = FeedbackBudget()
    assert not budget.spend(1)

    for _ in range(100):
        budget.sent()

    assert budget.spend(100)


def test_packets_may_be_reported_again_some_times() -> None:
    budget = FeedbackBudget()
    for _ in range(1000):
        budget.sent()

    reported = sum(budget.spend(1000) for _ in range(1000))

    assert 10 < reported < 100


def test_what_is_saved_up_over_hours_is_bounded() -> None:
    budget = FeedbackBudget()
    for _ in range(1_000_000):
        budget.sent()

    assert sum(budget.spend(0xFFFF) for _ in range(100)) <= 2


def test_message_says_how_many_packets_it_reports() -> None:
    assert TransportFeedback.packets_in(MAX_MESSAGE) == 0xFFFF == len(TransportFeedback.parse(MAX_MESSAGE).arrivals)
    assert TransportFeedback.packets_in(b"\0" * 7) == 0


def test_messages_that_report_what_was_never_sent_cost_nothing() -> None:
    departures = TransportDepartures()
    for _ in range(100):
        departures.sent(departures.next_number(), 1000)
    began = time.process_time()

    for _ in range(1000):
        with pytest.raises(ValueError, match="far more than were sent"):
            departures.on_feedback(MAX_MESSAGE)

    # Each would take 20 ms.
    assert time.process_time() - began < 1.0
