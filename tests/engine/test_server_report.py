from __future__ import annotations

import pytest

from gst_signalling_sync.webrtc.engine.server_report import ServerReport


@pytest.mark.parametrize(
    ("candidates", "problems", "is_done", "expected"),
    [
        (["relay 192.0.2.1:1", "relay 192.0.2.1:2"], ["no answer"], True, "relay 192.0.2.1:1, relay 192.0.2.1:2"),
        ([], ["401 Unauthorized", "no answer", "no answer"], True, "401 Unauthorized; no answer"),
        ([], [], True, "not asked: this machine has no address that leads there"),
    ],
    ids=["candidates", "problems", "not asked"],
)
def test_outcome_is_what_came_of_it(candidates: list[str], problems: list[str], is_done: bool, expected: str) -> None:
    report = ServerReport("stun:192.0.2.1", 0.0, candidates, problems, is_done=is_done)

    assert report.outcome == expected


def test_outcome_of_a_silent_server_is_how_long_it_has_been_asked() -> None:
    assert ServerReport("stun:192.0.2.1", 0.0).outcome.startswith("no answer for ")
