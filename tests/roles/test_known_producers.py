"""`KnownProducers`: whether a producer that is not heard any more may have another address."""

from __future__ import annotations

import pytest

from gst_signalling_sync.known_producers import KnownProducers
from gst_signalling_sync.protocol.messages import Peer, PeerStatusChanged, Role
from gst_signalling_sync.threads.interruptible import Condition

ARM = Peer("1", {"name": "arm"})
HEARD_AT = 100.0


@pytest.fixture
def known() -> KnownProducers:
    producers = KnownProducers("ws://robot", Condition())
    producers.reset([ARM, Peer("2", {"name": "leg"})], now=0.0)
    return producers


def has_moved(known: KnownProducers, name: str | None = "arm") -> bool:
    return known.has_moved("1", name, was_known=True, since=HEARD_AT)


def came(peer_id: str, name: str) -> PeerStatusChanged:
    return PeerStatusChanged(peer_id, (Role.PRODUCER,), {"name": name})


def test_producer_that_stays_has_not_moved(known: KnownProducers) -> None:
    known.reset([ARM], now=110.0)

    assert not has_moved(known)


def test_producer_of_that_name_that_came_later_has_moved(known: KnownProducers) -> None:
    known.apply(came("3", "arm"), now=101.0)

    assert has_moved(known)


@pytest.mark.parametrize(("name", "at"), [("leg", 101.0), ("arm", 99.0)])
def test_another_name_or_an_earlier_time_does_not_count(known: KnownProducers, name: str, at: float) -> None:
    known.apply(came("3", name), now=at)

    assert not has_moved(known)


def test_producer_that_left_has_moved_once_one_of_its_name_is_there(known: KnownProducers) -> None:
    known.apply(came("3", "arm"), now=50.0)
    assert not has_moved(known)

    known.apply(PeerStatusChanged("1", (), ARM.meta), now=101.0)

    assert has_moved(known)


def test_producer_that_was_away_from_the_server_has_moved(known: KnownProducers) -> None:
    known.came_back("1", now=101.0)

    assert has_moved(known)


def test_registration_of_this_end_counts_for_every_producer(known: KnownProducers) -> None:
    known.registered_again(now=101.0)

    assert has_moved(known, name=None)


def test_every_change_is_counted(known: KnownProducers) -> None:
    before = known.changes

    known.apply(came("3", "arm"), now=1.0)
    known.came_back("3", now=2.0)

    assert known.changes == before + 2
