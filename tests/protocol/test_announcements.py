"""Statuses that wait for listeners, which read at different speeds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gst_signalling_sync.protocol.announcements import Announcements
from gst_signalling_sync.protocol.messages import PeerStatusChanged, Role


def status(peer_id: str, meta: object = None) -> PeerStatusChanged:
    return PeerStatusChanged(peer_id, (Role.PRODUCER,), meta)


def told(announcements: Announcements, listener_id: str, maximum: int = 1000) -> list[PeerStatusChanged]:
    return [announcement.event for announcement in announcements.take(listener_id, maximum)]


def test_listener_is_told_what_was_announced_since_it_joined() -> None:
    announcements = Announcements()
    announcements.join("early")
    announcements.announce(status("a"))
    announcements.join("late")
    announcements.announce(status("b"))

    assert told(announcements, "early") == [status("a"), status("b")]
    assert told(announcements, "late") == [status("b")]
    assert not announcements.is_behind("early")


def test_status_that_was_replaced_is_not_told() -> None:
    announcements = Announcements()
    announcements.join("listener")
    for number in range(100):
        announcements.announce(status("restless", number))
    announcements.announce(status("other"))

    assert told(announcements, "listener") == [status("restless", 99), status("other")]


def test_few_at_a_time() -> None:
    announcements = Announcements()
    announcements.join("listener")
    for peer_id in "abc":
        announcements.announce(status(peer_id))

    assert told(announcements, "listener", maximum=2) == [status("a"), status("b")]
    assert announcements.is_behind("listener")
    assert told(announcements, "listener", maximum=2) == [status("c")]


def test_no_further_than_told() -> None:
    announcements = Announcements()
    announcements.join("listener")
    announcements.announce(status("a"))
    before = announcements.last
    announcements.announce(status("b"))

    assert [told.event for told in announcements.take("listener", 10, before)] == [status("a")]
    assert not announcements.is_behind("listener", before)
    assert told(announcements, "listener") == [status("b")]


def test_every_listener_gets_the_same_object_so_that_it_is_framed_once() -> None:
    announcements = Announcements()
    announcements.join("one")
    announcements.join("other")
    announcements.announce(status("a"))

    assert announcements.take("one", 1)[0] is announcements.take("other", 1)[0]


def test_what_all_have_read_is_dropped() -> None:
    announcements = Announcements()
    announcements.join("listener")
    for number in range(10_000):
        announcements.announce(status(f"peer {number}"))
        announcements.take("listener", 1)

    assert len(announcements) < 1000


def test_peer_that_changes_without_end_costs_a_listener_that_does_not_read_one_place() -> None:
    announcements = Announcements()
    announcements.join("stuck")
    for number in range(10_000):
        announcements.announce(status("restless", number))

    assert len(announcements) < 1000


def test_listener_that_lags_too_far_behind_is_found() -> None:
    announcements = Announcements()
    announcements.join("stuck")
    for number in range(2000):
        announcements.announce(status(f"peer {number}"))
        if number == 1500:
            announcements.join("reader")

    assert announcements.lagging(maximum=1000) == ["stuck"]
    assert announcements.lagging(maximum=5000) == []


def test_who_left_is_told_nothing_and_holds_nothing_up() -> None:
    announcements = Announcements()
    announcements.join("gone")
    announcements.leave("gone")
    announcements.announce(status("a"))

    assert not announcements.is_behind("gone")
    assert len(announcements) == 0


@given(
    st.lists(
        st.one_of(st.tuples(st.just("announce"), st.integers(0, 5)), st.tuples(st.just("take"), st.integers(1, 4)))
    )
)
def test_listener_ends_up_with_the_newest_status_of_every_peer_and_never_goes_back(
    steps: list[tuple[str, int]],
) -> None:
    announcements = Announcements()
    announcements.join("listener")
    newest: dict[str, int] = {}
    heard: dict[str, int] = {}

    def hear(maximum: int) -> None:
        for event in told(announcements, "listener", maximum):
            assert heard.get(event.peer_id, -1) < event.meta
            heard[event.peer_id] = event.meta

    for number, (step, value) in enumerate(steps):
        if step == "announce":
            newest[str(value)] = number
            announcements.announce(status(str(value), number))
        else:
            hear(value)
    while announcements.is_behind("listener"):
        hear(3)

    assert heard == newest
