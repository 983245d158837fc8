"""The core that decides which end offers, and when: tables, and both ends in simulated time."""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from gst_signalling_sync.webrtc.renegotiation import ANSWER_SECONDS, Renegotiation, Step

from ..helpers.proofs import short_and_long

OFFER, ASK, WITHDRAW, GIVE_UP = Step.OFFER, Step.ASK, Step.WITHDRAW, Step.GIVE_UP

Event = Callable[[Renegotiation], object]


def connected(core: Renegotiation) -> object:
    return core.connected(True, 0.0)


def connected_incomplete(core: Renegotiation) -> object:
    return core.connected(False, 0.0)


def changed(core: Renegotiation) -> object:
    return core.changed(1.0)


def asked(core: Renegotiation) -> object:
    return core.asked(1.0)


def settled(core: Renegotiation) -> object:
    return core.settled(True, 2.0)


def settled_incomplete(core: Renegotiation) -> object:
    return core.settled(False, 2.0)


def failed(core: Renegotiation) -> object:
    return core.failed(2.0)


def cut_off(core: Renegotiation) -> object:
    core.cut_off()
    return None


def may_be_lost(core: Renegotiation) -> object:
    core.may_be_lost()
    return None


def reachable(core: Renegotiation) -> object:
    return core.reachable(3.0)


def overdue(core: Renegotiation) -> object:
    return core.on_time(3.0 + ANSWER_SECONDS)


@pytest.mark.parametrize(
    "history",
    [
        # A change is offered. Nothing is offered after the answer.
        [(connected, None), (changed, OFFER), (settled, None)],
        # A change before the session is connected is offered when it is.
        [(changed, None), (settled, None), (connected, OFFER)],
        [(connected_incomplete, OFFER)],
        # All changes during an outstanding offer go into one further offer.
        [(connected, None), (changed, OFFER), (changed, None), (asked, None), (changed, None), (settled, OFFER)],
        # The other end asks for an offer.
        [(connected, None), (asked, OFFER), (settled, None)],
        # An unusable answer leaves the changes that came meanwhile.
        [(connected, None), (changed, OFFER), (failed, None), (changed, OFFER), (changed, None), (failed, OFFER)],
        # Without an answer the offer is withdrawn, and changes that came meanwhile are offered.
        [(connected, None), (changed, OFFER), (overdue, [WITHDRAW]), (overdue, []), (changed, OFFER)],
        [(connected, None), (changed, OFFER), (changed, None), (overdue, [WITHDRAW, OFFER])],
        # The offer, or its answer, may be lost with a signalling connection: another one follows.
        [(connected, None), (changed, OFFER), (may_be_lost, None), (overdue, [WITHDRAW, OFFER]), (settled, None)],
        [(connected, None), (changed, OFFER), (may_be_lost, None), (settled, OFFER), (settled, None)],
        [(connected, None), (may_be_lost, None), (changed, OFFER), (settled, None), (may_be_lost, None)],
        # The other end cannot be reached for some time.
        [(connected, None), (changed, OFFER), (cut_off, None), (changed, None), (reachable, OFFER), (settled, None)],
        [(connected, None), (reachable, None), (changed, OFFER), (reachable, None)],
        # A track that gets no section is offered three times, and then given up.
        [
            (connected, None),
            (changed, OFFER),
            (settled_incomplete, OFFER),
            (settled_incomplete, OFFER),
            (settled_incomplete, GIVE_UP),
            (settled_incomplete, None),
            (changed, OFFER),
        ],
        # An answer without an offer changes nothing.
        [(failed, None), (overdue, []), (connected, None), (failed, None), (settled, None)],
    ],
)
def test_the_end_that_offers(history: list[tuple[Event, object]]) -> None:
    core = Renegotiation(offers=True)
    assert [event(core) for event, _ in history] == [step for _, step in history]


def test_the_other_end_asks() -> None:
    core = Renegotiation(offers=False)
    assert core.connected(True, 0.0) is None
    assert core.changed(1.0) is ASK
    assert core.is_waiting
    assert core.changed(1.5) is None
    # The offer that was answered crossed the question, so that the changes since must still be asked for.
    assert core.settled(True, 2.0) is ASK
    assert core.settled(True, 3.0) is None
    assert not core.is_waiting
    assert core.deadline is None


