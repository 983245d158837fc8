"""The decisions of a keepalive in simulated time: when a silent connection is pinged, and when it is dead."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gst_signalling_sync.protocol.keepalive import Keepalive, Verdict

SILENCE = 10.0
ANSWER = 5.0


class Link:
    """A connection in simulated time, whose keepalive is polled whenever it asks for it."""

    def __init__(self, silence: float = SILENCE) -> None:
        self.now = 100.0
        self.keepalive = Keepalive(self.now, silence, ANSWER)
        self.asked: list[float] = []
        self.dead: Any = None
        self.has_address = True

    def run(self, seconds: float) -> None:
        """Poll as often as the keepalive asks, until the time is over or the connection is given up."""
        end = self.now + seconds
        while self.dead is None and self.keepalive.next_at <= end:
            assert self.keepalive.next_at > self.now
            self.now = self.keepalive.next_at
            self.judge()
        self.now = end

    def judge(self) -> None:
        verdict = self.keepalive.judge(self.now, self.has_address)
        if verdict is Verdict.ASK:
            self.asked.append(self.now - 100)
        elif verdict is not Verdict.ALIVE:
            self.dead = (self.now - 100, verdict)

    def hear(self) -> None:
        self.keepalive.heard(self.now)

    def stand_still(self, seconds: float) -> None:
        """Let time pass while this machine is suspended, or its processor does other work."""
        self.now += seconds
        self.judge()


def test_silent_server_is_asked_once_and_then_given_up() -> None:
    link = Link()

    link.run(60)

    assert link.asked == [10]
    assert link.dead == (15, Verdict.SILENT)


def test_server_that_talks_is_never_asked() -> None:
    link = Link()

    for _ in range(20):
        link.run(9)
        link.hear()

    assert (link.asked, link.dead) == ([], None)


def test_server_that_answers_is_asked_again_and_again() -> None:
    link = Link()

    for _ in range(3):
        link.run(14.9)
        link.hear()

    assert link.asked == pytest.approx([10, 24.9, 39.8])
    assert link.dead is None


def test_any_byte_is_a_sign_of_life() -> None:
    link = Link()
    link.run(14.9)

    link.hear()
    link.run(9)

    assert link.dead is None


def test_endless_silence_is_never_asked_about() -> None:
    link = Link(math.inf)

    link.run(10_000)

    assert (link.asked, link.dead) == ([], None)


def test_silence_is_told_in_seconds() -> None:
    link = Link()
    link.run(3)
    link.hear()
    link.run(4)

    assert link.keepalive.silence(link.now) == pytest.approx(4)


# Data that was not delivered


def test_answer_s_time_begins_when_what_stands_before_the_ping_is_delivered() -> None:
    link = Link()
    link.run(11)

    for _ in range(30):
        link.keepalive.delivering(link.now)
        link.run(1)
    assert link.dead is None
    link.run(60)

    assert link.dead == (pytest.approx(45), Verdict.SILENT)


def test_delivery_alone_is_no_answer() -> None:
    link = Link()

    link.keepalive.delivering(link.now)
    link.run(60)

    assert link.dead == (15, Verdict.SILENT)


# This machine stands still


def test_machine_that_slept_for_an_hour_asks_at_once_and_waits() -> None:
    link = Link()
    link.run(5)

    link.stand_still(3600)
    assert link.asked == [3605]
    link.run(4)
    assert link.dead is None
    link.run(2)

    assert link.dead == (3610, Verdict.SILENT)


def test_machine_that_slept_while_an_answer_was_due_asks_again() -> None:
    link = Link()
    link.run(12)

    link.stand_still(3600)
    link.run(4.9)
    link.hear()
    link.run(5)

    assert link.asked == [10, 3612]
    assert link.dead is None


def test_process_that_is_held_for_seconds_blames_nobody() -> None:
    link = Link()
    link.run(14)

    link.stand_still(3)

    assert link.dead is None


def test_process_that_is_held_again_and_again_gives_up_nevertheless() -> None:
    link = Link()
    link.run(10)

    for _ in range(5):
        link.stand_still(3)

    assert link.dead is not None


def test_being_late_by_less_than_a_second_is_normal() -> None:
    link = Link()
    link.run(14.5)

    link.stand_still(0.9)

    assert link.dead == (pytest.approx(15.4), Verdict.SILENT)


# The address of this end


def test_address_that_is_gone_is_noticed_within_a_second_and_a_half() -> None:
    link = Link()
    link.run(3.1)

    link.has_address = False
    link.run(60)

    assert link.dead == (pytest.approx(4.25), Verdict.ADDRESS_GONE)


def test_address_that_is_gone_for_a_moment_is_nothing() -> None:
    link = Link()
    link.run(3.5)
    link.has_address = False
    link.run(0.6)

    link.has_address = True
    link.run(2)

    assert link.dead is None


# Any sequence of events


EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("run"), st.floats(0.01, 20)),
        st.tuples(st.just("hear"), st.just(0.0)),
        st.tuples(st.just("still"), st.floats(2.5, 5000)),
    ),
    max_size=40,
)


@given(EVENTS)
def test_nothing_is_given_up_unasked_nor_before_its_time(events: list[tuple[str, float]]) -> None:
    link = Link()
    heard_at = 0.0

    for event, seconds in events:
        if link.dead is not None:
            break
        if event == "run":
            link.run(seconds)
        elif event == "still":
            link.stand_still(seconds)
        else:
            link.hear()
            heard_at = link.now - 100

    if link.dead is not None:
        when, verdict = link.dead
        last_asked = max(link.asked)
        assert verdict is Verdict.SILENT
        assert heard_at + SILENCE <= last_asked + 1e-6
        assert when >= last_asked + ANSWER - 1e-6 or len([each for each in link.asked if each > heard_at]) > 3


@given(st.floats(0.1, 100), st.floats(0, 1000))
def test_silence_is_always_noticed_in_time(silence: float, talked: float) -> None:
    link = Link(silence)
    for _ in range(int(talked / silence * 2)):
        link.run(silence / 2)
        link.hear()
    heard_at = link.now - 100

    link.run(silence + ANSWER + 0.01)

    assert link.dead == (pytest.approx(heard_at + silence + ANSWER), Verdict.SILENT)
