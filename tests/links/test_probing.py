"""Probing: bursts of padding that test whether a link carries more."""

from __future__ import annotations

import itertools
import math

import pytest

from gst_signalling_sync.webrtc.bwe.probing import Probe, Probing

PACKET_BITS = 2500
DELAY = 0.05


def answer(probing: Probing, probe: Probe, rate: float = math.inf) -> float | None:
    """Have a link with a rate deliver a burst, and return the rate that was found."""
    found = None
    packets = max(probe.packets, math.ceil(probe.bits / PACKET_BITS))
    arrival = -math.inf
    for number in range(packets):
        sent = probe.began + number * PACKET_BITS / probe.rate
        arrival = max(sent + DELAY, arrival + PACKET_BITS / rate)
        found = probing.on_arrival(probe.number, sent, arrival, PACKET_BITS) or found
    return found


@pytest.mark.parametrize("estimate", [30e3, 100e3, 300e3, 3e6])
def test_link_that_bears_a_burst_is_found_at_any_rate(estimate: float) -> None:
    probing = Probing()
    probe = probing.due(estimate, 10e6, True, 0.0)

    assert probe is not None
    assert probe.rate == pytest.approx(3 * estimate)
    assert answer(probing, probe) == pytest.approx(3 * estimate, rel=0.05)


@pytest.mark.parametrize("estimate", [30e3, 300e3])
def test_link_that_bears_less_is_found_to_bear_what_it_does(estimate: float) -> None:
    probing = Probing()
    probe = probing.due(estimate, 10e6, True, 0.0)
    assert probe is not None

    assert answer(probing, probe, rate=2 * estimate) == pytest.approx(2 * estimate, rel=0.06)
    assert probing.due(2 * estimate, 10e6, True, 0.1) is None


def test_burst_that_was_borne_is_followed_by_the_next() -> None:
    probing = Probing()
    estimate, now = 30e3, 0.0
    bursts = 0
    while (probe := probing.due(estimate, 1e6, True, now)) is not None:
        bursts += 1
        now += 0.5
        found = answer(probing, probe)
        assert found is not None
        estimate = max(estimate, found)

    assert estimate > 0.95e6
    assert bursts <= 7


def test_burst_that_is_not_answered_is_given_up() -> None:
    probing = Probing()
    first = probing.due(300e3, 10e6, True, 0.0)

    assert first is not None
    assert probing.due(300e3, 10e6, True, 0.9) is None
    assert probing.due(300e3, 10e6, True, 1.1) is not None


def follow(probing: Probing, now: float, factor: float = 1.1) -> float:
    """Let time pass until a burst is sent, use its result, and return the time of the burst.

    Args:
        probing: The probing.
        now: The time from which on it may be sent.
        factor: Factor by which its result raises the estimate. Defaults to 1.1.
    """
    for step in range(1000):
        time = now + step / 10
        probe = probing.due(1e6, 10e6, True, time, is_limited_by_loss=True)
        if probe is not None:
            assert answer(probing, probe) is not None
            probing.raised(factor, time)
            return time
    raise AssertionError(f"nothing was tried within {time - now:g} s")


def settled() -> Probing:
    """The probing on a link whose capacity is known."""
    probing = Probing()
    probing.due(1e6, 1e6, True, 0.0)
    probing.stop()
    return probing


def test_link_that_loses_packets_after_a_burst_is_left_in_peace_for_longer_each_time() -> None:
    probing = settled()
    times = [follow(probing, 0.0)]
    for _ in range(5):
        probing.stop_for_losses(times[-1] + 1.0)
        times.append(follow(probing, times[-1] + 1.0))

    pauses = [after - before for before, after in itertools.pairwise(times)]
    assert pauses == pytest.approx([10, 20, 40, 60, 60], abs=0.2)


def test_link_that_bears_what_a_burst_showed_is_tried_again_as_before() -> None:
    probing = settled()
    times = [follow(probing, 0.0)]
    probing.stop_for_losses(times[0] + 1.0)
    for _ in range(3):
        times.append(follow(probing, times[-1] + 1.0))
        probing.stop()

    pauses = [after - before for before, after in itertools.pairwise(times)]
    assert pauses == pytest.approx([10, 10, 5], abs=0.2)


def test_nothing_is_tried_beyond_what_is_needed() -> None:
    probing = Probing()

    assert probing.due(300e3, 300e3, True, 0.0) is None
    probe = probing.due(300e3, 400e3, True, 1.0)
    assert probe is not None
    assert probe.rate == pytest.approx(480e3)


def test_burst_that_shows_much_more_is_followed_soon() -> None:
    probing = settled()
    times = [follow(probing, 0.0, factor=2.0)]
    for factor in (1.5, 1.3, 1.2, 1.1):
        # The link seemed to show its limit.
        probing.stop()
        times.append(follow(probing, times[-1] + 0.1, factor))

    pauses = [after - before for before, after in itertools.pairwise(times)]
    assert pauses == pytest.approx([1.0, 1.0, 1.0, 5.0], abs=0.2)
