"""The effect of a simulated link on packets, in simulated time."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gst_signalling_sync.testing import LinkProfile, SimulatedLink

PACKET = 1250
BITS = PACKET * 8


def arrivals(profile: LinkProfile, seconds: float, rate: float, seed: int = 1) -> list[tuple[float, float | None]]:
    """Send packets at a rate in bit/s. Returns when each was sent, and when it arrived."""
    link = SimulatedLink(profile, seed)
    times = [number * BITS / rate for number in range(int(seconds * rate / BITS))]
    return [(time, link.send(PACKET, time)) for time in times]


def received(profile: LinkProfile, seconds: float, rate: float) -> float:
    """The bitrate that is delivered, in bit/s."""
    return sum(BITS for _, arrival in arrivals(profile, seconds, rate) if arrival is not None) / seconds


def test_link_without_limits_only_delays() -> None:
    assert {round(arrival - sent, 9) for sent, arrival in arrivals(LinkProfile(delay=0.05), 1, 1e6) if arrival} == {
        0.05
    }


@pytest.mark.parametrize("policed", [False, True])
def test_no_more_than_its_rate_comes_through(policed: bool) -> None:
    profile = LinkProfile(rate=800_000, policed=policed)

    assert received(profile, 60, 3e6) == pytest.approx(800_000, rel=0.02)
    assert received(profile, 60, 500_000) == pytest.approx(500_000, rel=0.01)


def test_queue_fills_until_packets_are_dropped() -> None:
    fates = arrivals(LinkProfile(rate=1e6, queue=0.2), 10, 2e6)
    delays = [arrival - sent for sent, arrival in fates if arrival is not None]

    assert delays[0] == pytest.approx(BITS / 1e6)
    assert max(delays) == pytest.approx(0.2 + BITS / 1e6, abs=0.011)
    assert fates[-1][1] is None or fates[-2][1] is None


def test_policed_link_never_delays() -> None:
    fates = arrivals(LinkProfile(rate=1e6, queue=0.1, policed=True), 10, 2e6)

    assert {arrival - sent for sent, arrival in fates if arrival is not None} == {0.0}


def test_share_of_packets_is_lost() -> None:
    fates = arrivals(LinkProfile(loss=0.1), 60, 5e6)

    assert sum(arrival is None for _, arrival in fates) / len(fates) == pytest.approx(0.1, abs=0.01)


def test_bursts_lose_all_packets_for_a_while() -> None:
    fates = arrivals(LinkProfile(burst_every=3.0, burst_seconds=0.3), 300, 1e6)
    lost = sum(arrival is None for _, arrival in fates)
    runs = sum(after is None and before is not None for (_, before), (_, after) in itertools.pairwise(fates))

    assert lost / len(fates) == pytest.approx(0.3 / 3.3, abs=0.03)
    assert lost / runs == pytest.approx(0.3 * 1e6 / BITS, rel=0.1)


def test_jitter_keeps_the_order() -> None:
    times = [arrival for _, arrival in arrivals(LinkProfile(delay=0.1, jitter=0.03), 10, 1e6) if arrival is not None]
    delays = [arrival - sent for sent, arrival in arrivals(LinkProfile(delay=0.1, jitter=0.03), 10, 1e6) if arrival]

    assert times == sorted(times)
    assert min(delays) < 0.09
    assert max(delays) == pytest.approx(0.13, abs=0.005)


def test_some_packets_are_overtaken() -> None:
    times = [arrival for _, arrival in arrivals(LinkProfile(reordering=0.05), 10, 5e6) if arrival is not None]

    assert times != sorted(times)


def test_link_changes_over_time() -> None:
    fast, slow = LinkProfile(rate=3e6), LinkProfile(rate=500_000)
    profile = LinkProfile(rate=3e6, changes=((10.0, slow), (20.0, fast)))
    came = [arrival for _, arrival in arrivals(profile, 30, 4e6) if arrival is not None]

    for begin, rate in ((1.0, 3e6), (12.0, 500_000), (22.0, 3e6)):
        assert sum(BITS for time in came if begin <= time < begin + 7) / 7 == pytest.approx(rate, rel=0.03)


@given(seed=st.integers(0, 2**32), loss=st.floats(0, 1), jitter=st.floats(0, 0.1))
def test_same_seed_has_the_same_fate(seed: int, loss: float, jitter: float) -> None:
    profile = LinkProfile(rate=1e6, delay=0.1, jitter=jitter, loss=loss, reordering=0.1, burst_every=0.5)

    assert arrivals(profile, 1, 2e6, seed) == arrivals(profile, 1, 2e6, seed)


@pytest.mark.parametrize(
    ("name", "value"), [("rate", 0.0), ("loss", 1.1), ("reordering", -0.1), ("queue", -1.0), ("delay", -0.1)]
)
def test_profile_that_no_link_has_is_refused(name: str, value: float) -> None:
    given_alone: dict[str, Any] = {name: value}
    with pytest.raises(ValueError, match=name):
        LinkProfile(**given_alone)
