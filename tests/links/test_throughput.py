"""The measurement of throughput, also from few packets."""

from __future__ import annotations

import pytest

from gst_signalling_sync.webrtc.bwe.throughput import Throughput

BITS = 10_000


def throughput(*times: float) -> Throughput:
    """The throughput of packets of `BITS` that arrived at some times."""
    known = Throughput()
    for time in times:
        known.add(time, BITS)
    return known


def test_rate_is_that_of_the_last_half_second() -> None:
    slow = [number / 10 for number in range(50)]
    fast = [5 + number / 100 for number in range(100)]

    assert throughput(*slow, *fast).rate == pytest.approx(100 * BITS, rel=0.03)


def test_recent_rate_is_that_of_a_shorter_time() -> None:
    before = [number / 100 for number in range(100)]
    known = throughput(*before, *(1 + number / 400 for number in range(60)))

    assert known.recent_rate == pytest.approx(400 * BITS, rel=0.03)
    assert known.rate is not None
    assert known.rate < 300 * BITS


@pytest.mark.parametrize("per_second", [5, 10, 20])
def test_slow_flow_is_told_by_its_last_packets(per_second: int) -> None:
    known = throughput(*(number / per_second for number in range(30)))

    assert known.rate == pytest.approx(per_second * BITS, rel=0.03)
    assert known.recent_rate == pytest.approx(per_second * BITS, rel=0.03)


@pytest.mark.parametrize("times", [(), (1.0,), tuple(number / 2 for number in range(30)), (1.0,) * 30])
def test_too_little_is_known(times: tuple[float, ...]) -> None:
    known = throughput(*times)

    assert known.rate is None
    assert known.recent_rate is None


def test_receiver_whose_clock_goes_back_takes_no_more_memory() -> None:
    known = throughput(*(3600 + number / 1000 for number in range(1000)), *(number / 1000 for number in range(100_000)))

    assert len(known) <= 8192


def test_receiver_whose_clock_stands_still_tells_nothing() -> None:
    assert throughput(*[5.0] * 100_000).rate is None


def test_outage_is_told_from_a_link_that_has_become_slow() -> None:
    slow, broken = Throughput(), Throughput()
    for number in range(100):
        slow.add(number / 100, 9600)
        broken.add(number / 100, 9600)
    for number in range(4):
        slow.add(1.0 + number / 50, 9600)
        broken.add(1.3 + number / 100, 9600)

    assert not slow.was_interrupted
    assert broken.was_interrupted
    assert not Throughput().was_interrupted