class Clock:
    """Calls functions in simulated time."""

    def __init__(self) -> None:
        self.now = 0.0
        self._numbers = itertools.count()
        self._due: list[tuple[float, int, Callable[[], None]]] = []

    def after(self, seconds: float, function: Callable[[], None]) -> None:
        heapq.heappush(self._due, (self.now + seconds, next(self._numbers), function))

    def run(self) -> None:
        while self._due:
            self.now, _, function = heapq.heappop(self._due)
            function()


@dataclass
class Link:
    """What two ends have agreed on, and the messages on their way between them."""

    clock: Clock
    random: random.Random

    def delay(self) -> float:
        return self.random.choice([0.001, 0.02, 0.2, 1.0])


class End:
    """An end that wants to send some tracks, and what the other end knows of it."""

    def __init__(self, link: Link, offers: bool) -> None:
        self.link = link
        self.core = Renegotiation(offers)
        self.wanted: set[int] = set()
        self.agreed: set[int] = set()
        self.sections = 0
        self.offers_outstanding = 0
        self.offers_made = 0
        self.rounds = 0
        self.other: End

    @property
    def is_complete(self) -> bool:
        return self.wanted == self.agreed

    def connect(self) -> None:
        self.do(self.core.connected(self.is_complete, self.link.clock.now))

    def do(self, step: Step | None) -> None:
        clock = self.link.clock
        if step is OFFER:
            assert not self.offers_outstanding
            assert not self.other.offers_made
            self.offers_outstanding += 1
            self.offers_made += 1
            offered = set(self.wanted)
            clock.after(self.link.delay(), lambda: self.other.on_offer(offered, self.sections))
        elif step is ASK:
            number = len(self.wanted)
            clock.after(self.link.delay(), lambda: self.other.on_asked(number))
        if self.core.deadline is not None:
            clock.after(self.core.deadline - clock.now, self.on_time)

    def on_time(self) -> None:
        for step in self.core.on_time(self.link.clock.now):
            assert step is not WITHDRAW, "nothing is lost on this link, and all comes within seconds"
            self.do(step)

    def on_asked(self, number: int) -> None:
        self.sections = max(self.sections, number)
        self.do(self.core.asked(self.link.clock.now))

    def on_offer(self, offered: set[int], sections: int) -> None:
        self.other.agreed_by_peer(offered)
        # The tracks that are agreed on already, and as many more as there are sections.
        kept = self.agreed & self.wanted
        more = sorted(self.wanted - kept)[: max(0, sections - len(kept))]
        self.agreed = kept | set(more)
        self.link.clock.after(self.link.delay(), self.other.on_answer)
        self.do(self.core.settled(self.is_complete, self.link.clock.now))

    def agreed_by_peer(self, offered: set[int]) -> None:
        self._offered = offered

    def on_answer(self) -> None:
        self.offers_outstanding -= 1
        self.agreed = self._offered
        self.do(self.core.settled(self.is_complete, self.link.clock.now))

    def change(self) -> None:
        if self.wanted and self.link.random.random() < 0.5:
            self.wanted.remove(self.link.random.choice(sorted(self.wanted)))
        else:
            self.wanted.add(self.link.random.randrange(8))
        if not self.is_complete:
            self.do(self.core.changed(self.link.clock.now))


@short_and_long("seed", 50, 5000)
def test_both_ends_agree_after_200_changes_at_once(seed: int) -> None:
    for each in range(seed):
        clock = Clock()
        link = Link(clock, random.Random(each))
        producer, consumer = End(link, offers=True), End(link, offers=False)
        producer.other, consumer.other = consumer, producer
        for end in (producer, consumer):
            clock.after(link.delay(), end.connect)
            for _ in range(100):
                clock.after(20 * link.random.random(), end.change)

        clock.run()

        assert producer.is_complete
        assert consumer.is_complete
        assert not consumer.offers_made
        assert 2 < producer.offers_made < 250
        assert not producer.core.is_waiting
        assert not consumer.core.is_waiting
