"""Leases, in simulated time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gst_signalling_sync.protocol.lease import Leases

LEASE = 20.0


class Life:
    """Leases, and a clock that is polled every half second."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.leases = Leases(LEASE, self.now)
        self.pinged: list[tuple[float, str]] = []
        self.gone: dict[str, float] = {}
        self.unanswered: set[str] = set()

    def go_on(self, seconds: float, answering: set[str]) -> None:
        # TCP delivers what was sent while the network was gone.
        for peer_id in self.unanswered & answering:
            self.leases.renew(peer_id, self.now)
        self.unanswered -= answering
        end = self.now + seconds
        while self.now < end:
            self.now += 0.5
            for peer_id in self.leases.over(self.now):
                self.gone[peer_id] = self.now
            for peer_id in self.leases.to_ping(self.now, maximum=100):
                self.pinged.append((self.now, peer_id))
                if peer_id in answering:
                    self.leases.renew(peer_id, self.now)
                else:
                    self.unanswered.add(peer_id)


def test_peer_is_pinged_twice_in_a_lease_and_stays_while_it_answers() -> None:
    life = Life()
    life.leases.begin("robot", life.now)

    life.go_on(3600, answering={"robot"})

    assert life.gone == {}
    assert len(life.pinged) == 360


def test_peer_that_does_not_answer_is_gone_when_its_lease_is_over() -> None:
    life = Life()
    life.leases.begin("robot", life.now)
    life.go_on(100, answering={"robot"})

    cut_off = life.now
    life.go_on(60, answering=set())

    assert cut_off + LEASE / 2 <= life.gone["robot"] <= cut_off + LEASE


def test_peer_that_blinks_stays() -> None:
    life = Life()
    life.leases.begin("robot", life.now)

    for _ in range(20):
        life.go_on(9.5, answering=set())
        life.go_on(10, answering={"robot"})

    assert life.gone == {}


def test_server_that_was_stopped_for_an_hour_does_not_take_it_for_the_silence_of_its_peers() -> None:
    life = Life()
    life.leases.begin("robot", life.now)
    life.go_on(5, answering={"robot"})

    life.now += 3600
    life.go_on(100, answering={"robot"})

    assert life.gone == {}


def test_clock_that_goes_back_changes_nothing() -> None:
    life = Life()
    life.leases.begin("robot", life.now)

    life.now -= 3600
    life.go_on(100, answering={"robot"})

    assert life.gone == {}


def test_pings_of_many_are_spread() -> None:
    leases = Leases(LEASE, 0)
    for number in range(250):
        leases.begin(str(number), 0)

    now, counts = 0.0, []
    while now < LEASE / 2 + 1:
        now += 0.5
        counts.append(len(leases.to_ping(now, maximum=100)))

    assert counts[-4:] == [0, 100, 100, 50]


def test_who_is_gone_is_not_heard_again() -> None:
    leases = Leases(LEASE, 0)
    leases.begin("robot", 0)
    leases.end("robot")

    leases.renew("robot", 1)

    assert leases.over(100) == []
    assert leases.to_ping(100, maximum=10) == []


@given(st.lists(st.tuples(st.floats(0, 2), st.sampled_from("abc"), st.booleans()), max_size=80))
def test_nobody_is_gone_earlier_or_later_than_told(steps: list[tuple[float, str, bool]]) -> None:
    leases, now = Leases(LEASE, 0), 0.0
    heard: dict[str, float] = {}
    for pause, peer_id, begins in steps:
        now += pause
        for gone in leases.over(now):
            assert now - heard.pop(gone) >= LEASE - 1e-9
        if begins:
            leases.begin(peer_id, now)
            heard[peer_id] = now
        elif peer_id in heard:
            leases.renew(peer_id, now)
            heard[peer_id] = now
        assert all(now - since <= LEASE + 1e-9 for since in heard.values())
