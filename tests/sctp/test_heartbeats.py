"""Heartbeats and their answers (RFC 9260 section 8.3)."""

from __future__ import annotations

import pytest

from gst_signalling_sync.webrtc.sctp import MalformedPacket
from gst_signalling_sync.webrtc.sctp.heartbeats import Heartbeats


def test_answer_tells_the_round_trip() -> None:
    heartbeats = Heartbeats()
    number, chunk = heartbeats.send(10.0)

    assert heartbeats.on_answer(chunk[4:], 10.25) == [(number, 0.25)]


def test_second_answer_tells_nothing() -> None:
    heartbeats = Heartbeats()
    _, chunk = heartbeats.send(10.0)
    heartbeats.on_answer(chunk[4:], 10.25)

    assert heartbeats.on_answer(chunk[4:], 10.5) == []


def test_answer_to_a_heartbeat_that_was_not_sent_tells_nothing() -> None:
    _, foreign = Heartbeats().send(10.0)

    assert Heartbeats().on_answer(foreign[4:], 10.5) == []


def test_answers_may_come_in_any_order() -> None:
    heartbeats = Heartbeats()
    (first, first_chunk), (second, second_chunk) = heartbeats.send(10.0), heartbeats.send(11.0)

    assert heartbeats.on_answer(second_chunk[4:], 12.0) == [(second, 1.0)]
    assert heartbeats.on_answer(first_chunk[4:], 12.0) == [(first, 2.0)]


def test_only_the_latest_unanswered_heartbeats_are_kept() -> None:
    heartbeats = Heartbeats()
    chunks = [heartbeats.send(float(number))[1] for number in range(20)]

    answered = [bool(heartbeats.on_answer(chunk[4:], 30.0)) for chunk in chunks]

    assert answered == [False] * 4 + [True] * 16


def test_answer_with_a_wrong_length_is_malformed() -> None:
    with pytest.raises(MalformedPacket):
        Heartbeats().on_answer(b"\0\1\0\xff", 1.0)
