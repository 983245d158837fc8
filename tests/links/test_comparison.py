"""What the benchmark of links calls a miss, and which runs count."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from benchmarks.links.comparison import medians, misses
from benchmarks.links.run import LinkResult

SLOW = "800 kbit/s"
FAST = "5 % loss"
OURS, FROM_SINK, TO_CHROMIUM, TO_SRC = (
    "a ours -> ours",
    "b webrtcsink -> ours",
    "c ours -> Chromium",
    "d ours -> webrtcsrc",
)
SINK, CHROMIUM = "e webrtcsink -> webrtcsrc", "f Chromium -> Chromium"


def result(pair: str, profile: str = SLOW, **fields: Any) -> LinkResult:
    good = LinkResult(profile, pair, 30.0, 700e3, 0.9, 0.05, 0.1, 0.1, 0.5, 0.6, ())
    return replace(good, **fields)


def test_median_is_of_each_figure() -> None:
    runs = [result(OURS, fps=fps, freeze=freeze) for fps, freeze in ((10.0, 0.3), (30.0, 0.1), (20.0, 0.9))]

    (found,) = medians(runs)

    assert (found.result.fps, found.result.freeze, found.runs, found.left_out) == (20.0, 0.3, 3, 0)


def test_runs_on_a_busy_machine_do_not_count() -> None:
    runs = [result(OURS, fps=fps, busy=busy) for fps, busy in ((5.0, 0.95), (30.0, 0.8), (28.0, 0.85), (6.0, 0.91))]

    (found,) = medians(runs)

    assert (found.result.fps, found.runs, found.left_out) == (29.0, 2, 2)


def test_if_all_were_busy_none_is_said_to_count() -> None:
    (found,) = medians([result(OURS, fps=fps, busy=0.95) for fps in (5.0, 30.0, 28.0)])

    assert (found.result.fps, found.runs, found.left_out) == (28.0, 0, 3)


def test_delay_that_no_run_knows_is_unknown() -> None:
    (found,) = medians([result(OURS, delay_p95=None), result(OURS, delay_p95=None)])

    assert found.result.delay_p95 is None


def test_medians_of_pairs_and_links_are_apart() -> None:
    found = medians([result(OURS), result(SINK), result(OURS, FAST), result(OURS)])

    assert [(each.result.profile, each.result.pair, each.runs) for each in found] == [
        (SLOW, OURS, 2),
        (SLOW, SINK, 1),
        (FAST, OURS, 1),
    ]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"fps": 25.5}, ""),
        ({"fps": 25.4}, "25.4 frames/s, at least 25.5 wanted"),
        ({"delay_p95": 0.114}, ""),
        ({"delay_p95": 0.117}, "p95 of the delay 117 ms, at most 115 wanted"),
        ({"delay_p95": None}, ""),
        ({"freeze": 0.32}, ""),
        ({"freeze": 0.33}, "frozen for 0.33 s, at most 0.33 wanted"),
        ({"usage": 0.8}, ""),
        ({"usage": 0.79}, "79 % of the link used, 80 wanted"),
    ],
)
def test_bounds(fields: dict[str, Any], said: str) -> None:
    found = misses([result(TO_SRC, **fields), result(SINK), result(CHROMIUM)])

    assert found == ([f"{SLOW}: {TO_SRC}: {said}"] if said else [])


def test_reference_is_the_better_one() -> None:
    worse: dict[str, Any] = {"fps": 20.0, "delay_p95": 0.5, "freeze": 0.7}
    ours: dict[str, Any] = {"fps": 24.0, "delay_p95": 0.2, "freeze": 0.5}

    for pair in (OURS, TO_CHROMIUM, TO_SRC):
        assert len(misses([result(pair, **ours), result(SINK, **worse), result(CHROMIUM)])) == 3
        assert len(misses([result(pair, **ours), result(SINK), result(CHROMIUM, **worse)])) == 3


def test_what_webrtcsink_sends_is_compared_with_what_webrtcsink_sends() -> None:
    worse: dict[str, Any] = {"fps": 20.0, "delay_p95": 0.5, "freeze": 0.7}

    assert misses([result(FROM_SINK, **worse), result(SINK, **worse), result(CHROMIUM)]) == []


def test_nobody_may_freeze_for_more_than_a_second() -> None:
    found = misses([result(FROM_SINK, freeze=1.01), result(SINK, freeze=3.0)])

    assert found == [f"{SLOW}: {FROM_SINK}: frozen for 1.01 s, at most 1.00 wanted"]


def test_wide_link_need_not_be_filled_and_the_other_links_references_do_not_count() -> None:
    found = misses([result(OURS, FAST, usage=0.1, fps=10.0), result(SINK, FAST, fps=11.0), result(SINK)])

    assert found == []
