"""`KeyframeRequests`: which requests for keyframes (PLI, RFC 4585 section 6.3.1) are answered, and when."""

from __future__ import annotations

import threading
import weakref

from gst_signalling_sync.webrtc.media.sending.keyframe_requests import KeyframeRequests


def test_a_request_is_due_at_once() -> None:
    requests = KeyframeRequests()
    assert not requests.is_due(1.0)

    assert requests.ask("receiver", 1.0)
    assert requests.is_due(1.0)

    requests.made(1.0)
    assert not requests.is_due(1.0)
    assert requests.due_at() is None


def test_requests_in_a_burst_are_merged_into_one_keyframe() -> None:
    requests = KeyframeRequests()
    for receiver in range(8):
        assert requests.ask(receiver, 1.0)
    requests.made(1.0)

    assert requests.due_at() is None


def test_a_request_just_after_a_keyframe_waits_a_quarter_of_a_second() -> None:
    requests = KeyframeRequests()
    requests.made(1.0)
    assert requests.ask("receiver", 1.1)

    assert not requests.is_due(1.2)
    assert requests.due_at() == 1.25
    assert requests.is_due(1.25)


def _honoured(requests: KeyframeRequests, receiver: str, seconds: float) -> int:
    """Number of keyframes for a receiver that asks every 0.1 s."""
    made = 0
    for step in range(round(seconds * 10)):
        now = step / 10
        requests.ask(receiver, now)
        if requests.is_due(now):
            requests.made(now)
            made += 1
    return made


def test_a_receiver_that_asks_all_the_time_gets_a_keyframe_every_two_seconds() -> None:
    assert 13 <= _honoured(KeyframeRequests(), "bad link", 20.0) <= 15


def test_a_receiver_that_asks_too_often_costs_the_others_nothing() -> None:
    requests = KeyframeRequests()
    _honoured(requests, "bad link", 20.0)

    assert requests.ask("newcomer", 20.0)


def test_a_receiver_that_has_ended_is_forgotten() -> None:
    requests = KeyframeRequests()
    receiver = threading.Event()
    requests.ask(receiver, 0.0)
    kept = weakref.ref(receiver)

    requests.forget(receiver)
    del receiver

    assert kept() is None
