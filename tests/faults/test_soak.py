"""The soak of the benchmarks: a part breaks every few seconds, and afterwards no message, thread or descriptor is amiss."""

from __future__ import annotations

import pytest

from benchmarks.soak.messages import account
from benchmarks.soak.run import run

from ..helpers.proofs import short_and_long

pytestmark = pytest.mark.slow

WARM_UP_SHARE = 0.2


@pytest.mark.alone
@short_and_long("minutes", 0.5, 10.0)
def test_nothing_is_lost_or_left(minutes: float) -> None:
    result = run(minutes, minutes * WARM_UP_SHARE, minutes * 6, print) if minutes < 1 else run(minutes, 2.0, 5.0, print)

    assert sum(result.faults.values()) >= 5
    assert result.messages.lost == []
    assert result.left == []
    assert result.visits > 0
    assert abs(result.offset_at_end) < 0.08


def test_message_that_no_robot_wrote_down_is_lost_unless_one_was_killed_with_it() -> None:
    result = account(sent=[0.0, 1.0, 2.0, 2.4, 3.0], taken=[0, 0, 4], kills=[2.45])

    assert (result.sent, result.twice, result.in_hand, result.lost) == (5, 1, 2, [1])
