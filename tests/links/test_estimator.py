"""The send-side estimator over simulated links, in simulated time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from benchmarks.links.profiles import PROFILES
from gst_signalling_sync.testing import LinkProfile
from gst_signalling_sync.webrtc.bwe.arrival_recorder import ArrivalRecorder
from gst_signalling_sync.webrtc.bwe.estimator import START_RATE, SendSideEstimator
from gst_signalling_sync.webrtc.bwe.pacer import Pacer

from ..helpers.proofs import short_and_long
from .flow import Flow


def rate_of(profile: LinkProfile) -> float:
    """The rate of a limited link, in bit/s."""
    assert profile.rate is not None
    return profile.rate


MINUTE = 60.0
HOUR = 3600.0

durations = short_and_long("seconds", MINUTE, HOUR, timeout=900)


@durations
@pytest.mark.parametrize("name", ["300 kbit/s", "800 kbit/s", "2 Mbit/s"])
def test_estimate_is_near_the_rate_of_a_steady_link(name: str, seconds: float) -> None:
    profile = PROFILES[name]
    flow = Flow(profile).run(seconds)

    assert flow.share_within(rate_of(profile), 0.15, 10) > 0.99
    assert flow.delay(5, 0.95) < 0.15
    assert flow.link.dropped < 0.001 * flow.link.passed


@durations
def test_policed_link_is_used_without_many_losses(seconds: float) -> None:
    profile = PROFILES["1 Mbit/s policed"]
    flow = Flow(profile).run(seconds)

    assert flow.mean(10, seconds) == pytest.approx(rate_of(profile), rel=0.15)
    assert flow.share_within(rate_of(profile), 0.15, 10) > 0.9
    assert flow.link.dropped < 0.06 * flow.link.passed


@durations
@pytest.mark.parametrize("name", ["2 % loss", "5 % loss", "10 % loss"])
def test_losses_that_are_the_links_own_do_not_slow_it_down(name: str, seconds: float) -> None:
    profile = PROFILES[name]
    flow = Flow(profile).run(seconds)

    assert flow.mean(15, seconds) == pytest.approx(rate_of(profile), rel=0.15)
    assert flow.share_within(rate_of(profile), 0.25, 15) > 0.95


@durations
@pytest.mark.parametrize("name", ["bursts of 300 ms", "100 +- 30 ms"])
def test_outages_and_jitter_do_not_slow_a_link_down(name: str, seconds: float) -> None:
    profile = PROFILES[name]
    flow = Flow(profile).run(seconds)

    assert flow.mean(20, seconds) == pytest.approx(rate_of(profile), rel=0.15)
    assert flow.share_within(rate_of(profile), 0.25, 20) > 0.95


@durations
def test_link_that_becomes_thin_and_wide_again_is_followed_each_time(seconds: float) -> None:
    profile = PROFILES["3-0.5-3 Mbit/s"]
    (_, thin), (period, wide) = profile.changes
    rounds = int(seconds / 2 / period)
    changes = [each for i in range(rounds) for each in ((2 * period * i, wide), (2 * period * i + period, thin))]
    flow = Flow(replace(profile, changes=tuple(changes))).run(2 * period * rounds)

    for begin, link in changes:
        assert flow.mean(begin + period / 2, begin + period) == pytest.approx(rate_of(link), rel=0.2), begin
    # In one phase in fifty the queue may be nearly full for longer.
    full = [begin for begin, _ in changes if flow.delay(begin + 2, 0.95, begin + period) >= 0.2]
    assert len(full) <= 0.02 * len(changes), full


@pytest.mark.parametrize("seed", [1, 2, 4, 5])
def test_collapse_is_found_in_one_step(seed: int) -> None:
    thin = LinkProfile(rate=500e3, queue=0.2, delay=0.02)
    link = LinkProfile(rate=3e6, queue=0.2, delay=0.02, changes=((10.0, thin),))
    flow = Flow(link, maximum=2.7e6, seed=seed).run(12.0)

    # The throughput of half a second is still high; that of the last moments alone tells what the link carries now.
    assert next(time for time, bitrate in flow.estimates if time > 10.0 and bitrate < 600e3) < 10.5


@pytest.mark.parametrize("fps", [30, 10, 5])
def test_estimate_is_back_within_seconds_after_a_link_was_all_but_gone(fps: float) -> None:
    gone, back = LinkProfile(rate=40e3, queue=0.2, delay=0.02), LinkProfile(rate=800e3, queue=0.2, delay=0.02)
    flow = Flow(LinkProfile(rate=800e3, queue=0.2, delay=0.02, changes=((10.0, gone), (20.0, back))), fps=fps)
    flow.run(MINUTE)

    assert flow.mean(17, 20) < 100e3
    assert flow.mean(30, MINUTE) > 0.8 * 800e3


def test_wide_link_is_sharp_within_two_seconds() -> None:
    flow = Flow(LinkProfile(rate=5e6, delay=0.02)).run(3.0)

    assert flow.mean(2.0, 3.0) > 2e6


def test_start_does_not_overflow_a_thin_link() -> None:
    flow = Flow(LinkProfile(rate=300e3, queue=0.2, delay=0.02)).run(5.0)

    assert flow.link.dropped == 0
    assert flow.delay(0, 1.0) < 0.25


@pytest.mark.parametrize("rate", [2e6, 5e6])
def test_source_that_needs_little_has_all_of_it(rate: float) -> None:
    flow = Flow(LinkProfile(rate=rate, delay=0.02), maximum=740e3).run(30.0)

    assert flow.mean(2, 30) == pytest.approx(740e3, rel=0.05)


class _Receiver(ArrivalRecorder):
    """A receiver with a clock of its own.

    Args:
        clock: Seconds on its clock, by the simulated time.
    """

    def __init__(self, clock: Callable[[float], float]) -> None:
        super().__init__()
        self._clock = clock

    def add(self, sequence_number: int, now: float) -> None:
        super().add(sequence_number, self._clock(now))


WRAPS_AFTER = (1 << 24) * 0.064
"""Seconds after which the reference time of feedback wraps: 12 days."""


@pytest.mark.parametrize("started", [WRAPS_AFTER - 10, 5 * WRAPS_AFTER - 10])
def test_reference_time_of_feedback_wraps(started: float) -> None:
    profile = PROFILES["2 Mbit/s"]
    flow = Flow(profile)
    flow.recorder = _Receiver(lambda now: started + now)
    flow.run(30.0)

    assert flow.share_within(rate_of(profile), 0.15, 8) > 0.99


@pytest.mark.parametrize("seconds", [-3600.0, -WRAPS_AFTER / 4, 3600.0])
def test_receiver_whose_clock_is_set_is_followed(seconds: float) -> None:
    profile = PROFILES["2 Mbit/s"]
    flow = Flow(profile)
    flow.recorder = _Receiver(lambda now: 2 * WRAPS_AFTER + now + (seconds if now > 15 else 0.0))
    flow.run(40.0)

    assert flow.share_within(rate_of(profile), 0.15, 8) > 0.95
    assert flow.delay(20, 0.95) < 0.15


@pytest.mark.parametrize("drift", [200e-6, -200e-6])
def test_clocks_that_drift_apart_are_no_queue(drift: float) -> None:
    profile = PROFILES["2 Mbit/s"]
    flow = Flow(profile)
    flow.recorder = _Receiver(lambda now: 1e6 + now * (1 + drift))
    flow.run(60.0)

    assert flow.share_within(rate_of(profile), 0.15, 8) > 0.99


def test_nothing_is_known_without_feedback() -> None:
    estimator = SendSideEstimator()
    for number in range(50):
        estimator.on_sent(number, 1200, number / 100)

    assert estimator.bitrate == START_RATE
    assert not estimator.has_feedback
    assert not estimator.is_confirmed


# Pacing


def test_packets_are_spread_at_twice_the_rate() -> None:
    pacer = Pacer()
    pacer.pace(1e6)
    now = 0.0
    for _ in range(1000):
        while wait := pacer.wait(now):
            now += wait
        pacer.sent(10_000, now)

    assert now == pytest.approx(1000 * 10_000 / 2e6, rel=0.01)


def test_frame_of_usual_size_leaves_at_once_and_a_keyframe_does_not() -> None:
    pacer = Pacer()
    pacer.pace(1e6)
    pacer.sent(9_600, 0.0)
    for _ in range(3):
        assert pacer.wait(0.0) == 0.0
        pacer.sent(9_600, 0.0)
    for _ in range(10):
        pacer.sent(9_600, 0.0)

    assert pacer.wait(0.0) == pytest.approx(14 * 9_600 / 2e6 - 0.02)


def test_nothing_waits_before_the_rate_is_known() -> None:
    pacer = Pacer()
    for _ in range(100):
        assert pacer.wait(0.0) == 0.0
        pacer.sent(10_000, 0.0)
