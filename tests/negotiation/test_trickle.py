"""`Trickle`: candidates are sent after the description that they belong to, each once. No network and no clock."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gst_signalling_sync.webrtc.trickle import Trickle

END = ("", 0)


@pytest.fixture
def sent() -> list[tuple[str, int]]:
    return []


@pytest.fixture
def trickle(sent: list[tuple[str, int]]) -> Trickle:
    return Trickle(lambda *candidate: sent.append(candidate), {"video": 0, "data": 1}.get)


def test_candidate_waits_for_the_description(trickle: Trickle, sent: list[tuple[str, int]]) -> None:
    trickle.on_candidate("data", "host")
    assert sent == []

    trickle.release(is_gathering=True)

    assert sent == [("host", 1)]


def test_candidate_that_is_found_later_is_sent_at_once(trickle: Trickle, sent: list[tuple[str, int]]) -> None:
    trickle.release(is_gathering=True)

    trickle.on_candidate("video", "relay")
    trickle.on_gathered()

    assert sent == [("relay", 0), END]


def test_candidate_of_the_description_is_not_sent_again(trickle: Trickle, sent: list[tuple[str, int]]) -> None:
    trickle.on_candidate("data", "first")
    trickle.on_candidate("data", "second")

    trickle.leave_out("a=candidate:first\r\n")
    trickle.release(is_gathering=True)

    assert sent == [("second", 1)]


def test_end_follows_candidates_that_waited_for_the_description(trickle: Trickle, sent: list[tuple[str, int]]) -> None:
    trickle.on_candidate("data", "host")
    trickle.on_gathered()

    trickle.release(is_gathering=False)

    assert sent == [("host", 1), END]


def test_candidate_of_a_section_that_the_peer_does_not_know_is_dropped(
    trickle: Trickle, sent: list[tuple[str, int]]
) -> None:
    trickle.release(is_gathering=True)

    trickle.on_candidate("audio", "host")

    assert sent == []


def test_candidates_wait_for_the_next_description_too(trickle: Trickle, sent: list[tuple[str, int]]) -> None:
    trickle.release(is_gathering=True)

    trickle.hold()
    trickle.on_candidate("data", "host")
    assert sent == []

    trickle.release(is_gathering=True)
    assert sent == [("host", 1)]


class Trickling(RuleBasedStateMachine):
    """Candidates that are found at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[str] = []
        self.found: list[str] = []
        self.is_held = True
        self.trickle = Trickle(lambda candidate, index: self.sent.append(candidate), lambda mid: 0)

    @rule(count=st.integers(1, 3))
    def find(self, count: int) -> None:
        for _ in range(count):
            self.found.append(f"candidate {len(self.found)}")
            self.trickle.on_candidate("data", self.found[-1])

    @rule()
    def hold(self) -> None:
        self.trickle.hold()
        self.is_held = True

    @rule()
    def release(self) -> None:
        self.trickle.release(is_gathering=True)
        self.is_held = False

    @invariant()
    def each_is_sent_once_and_in_order(self) -> None:
        assert self.sent == self.found[: len(self.sent)]
        assert self.is_held or self.sent == self.found


TestTrickling = Trickling.TestCase
