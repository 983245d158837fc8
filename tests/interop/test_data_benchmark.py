"""The benchmark of data channels: every installed contestant does what the others do."""

from __future__ import annotations

import io
import struct
import sys
import threading
from dataclasses import replace

import pytest

from benchmarks.data.contestants import COMPARISONS, CONTESTANTS, Comparison, Contestant
from benchmarks.data.run import DataResult, Flow, run
from benchmarks.pacing import Pace, PacedMeasurement, Pacing
from benchmarks.workload import Measurement, Workload

from ..peers.require import require

LITTLE = Workload(warm_up=5, pings=100, flood_messages=200, bulk_messages=20)
PACE = Pace(sessions=3, hertz=50, seconds=0.5)


@pytest.mark.interop
@pytest.mark.slow
@pytest.mark.parametrize("contestant", CONTESTANTS, ids=lambda contestant: contestant.name)
def test_contestant_is_measured(contestant: Contestant) -> None:
    require(contestant.name, contestant.python(), ".ci/peers")
    flow = Flow("little", replace(PACE, seconds=1.0))

    result = run(1, LITTLE, PACE, [5.0], [flow], 5.0, (), (contestant.name,), lambda text: None)

    assert not [each for each in result.missing if contestant.name in each]
    assert len(result.rounds[contestant.name]) == 1
    assert result.paced[contestant.name][0].messages == 75
    lossy = result.lossy[5.0]["little"][contestant.name]
    assert lossy.messages == 150
    assert lossy.p50_ms >= 10.0
    for measured in (result.paced[contestant.name][0], lossy):
        assert measured.producer_cpu_us > 0
        assert measured.consumer_cpu_us > 0


def test_names_are_told_apart() -> None:
    names = [contestant.name for contestant in CONTESTANTS]

    assert not [(one, other) for one in names for other in names if one != other and one in other]
    assert {each.numerator for each in COMPARISONS} | {each.denominator for each in COMPARISONS} <= set(names)


def test_paced_messages_take_turns_and_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("go\n"))
    pacing = Pacing(Pace(sessions=2, hertz=1000, seconds=0.01))
    sent: list[tuple[str, int]] = []

    def sender(session: str) -> object:
        def send(message: bytes) -> None:
            sent.append((session, *struct.unpack_from("!Q", message)))
            threading.Thread(target=pacing.take, args=(message,)).start()

        return send

    measured = pacing.send_all([sender("a"), sender("b")])  # type: ignore[list-item]

    assert sent == [("ab"[number % 2], number) for number in range(20)]
    assert measured.messages == 20
    assert 0 < measured.p50_ms <= measured.p99_ms


def test_ratio_is_that_of_medians() -> None:
    result = DataResult("none")
    for name, values in (("a", (1.0, 9.0, 2.0)), ("b", (4.0, 4.0, 4.0))):
        result.rounds[name] = [Measurement(value, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0) for value in values]
    result.paced["a"] = [PacedMeasurement(1, 1.0, 1.0, 1.0, 30.0, 1.0)]

    assert result.ratio(Comparison("first_message_ms", "a", "b")) == 0.5
    assert result.ratio(Comparison("paced_producer_cpu_us", "a", "b")) is None
    assert result.median("a", "paced_producer_cpu_us") == 30.0
