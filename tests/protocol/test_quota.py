"""Quotas, in simulated time."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gst_signalling_sync.protocol.limits import Rate, ServerLimits
from gst_signalling_sync.protocol.quota import Buckets, Counts, Pool, Rates, TokenBucket
from gst_signalling_sync.protocol.session_limits import SessionLimits


def test_burst_is_free_and_what_follows_waits_for_its_tokens() -> None:
    bucket = TokenBucket(Rate(10, burst=3))

    waits = [bucket.spend(1, now=100.0) for _ in range(5)]

    assert waits == pytest.approx([0, 0, 0, 0.1, 0.2])


def test_rest_fills_the_bucket_and_no_more_than_that() -> None:
    bucket = TokenBucket(Rate(10, burst=3))
    for _ in range(3):
        bucket.spend(1, now=0)

    assert [bucket.spend(1, now=1000) for _ in range(4)] == pytest.approx([0, 0, 0, 0.1])


def test_what_is_not_there_is_not_taken() -> None:
    bucket = TokenBucket(Rate(1, burst=2))

    assert [bucket.try_spend(1, now=0) for _ in range(3)] == [True, True, False]
    assert [bucket.try_spend(1, now=1), bucket.try_spend(1, now=1)] == [True, False]


@given(
    rate=st.floats(0.1, 1000),
    burst=st.floats(1, 1000),
    events=st.lists(st.tuples(st.floats(0, 10), st.floats(0, 50)), max_size=50),
)
def test_who_waits_as_told_never_exceeds_rate_and_burst(
    rate: float, burst: float, events: list[tuple[float, float]]
) -> None:
    bucket, now, spent = TokenBucket(Rate(rate, burst)), 0.0, 0.0
    for pause, amount in events:
        now += pause
        # By now the time for all earlier amounts has been waited.
        assert spent <= rate * now + burst + 1e-6 * (1 + spent)
        spent += amount
        now += bucket.spend(amount, now)


def test_each_charge_has_a_bucket_of_its_own() -> None:
    rates = Rates(ServerLimits(lists=Rate(1, burst=1), session_starts=Rate(1, burst=1), messages=None))
    peer: Buckets = {}

    assert rates.spend(peer, "lists", 1, now=0) == 0
    assert rates.spend(peer, "lists", 1, now=0) == 1
    assert rates.spend(peer, "session_starts", 1, now=0) == 0
    assert rates.spend(peer, "messages", 1e9, now=0) == 0
    assert "lists" in rates.charged
    assert "messages" not in rates.charged


def test_each_peer_has_buckets_of_its_own() -> None:
    rates = Rates(ServerLimits(lists=Rate(1, burst=1)))
    one: Buckets = {}
    other: Buckets = {}

    assert rates.spend(one, "lists", 2, now=0) == 1
    assert rates.spend(other, "lists", 1, now=0) == 0


def test_counts_of_one_key_do_not_fill_another() -> None:
    counts: Counts[str] = Counts(2)
    counts.add("a")
    counts.add("a")

    assert counts.is_full("a")
    assert not counts.is_full("b")
    counts.remove("a")
    assert not counts.is_full("a")


def test_those_that_hold_the_most_have_to_go() -> None:
    pool: Pool[str] = Pool(100)
    assert pool.hold("small", 10) == []
    assert pool.hold("large", 60) == []

    assert pool.hold("middle", 40) == ["large"]
    assert pool.total == 50


def test_holder_that_let_go_is_forgotten() -> None:
    pool: Pool[str] = Pool(100)
    pool.hold("a", 90)

    pool.hold("a", 0)

    assert pool.hold("b", 90) == []


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 60)), max_size=80))
def test_pool_never_holds_more_than_its_limit(holds: list[tuple[int, int]]) -> None:
    pool: Pool[int] = Pool(100)
    held: dict[int, int] = {}
    for holder, amount in holds:
        held[holder] = amount
        for evicted in pool.hold(holder, amount):
            del held[evicted]
        assert pool.total == sum(held.values()) <= 100


@pytest.mark.parametrize("options", [{"connections": 0}, {"handshake_seconds": -1.0}, {"unread_bytes": -5}])
def test_limit_that_is_not_positive_is_refused(options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(options))} must be positive"):
        ServerLimits(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize("limits", [ServerLimits, SessionLimits])
def test_limit_that_is_no_number_is_refused(limits: Callable[..., object]) -> None:
    for name in (field.name for field in dataclasses.fields(limits)):  # type: ignore[arg-type]
        values: tuple[object, ...] = ("100", b"1", True, [])
        for value in values:
            with pytest.raises(TypeError, match=f"{name} must be a (number|Rate), not "):
                limits(**{name: value})


def test_number_where_a_rate_is_due_is_refused() -> None:
    with pytest.raises(TypeError, match=r"messages must be a Rate, not 100: write Rate\(per_second, burst=\.\.\.\)"):
        ServerLimits(messages=100)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="burst must be a number, not '5'"):
        Rate(1, burst="5")  # type: ignore[arg-type]


def test_rate_that_is_not_positive_is_refused() -> None:
    with pytest.raises(ValueError, match="per_second and burst must be positive"):
        Rate(0, burst=1)


def test_unlimited_leaves_only_what_one_handshake_and_one_message_may_be() -> None:
    limits = ServerLimits.unlimited()

    assert (limits.connections, limits.messages, limits.unread_bytes) == (None, None, None)
    assert (limits.message_bytes, limits.header_bytes) == (2**20, 2**14)
