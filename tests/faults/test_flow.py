"""What counts as a gap of a `Flow`."""

from __future__ import annotations

import pytest

from .flow import Flow


def flow(sent: list[float], arrived: list[float]) -> Flow:
    flow = Flow(period=0.1)
    flow.sent, flow.arrived = sent, arrived
    return flow


def test_each_arrives_before_the_next_is_sent() -> None:
    assert flow([0.0, 0.1, 0.2], [0.01, 0.11, 0.21]).longest_gap == pytest.approx(0.1)


def test_what_arrives_late_is_a_gap() -> None:
    assert flow([0.0, 0.1, 0.2, 0.3, 0.4], [0.01, 0.41, 0.41, 0.41, 0.42]).longest_gap == pytest.approx(0.4)


def test_what_is_lost_is_a_gap() -> None:
    assert flow([0.0, 0.1, 0.2, 0.3], [0.01, 0.31]).longest_gap == pytest.approx(0.3)


def test_a_sender_that_had_no_time_is_no_gap() -> None:
    assert flow([0.0, 5.0, 5.0, 5.0, 5.1], [0.01, 5.01, 5.01, 5.01, 5.11]).longest_gap == pytest.approx(0.1)


def test_a_flow_that_has_ended_is_a_gap() -> None:
    assert flow([0.0, 0.1, 0.2, 0.3], [0.01]).longest_gap == pytest.approx(0.3)
