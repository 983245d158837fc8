"""`RemoteClock`: capture times from RTCP sender reports and RTP timestamps (RFC 3550 section 6.4.1)."""

from __future__ import annotations

import pytest

from gst_signalling_sync.webrtc.media.receiving.remote_clock import RemoteClock
from gst_signalling_sync.webrtc.media.receiving.timeline import Timeline

RATE = 90000
WRAP = 1 << 32
UNIX_EPOCH_IN_NTP = 2_208_988_800


def ntp(seconds: float) -> int:
    """The NTP timestamp of Unix time in seconds."""
    return int((seconds + UNIX_EPOCH_IN_NTP) * WRAP)


@pytest.fixture
def clock() -> RemoteClock:
    return RemoteClock(RATE)


@pytest.fixture
def timeline() -> Timeline:
    return Timeline(RATE)


def test_clock_knows_no_time_before_the_first_report(clock: RemoteClock) -> None:
    assert clock.seconds(0) is None


def test_clock_tells_time_around_a_report(clock: RemoteClock) -> None:
    clock.add_report(1000, ntp(1_700_000_000.25))

    assert clock.seconds(1000) == pytest.approx(1_700_000_000.25, abs=1e-6)
    assert clock.seconds(1000 + RATE) == pytest.approx(1_700_000_001.25, abs=1e-6)
    assert clock.seconds(1000 - RATE // 2) == pytest.approx(1_699_999_999.75, abs=1e-6)


def test_newest_report_counts(clock: RemoteClock) -> None:
    clock.add_report(0, ntp(100.0))
    clock.add_report(RATE, ntp(101.02))

    assert clock.seconds(2 * RATE) == pytest.approx(102.02)


def test_sender_without_a_clock_reports_nothing(clock: RemoteClock) -> None:
    clock.add_report(0, 0)

    assert clock.seconds(0) is None


def test_single_implausible_report_is_ignored(clock: RemoteClock) -> None:
    clock.add_report(0, ntp(100.0))
    clock.add_report(RATE, ntp(5000.0))
    clock.add_report(2 * RATE, ntp(102.0))

    assert clock.seconds(3 * RATE) == pytest.approx(103.0)


def test_clock_that_was_set_is_believed_with_the_second_report(clock: RemoteClock) -> None:
    clock.add_report(0, ntp(100.0))
    clock.add_report(RATE, ntp(5001.0))
    clock.add_report(2 * RATE, ntp(5002.0))

    assert clock.seconds(3 * RATE) == pytest.approx(5003.0)


@pytest.mark.parametrize("timestamp", [-WRAP, 0, WRAP])
@pytest.mark.parametrize("wild", [1, WRAP - 1, 1 << 63, (1 << 64) - 1])
def test_no_report_breaks_anything(clock: RemoteClock, timestamp: int, wild: int) -> None:
    clock.add_report(timestamp, wild)
    clock.add_report(-timestamp, wild ^ (1 << 40))

    assert isinstance(clock.seconds(timestamp), float)


def test_time_goes_on_in_2036(clock: RemoteClock) -> None:
    end_of_era = WRAP - UNIX_EPOCH_IN_NTP
    clock.add_report(0, ntp(end_of_era - 1))
    clock.add_report(2 * RATE, ntp(end_of_era + 1) % (1 << 64))

    assert clock.seconds(2 * RATE) == pytest.approx(end_of_era + 1)


def test_another_clock_rate_needs_another_report(clock: RemoteClock) -> None:
    clock.add_report(0, ntp(100.0))

    clock.restart(8000)

    assert clock.seconds(0) is None
    clock.add_report(0, ntp(100.0))
    assert clock.seconds(8000) == pytest.approx(101.0)


def test_timeline_counts_on_where_timestamps_wrap(timeline: Timeline) -> None:
    assert timeline.advance(WRAP - 100, 0.0) == WRAP - 100
    assert timeline.advance(2900, 1 / 30) == WRAP + 2900


def test_timeline_places_a_report_before_and_after_the_last_frame(timeline: Timeline) -> None:
    timeline.advance(WRAP - 100, 0.0)
    timeline.advance(100, 0.01)

    assert timeline.place(WRAP - 50) == WRAP - 50
    assert timeline.place(200) == WRAP + 200


def test_timeline_follows_the_time_where_timestamps_jump(timeline: Timeline) -> None:
    before = timeline.advance(1000, 10.0)
    after = timeline.advance(500_000_000, 12.0)

    assert after == before + 2 * RATE
    assert timeline.place(500_000_000 + 3000) == after + 3000
    assert timeline.advance(500_000_000 + 3000, 12.03) == after + 3000


def test_timeline_follows_the_time_where_another_stream_begins(timeline: Timeline) -> None:
    before = timeline.advance(1000, 10.0)
    timeline.restart(RATE)

    assert timeline.advance(2000, 13.0) == before + 3 * RATE


def test_clock_keeps_the_time_of_a_stream_that_restarts(clock: RemoteClock, timeline: Timeline) -> None:
    first = timeline.advance(1000, 10.0)
    clock.add_report(timeline.place(1000), ntp(500.0))
    timeline.restart(RATE)
    second = timeline.advance(123_456_789, 12.0)

    assert clock.seconds(first) == pytest.approx(500.0)
    assert clock.seconds(second) == pytest.approx(502.0)
    clock.add_report(timeline.place(123_456_789), ntp(502.01))
    assert clock.seconds(second) == pytest.approx(502.01)
