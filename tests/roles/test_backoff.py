"""`Retry` and `Backoff`: the values that are refused, and when the next attempt is due."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gst_signalling_sync.protocol.backoff import Backoff, Retry


def test_the_defaults_are_those_of_the_contract() -> None:
    assert Retry() == Retry(first=0.25, factor=2.0, maximum=5.0, jitter=0.5, give_up_after=None, wait_for_server=False)


def test_intervals_grow_to_the_maximum() -> None:
    retry = Retry(first=0.25, factor=2.0, maximum=1.5)
    assert [retry.interval(attempt) for attempt in range(5)] == [0.25, 0.5, 1.0, 1.5, 1.5]


def test_the_interval_of_a_late_attempt_is_the_maximum_and_no_overflow() -> None:
    assert Retry().interval(10**6) == 5.0
    assert Retry(first=0.0).interval(10**6) == 0.0


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({"first": -0.1}, "first must be 0 or more"),
        ({"factor": 0.5}, "factor must be 1 or more"),
        ({"maximum": math.inf}, "maximum must be 0 or more"),
        ({"jitter": 1.5}, "jitter must be between 0 and 1"),
        ({"jitter": math.nan}, "jitter must be between 0 and 1"),
        ({"give_up_after": -1.0}, "give_up_after must be 0 or more"),
        ({"first": 10.0}, "first must be at most maximum"),
    ],
)
def test_a_number_out_of_range_is_refused(named: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Retry(**named)  # type: ignore[arg-type]


def test_what_is_no_number_is_refused() -> None:
    text: Any = "1"
    with pytest.raises(TypeError, match="first must be a number"):
        Retry(first=text)


@given(
    jitter=st.floats(0, 1),
    draw=st.floats(0, 1, exclude_max=True),
    attempts=st.integers(1, 40),
)
def test_no_attempt_is_later_than_its_interval_or_earlier_than_the_jitter_allows(
    jitter: float, draw: float, attempts: int
) -> None:
    retry = Retry(jitter=jitter)
    backoff = Backoff(retry, lambda: draw)
    backoff.lost(100.0)
    for attempt in range(attempts):
        due = backoff.next_attempt(100.0)
        assert due is not None
        interval = retry.interval(attempt)
        assert interval * (1 - jitter) - 1e-9 <= due - 100.0 <= interval + 1e-9


def test_after_a_connection_that_lived_the_intervals_begin_again() -> None:
    backoff = Backoff(Retry(first=1.0, maximum=8.0, jitter=0.0), lambda: 0.0)
    backoff.lost(0.0)
    assert [backoff.next_attempt(0.0) for _ in range(3)] == [1.0, 2.0, 4.0]
    backoff.succeeded(10.0)
    backoff.lost(18.0)
    assert backoff.next_attempt(18.0) == 19.0


def test_a_server_that_drops_its_connections_at_once_is_not_asked_ever_faster() -> None:
    backoff = Backoff(Retry(first=1.0, maximum=8.0, jitter=0.0), lambda: 0.0)
    delays = []
    now = 0.0
    for _ in range(5):
        backoff.lost(now)
        due = backoff.next_attempt(now)
        assert due is not None
        delays.append(due - now)
        now = due
        backoff.succeeded(now)
    assert delays == [1.0, 2.0, 4.0, 8.0, 8.0]


def test_after_a_loss_that_was_none_of_the_servers_the_intervals_begin_again() -> None:
    backoff = Backoff(Retry(first=1.0, maximum=8.0, jitter=0.0), lambda: 0.0)
    backoff.lost(0.0)
    assert [backoff.next_attempt(0.0) for _ in range(3)] == [1.0, 2.0, 4.0]
    backoff.succeeded(10.0)
    backoff.lost(11.0, begins_again=True)
    assert backoff.next_attempt(11.0) == 12.0


def test_it_gives_up_when_the_next_attempt_would_come_too_late() -> None:
    backoff = Backoff(Retry(first=1.0, maximum=8.0, jitter=0.0, give_up_after=3.5), lambda: 0.0)
    backoff.lost(100.0)
    assert backoff.next_attempt(100.0) == 101.0
    assert backoff.next_attempt(101.0) == 103.0
    assert backoff.next_attempt(103.0) is None
