"""`DrainPlan`: how long a session waits before it ends. No connection and no clock."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gst_signalling_sync.webrtc.drain import CLOSING_SECONDS, DrainPlan, DrainStep

WAIT, CLOSE, END = DrainStep.WAIT, DrainStep.CLOSE, DrainStep.END


def step(
    plan: DrainPlan,
    remaining: float,
    *,
    is_connected: bool = True,
    is_acknowledged: bool = False,
    is_closed: bool = False,
) -> DrainStep:
    return plan.next(remaining, is_connected=is_connected, is_acknowledged=is_acknowledged, is_closed=is_closed)


@pytest.mark.parametrize(
    ("remaining", "is_connected", "is_acknowledged", "expected"),
    [
        (10.0, True, False, WAIT),
        (10.0, True, True, CLOSE),
        (0.0, True, False, CLOSE),
        (10.0, False, False, END),
        (10.0, False, True, END),
        (0.0, False, False, END),
    ],
)
def test_first_step(remaining: float, is_connected: bool, is_acknowledged: bool, expected: DrainStep) -> None:
    plan = DrainPlan()

    assert step(plan, remaining, is_connected=is_connected, is_acknowledged=is_acknowledged) is expected


def test_channels_are_closed_once_everything_is_acknowledged_and_their_end_is_waited_for() -> None:
    plan = DrainPlan()

    assert step(plan, 10.0) is WAIT
    assert step(plan, 9.5, is_acknowledged=True) is CLOSE
    assert step(plan, 9.4, is_acknowledged=True) is WAIT
    assert step(plan, 9.3, is_acknowledged=True, is_closed=True) is END


def test_peer_that_closes_no_channels_is_not_waited_for_long() -> None:
    plan = DrainPlan()

    assert step(plan, 10.0, is_acknowledged=True) is CLOSE
    assert step(plan, 10.0 - CLOSING_SECONDS + 0.1, is_acknowledged=True) is WAIT
    assert step(plan, 10.0 - CLOSING_SECONDS, is_acknowledged=True) is END


def test_end_of_the_channels_is_waited_for_without_a_connection_too() -> None:
    plan = DrainPlan()

    assert step(plan, 10.0, is_acknowledged=True) is CLOSE
    assert step(plan, 9.0, is_connected=False, is_acknowledged=True) is WAIT


def test_deadline_ends_the_wait_for_the_channels() -> None:
    plan = DrainPlan()

    assert step(plan, 1.0, is_acknowledged=True) is CLOSE
    assert step(plan, 0.1, is_acknowledged=True) is WAIT
    assert step(plan, 0.0, is_acknowledged=True) is END


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans(), st.booleans(), st.booleans())))
def test_channels_are_closed_at_most_once_and_nothing_lasts_beyond_the_deadline(
    history: list[tuple[float, bool, bool, bool]],
) -> None:
    plan, remaining, steps = DrainPlan(), 5.0, list[DrainStep]()
    for seconds, is_connected, is_acknowledged, is_closed in history:
        remaining = max(0.0, remaining - seconds)
        steps.append(
            step(
                plan,
                remaining,
                is_connected=is_connected,
                is_acknowledged=is_acknowledged,
                is_closed=is_closed,
            )
        )

    assert steps.count(CLOSE) <= 1
    assert step(plan, 0.0) is not WAIT
