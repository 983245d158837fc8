"""A fleet that loses its server comes back, but not all clients at the same moment."""

from __future__ import annotations

import pytest

from benchmarks.fleet.run import expected_returns, run
from gst_signalling_sync import Retry
from gst_signalling_sync.protocol.backoff import DEFAULT_RETRY

from ..helpers.proofs import short_and_long

SECONDS = 10.0
OUTAGE = 2.0


@short_and_long("clients", 50, 500)
def test_fleet_that_is_cut_off_is_back_within_ten_seconds_as_the_same_peers(clients: int) -> None:
    fleet = run(clients, OUTAGE, 2 * SECONDS)

    assert len(fleet.returns) == clients
    assert fleet.returns[-1] < SECONDS
    assert fleet.resumed == clients
    if clients >= 500:
        # The clients come back over 1.75 s, and a quarter of them in the busiest window; without jitter all of them would.
        # With fewer clients, a machine that is busy with other tests lets too many come back at a time.
        assert fleet.busiest(0.25) < clients / 2


@pytest.mark.parametrize("outage", [0.0, 1.0, 3.0, 10.0, 60.0])
def test_fleet_is_spread_over_half_of_the_interval_before(outage: float) -> None:
    fleet = expected_returns(500, outage, DEFAULT_RETRY)

    assert fleet[-1] < DEFAULT_RETRY.maximum
    spread = fleet[-1] - fleet[0]
    assert spread > 0.4 * min(DEFAULT_RETRY.maximum, max(DEFAULT_RETRY.first, outage / 2))
    assert len({round(seconds, 3) for seconds in expected_returns(500, outage, Retry(jitter=0.0))}) == 1
