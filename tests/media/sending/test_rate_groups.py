"""Which links get an encoding of their own: the slow ones, if that makes the others much better off and lasts."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gst_signalling_sync.webrtc.media.sending.rate_groups import RateGroups

MAXIMUM = 1_000_000
STEP = 0.125


class Links:
    """Links that report their estimates eight times a second; each is named by its place.

    Attributes:
        groups: The groups that they are in.
        now: The time.
    """

    def __init__(self, *estimates: int) -> None:
        self.groups = RateGroups()
        self.now = 0.0
        self._estimates = list(estimates)

    def go_on(self, seconds: float, estimates: Sequence[int] | None = None, may_divide: bool = True) -> set[int]:
        """Let time pass, with other estimates if any are given; return the slow group."""
        self._estimates = list(estimates or self._estimates)
        for _ in range(round(seconds / STEP)):
            for link, estimate in enumerate(self._estimates):
                self.groups.report(link, estimate)
            self.groups.update(MAXIMUM, may_divide, self.now)
            self.now += STEP
        return self.slow

    def seconds_until(self, slow: set[int], estimates: Sequence[int] | None = None) -> float:
        """How long it takes until some links, and no others, are in the slow group."""
        began = self.now
        while self.go_on(STEP, estimates) != slow:
            assert self.now < began + 200
        return self.now - began - STEP

    @property
    def slow(self) -> set[int]:
        return {link for link in range(len(self._estimates)) if self.groups.is_slow(link)}


@pytest.mark.parametrize(
    ("estimates", "slow"),
    [
        ([1_000_000, 300_000], {1}),
        ([300_000, 300_000, 300_000], set()),
        ([1_000_000, 850_000], set()),
        ([9_000_000, 1_100_000], set()),
        ([300_000, 280_000, 2_000_000, 1_000_000], {0, 1}),
        # One encoding for the two would help the third less than it costs the second.
        ([200_000, 500_000, 1_000_000, 1_000_000, 1_000_000], {0, 1}),
        ([200_000, 900_000, 1_000_000, 1_000_000, 1_000_000], {0}),
        ([300_000], set()),
        ([], set()),
    ],
)
def test_links_are_divided_where_it_helps_most(estimates: list[int], slow: set[int]) -> None:
    assert Links(*estimates).go_on(10) == slow


def test_division_is_worthwhile_for_two_seconds_before_it_happens() -> None:
    links = Links(1_000_000, 300_000)

    assert links.seconds_until({1}) == pytest.approx(2.0)


def test_estimate_that_falls_now_and_then_divides_nothing() -> None:
    links = Links(1_000_000, 1_000_000)
    for _ in range(20):
        assert links.go_on(1.75, [1_000_000, 300_000]) == set()
        assert links.go_on(0.25, [1_000_000, 1_000_000]) == set()


def test_link_that_gets_slow_beside_slow_ones_goes_to_them_after_a_second() -> None:
    links = Links(1_000_000, 1_000_000, 1_000_000, 300_000)
    links.go_on(10)

    assert links.seconds_until({2, 3}, [1_000_000, 1_000_000, 350_000, 300_000]) == pytest.approx(1.0)


def test_link_that_recovers_returns_after_four_seconds() -> None:
    links = Links(1_000_000, 1_000_000, 300_000, 300_000)
    links.go_on(10)

    assert links.seconds_until({3}, [1_000_000, 1_000_000, 1_000_000, 300_000]) == pytest.approx(4.0)


def test_links_that_fit_one_group_get_one() -> None:
    links = Links(1_000_000, 1_000_000, 300_000)
    links.go_on(10)

    assert links.seconds_until(set(), [1_000_000, 1_000_000, 950_000]) == pytest.approx(4.0)
    assert not links.groups.is_divided


def test_division_is_kept_though_it_would_not_begin() -> None:
    links = Links(1_000_000, 1_000_000, 300_000)
    links.go_on(10)

    assert links.go_on(60, [1_000_000, 1_000_000, 850_000]) == {2}


def test_return_that_does_not_last_is_waited_for_twice_as_long_each_time() -> None:
    links = Links(1_000_000, 1_000_000, 300_000)
    links.go_on(10)
    waits = []
    for _ in range(6):
        waits.append(links.seconds_until(set(), [1_000_000] * 3))
        links.seconds_until({2}, [1_000_000, 1_000_000, 300_000])

    assert waits == pytest.approx([4, 8, 16, 32, 60, 60])


def test_return_that_lasted_is_waited_for_as_at_first() -> None:
    links = Links(1_000_000, 1_000_000, 300_000)
    links.go_on(10)
    links.seconds_until(set(), [1_000_000] * 3)
    links.seconds_until({2}, [1_000_000, 1_000_000, 300_000])
    links.seconds_until(set(), [1_000_000] * 3)
    links.go_on(30)
    links.seconds_until({2}, [1_000_000, 1_000_000, 300_000])

    assert links.seconds_until(set(), [1_000_000] * 3) == pytest.approx(4.0)


def test_links_change_places() -> None:
    links = Links(1_000_000, 300_000, 1_000_000)
    links.go_on(10)

    assert links.seconds_until({0}, [300_000, 1_000_000, 1_000_000]) == pytest.approx(4.0)


def test_without_time_for_two_encodings_there_is_one_at_once() -> None:
    links = Links(1_000_000, 300_000)
    assert links.go_on(10, may_divide=False) == set()
    assert links.go_on(10) == {1}

    assert links.go_on(STEP, may_divide=False) == set()


def test_link_that_is_not_measured_yet_is_fast_and_does_not_count() -> None:
    links = Links(1_000_000, 1_000_000)
    links.groups.report("new", 300_000, False)

    assert links.go_on(10) == set()
    assert not links.groups.is_slow("new")


def test_slow_link_that_is_no_longer_measured_returns() -> None:
    groups = RateGroups()
    for second in range(20):
        groups.report("fast", 1_000_000)
        groups.report("slow", 300_000, second < 10)
        groups.update(MAXIMUM, True, second)
        if second == 9:
            assert groups.is_slow("slow")

    assert not groups.is_divided


def test_slow_links_alone_get_one_group() -> None:
    links = Links(1_000_000, 300_000, 300_000)
    links.go_on(10)
    links.groups.forget(0)

    groups = links.groups
    for step in range(round(4 / STEP) + 1):
        groups.update(MAXIMUM, True, links.now + step * STEP)
    assert not groups.is_divided


def test_forgotten_link_is_fast_when_it_comes_back() -> None:
    links = Links(1_000_000, 300_000)
    assert links.go_on(10) == {1}
    links.groups.forget(1)

    assert not links.groups.is_slow(1)
    assert not links.groups.is_divided


Estimates = st.integers(0, 2_000_000)


@given(st.lists(Estimates, min_size=1, max_size=8))
def test_steady_links_come_to_rest(estimates: list[int]) -> None:
    links = Links(*estimates)
    slow = links.go_on(10)

    assert links.go_on(60) == slow
    if slow:
        fast = [min(each, MAXIMUM) for link, each in enumerate(estimates) if link not in slow]
        assert min(fast) >= 1.25 * max(1, min(estimates))
        assert max(estimates[link] for link in slow) <= min(fast)


Actions = st.one_of(
    st.tuples(st.just("report"), st.integers(0, 4), Estimates, st.booleans()),
    st.tuples(st.just("forget"), st.integers(0, 4)),
    st.tuples(st.just("wait"), st.floats(0.01, 5.0)),
)


@given(st.lists(Actions, max_size=200))
def test_no_link_flaps_whatever_is_reported(actions: list[tuple[object, ...]]) -> None:
    groups = RateGroups()
    now = 0.0
    changed: dict[object, float] = {}
    was_slow: dict[object, bool] = {}
    for action in actions:
        match action:
            case ("report", link, int(estimate), bool(is_confirmed)):
                groups.report(link, estimate, is_confirmed)
            case ("forget", link):
                groups.forget(link)
                assert not groups.is_slow(link)
                changed.pop(link, None)
                was_slow.pop(link, None)
            case ("wait", float(seconds)):
                now += seconds
        groups.update(MAXIMUM, True, now)
        slow = [link for link in range(5) if groups.is_slow(link)]
        assert groups.is_divided == bool(slow)
        for link in range(5):
            is_slow = link in slow
            if is_slow != was_slow.get(link, False):
                assert now - changed.get(link, -10.0) >= (1.0 if is_slow else 4.0)
                changed[link] = now
            was_slow[link] = is_slow


@given(st.permutations(range(5)))
def test_links_are_forgotten_in_any_order(order: list[int]) -> None:
    links = Links(200_000, 300_000, 1_000_000, 900_000, 1_000_000)
    assert links.go_on(10)
    for link in order:
        links.groups.forget(link)
        links.groups.update(MAXIMUM, True, links.now)

    assert not links.groups.is_divided
