"""`overflows`: which channels are closed because nobody reads them, by the bytes that wait on each."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gst_signalling_sync import SessionLimits
from gst_signalling_sync.webrtc.unread import overflows

LIMITS = SessionLimits(unasked_bytes=10, unread_bytes=100)

CASES: dict[str, tuple[dict[str, int], set[str], list[tuple[str, str]]]] = {
    "nothing is unread": ({}, set(), []),
    "all is within the limits": ({"a": 50, "b": 50}, set(), []),
    "the largest is closed": ({"a": 30, "b": 80, "c": 10}, set(), [("b", "unread_bytes")]),
    "as many are closed as it takes": (
        {"a": 90, "b": 90, "c": 90},
        set(),
        [("a", "unread_bytes"), ("b", "unread_bytes")],
    ),
    "what nobody asked for has less": ({"a": 50, "b": 11}, {"b"}, [("b", "unasked_bytes")]),
    "what nobody asked for counts together": ({"a": 7, "b": 6}, {"a", "b"}, [("a", "unasked_bytes")]),
    "what is closed for one limit does not count for the other": (
        {"a": 90, "b": 90},
        {"b"},
        [("b", "unasked_bytes")],
    ),
}


@pytest.mark.parametrize(("unread", "unasked", "closed"), CASES.values(), ids=CASES)
def test_channels_are_closed(unread: dict[str, int], unasked: set[str], closed: list[tuple[str, str]]) -> None:
    assert [(each.channel, each.limit) for each in overflows(unread, unasked, LIMITS)] == closed


def test_no_limit_closes_nothing() -> None:
    limits = SessionLimits(unasked_bytes=None, unread_bytes=None)

    assert not list(overflows({"a": 10**12}, {"a"}, limits))


@given(st.dictionaries(st.integers(), st.integers(0, 200)), st.sets(st.integers()))
def test_rest_is_within_the_limits_and_no_channel_is_closed_twice(unread: dict[int, int], unasked: set[int]) -> None:
    closed = [each.channel for each in overflows(unread, unasked, LIMITS)]
    kept = unread.keys() - closed

    assert len(closed) == len(set(closed))
    assert sum(unread[each] for each in kept) <= 100
    assert sum(unread[each] for each in kept & unasked) <= 10
