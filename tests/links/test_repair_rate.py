"""The share of a link that retransmissions take."""

from __future__ import annotations

import pytest

from gst_signalling_sync.webrtc.bwe.repair_rate import RepairRate


def test_nothing_is_taken_where_nothing_is_lost() -> None:
    assert RepairRate().rate(5.0) == 0.0


@pytest.mark.parametrize("rate", [10_000, 100_000, 1_000_000])
def test_steady_repairs_are_told_by_their_rate(rate: float) -> None:
    repairs = RepairRate()
    interval = 10_000 / rate
    for number in range(round(10 / interval)):
        repairs.add(10_000, number * interval)

    assert repairs.rate(10.0) == pytest.approx(rate, rel=0.1 if rate > 10_000 else 0.5)


def test_burst_is_forgotten_within_seconds() -> None:
    repairs = RepairRate()
    for _ in range(10):
        repairs.add(10_000, 1.0)

    assert repairs.rate(1.0) == 100_000
    assert repairs.rate(2.0) == pytest.approx(36_800, rel=0.01)
    assert repairs.rate(6.0) < 1_000


def test_repairs_have_a_share_of_the_link() -> None:
    repairs = RepairRate()
    repairs.add(30_000, 1.0)

    assert repairs.has_room(100_000, is_obsolete=False, now=1.0)
    assert not repairs.has_room(80_000, is_obsolete=False, now=1.0)
    # A second later there is room again.
    assert repairs.has_room(80_000, is_obsolete=False, now=2.0)


def test_packets_before_a_keyframe_have_a_small_share() -> None:
    repairs = RepairRate()
    repairs.add(30_000, 1.0)

    assert not repairs.has_room(200_000, is_obsolete=True, now=1.0)
    assert repairs.has_room(400_000, is_obsolete=True, now=1.0)


def test_frames_have_most_of_the_link() -> None:
    repairs = RepairRate()
    assert repairs.rest(500_000, 0.0) == 500_000

    repairs.add(100_000, 1.0)
    assert repairs.rest(500_000, 1.0) == 400_000
    repairs.add(900_000, 1.0)
    assert repairs.rest(500_000, 1.0) == pytest.approx(0.65 * 500_000)
