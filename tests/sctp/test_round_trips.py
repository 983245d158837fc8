"""The retransmission timeout (RFC 9260 section 6.3)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gst_signalling_sync.webrtc.sctp import Settings
from gst_signalling_sync.webrtc.sctp.round_trips import RoundTrips

SETTINGS = Settings(initial_rto=0.5, min_rto=0.1, max_rto=60.0, max_backoff=1.0)


def measured(*seconds: float) -> RoundTrips:
    """Round trips after some measurements."""
    round_trips = RoundTrips(SETTINGS)
    for each in seconds:
        round_trips.measured(each)
    return round_trips


def test_timeout_before_the_first_measurement_is_the_initial_one() -> None:
    round_trips = measured()

    assert round_trips.smoothed is None
    assert round_trips.timeout == 0.5


def test_first_measurement_sets_the_timeout_to_three_round_trips() -> None:
    round_trips = measured(0.2)

    assert round_trips.smoothed == 0.2
    assert round_trips.timeout == pytest.approx(0.2 + 4 * 0.1)


def test_steady_round_trip_brings_the_timeout_to_its_minimum() -> None:
    assert measured(*[0.02] * 50).timeout == 0.1


def test_varying_round_trip_lengthens_the_timeout() -> None:
    assert measured(*[0.1, 0.3] * 20).timeout > measured(*[0.2] * 40).timeout


def test_shortest_round_trip_is_kept() -> None:
    assert measured(0.3, 0.1, 0.2).minimum == 0.1


def test_timeouts_in_a_row_double_up_to_a_maximum() -> None:
    round_trips = measured(0.1, *[0.1] * 50)

    backed_off = [round_trips.backed_off(count) for count in range(6)]

    assert backed_off == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.0, 1.0], rel=0.01)


def test_thin_stream_backs_off_later() -> None:
    round_trips = measured(*[0.1] * 50)

    assert round_trips.backed_off(2, is_thin=True) == round_trips.timeout
    assert round_trips.backed_off(3, is_thin=True) == pytest.approx(2 * round_trips.timeout)


def test_timeout_longer_than_the_maximum_of_backing_off_is_kept() -> None:
    round_trips = measured(3.0)

    assert round_trips.backed_off(5) == round_trips.timeout > SETTINGS.max_backoff


@given(st.lists(st.floats(min_value=-1.0, max_value=100.0), min_size=1, max_size=50))
def test_timeout_is_within_its_bounds(seconds: list[float]) -> None:
    round_trips = measured(*seconds)

    assert SETTINGS.min_rto <= round_trips.timeout <= SETTINGS.max_rto
    assert round_trips.smoothed is not None
    assert 0.0 <= round_trips.smoothed <= 100.0
