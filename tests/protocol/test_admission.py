"""`SessionAdmission` in simulated time: which requested sessions begin."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gst_signalling_sync.protocol.admission import PATIENCE_SECONDS, YIELD_SECONDS, SessionAdmission
from gst_signalling_sync.protocol.limits import Rate
from gst_signalling_sync.protocol.session_limits import SessionLimits


def admission(**limits: object) -> SessionAdmission:
    """An admission with only these limits."""
    return SessionAdmission(SessionLimits(**{**dict.fromkeys(SessionLimits.__slots__), **limits}))  # type: ignore[arg-type]


def ask(core: SessionAdmission, peer_id: str, count: int, now: float = 0.0) -> list[str | None]:
    """Ask for sessions. Returns for each the id of the session that was refused then; None: no session was."""
    return [ask_once(core, f"{peer_id}{number}", peer_id, now) for number in range(count)]


def ask_once(core: SessionAdmission, session_id: str, peer_id: str, now: float, interrupted: int = 0) -> str | None:
    assert core.may_ask(peer_id, now)
    refusal = core.ask(session_id, peer_id, now, interrupted)
    return None if refusal is None else refusal.session_id


def test_sessions_begin_in_the_order_in_which_they_were_asked_for() -> None:
    core = admission()
    for name in "abc":
        ask_once(core, f"session of {name}", name, now=0)

    assert core.due(now=0).begin == ["session of a", "session of b", "session of c"]


def test_sessions_begin_no_faster_than_their_rate() -> None:
    core = admission(session_starts=Rate(10, burst=2))
    for name in "abcd":
        ask_once(core, name, name, now=0)

    first = core.due(now=0)

    assert first.begin == ["a", "b"]
    assert first.wait == pytest.approx(0.1)
    assert core.due(now=0.05).begin == []
    assert core.due(now=0.101).begin == ["c"]
    assert core.due(now=0.2).begin == ["d"]


def test_one_peer_has_so_many_that_are_not_connected() -> None:
    core = admission(connecting_per_peer=2)
    ask(core, "greedy", 4)

    assert core.due(now=0).begin == ["greedy0", "greedy1"]
    core.connected("greedy0")
    core.ended("greedy1")
    assert core.due(now=0).begin == ["greedy2", "greedy3"]


def test_peer_that_asks_once_comes_before_one_that_asks_without_end() -> None:
    core = admission(session_starts=Rate(1, burst=1), requests=8)
    refused = ask(core, "greedy", 20)
    assert refused == [None] * 8 + [f"greedy{number}" for number in range(8, 20)]

    assert ask_once(core, "of the honest one", "honest", now=0) == "greedy7"
    assert core.due(now=0).begin == ["of the honest one"]


def test_peer_that_asks_too_often_may_not_ask() -> None:
    core = admission(requests_per_peer=Rate(0.2, burst=3))

    assert [core.may_ask("greedy", now=0) for _ in range(5)] == [True, True, True, False, False]
    assert core.may_ask("honest", now=0)
    assert [core.may_ask("greedy", now=5.1) for _ in range(2)] == [True, False]


def test_what_is_connected_was_not_asked_for_in_vain() -> None:
    core = admission(requests_per_peer=Rate(0.2, burst=1))

    for number in range(10):
        assert ask_once(core, str(number), "quick", now=0) is None
        assert core.due(now=0).begin == [str(number)]
        core.connected(str(number))
        core.ended(str(number))


def test_beginnings_that_are_not_connected_make_room_for_peers_that_have_asked_less() -> None:
    core = admission(connecting=2)
    ask(core, "greedy", 3)
    assert core.due(now=0).begin == ["greedy0", "greedy1"]
    ask_once(core, "of the honest one", "honest", now=0)

    soon, later = core.due(now=YIELD_SECONDS / 2), core.due(now=YIELD_SECONDS)

    assert (soon.begin, soon.end, soon.wait) == ([], [], YIELD_SECONDS / 2)
    assert (later.begin, later.end) == (["of the honest one"], ["greedy0"])


def test_those_that_ask_as_little_wait_for_each_other() -> None:
    core = admission(connecting=1)
    ask_once(core, "first", "a", now=0)
    ask_once(core, "second", "b", now=0)

    assert core.due(now=0).begin == ["first"]
    assert core.due(now=2 * YIELD_SECONDS).begin == []
    core.connected("first")
    assert core.due(now=2 * YIELD_SECONDS).begin == ["second"]


def test_what_has_ended_while_it_waited_never_begins() -> None:
    core = admission(connecting=1)
    ask_once(core, "first", "a", now=0)
    core.due(now=0)
    ask_once(core, "second", "b", now=0)

    core.ended("second")
    core.ended("first")

    assert core.due(now=0).begin == []
    assert "second" not in core


def test_who_has_waited_in_vain_is_refused() -> None:
    core = admission(connecting=1)
    ask_once(core, "first", "a", now=0)
    core.due(now=0)
    ask_once(core, "second", "b", now=1)

    assert core.due(now=1).wait == PATIENCE_SECONDS
    assert core.due(now=1 + PATIENCE_SECONDS).refuse == ["second"]


def test_no_more_sessions_than_there_may_be() -> None:
    core = admission(sessions=2)
    ask(core, "peer", 2)
    for session_id in core.due(now=0).begin:
        core.connected(session_id)

    assert ask_once(core, "third", "other", now=0) == "third"
    core.ended("peer0")
    assert ask_once(core, "third", "other", now=0) is None
    assert core.due(now=0).begin == ["third"]


def test_interrupted_session_does_not_keep_its_peer_from_coming_back() -> None:
    core = admission(sessions=1)
    ask_once(core, "before", "operator", now=0)
    core.due(now=0)
    core.connected("before")

    assert ask_once(core, "again", "operator under another id", now=60, interrupted=1) is None
    assert core.due(now=60, interrupted=1).begin == ["again"]
    core.connected("again")
    assert ask_once(core, "a third", "somebody", now=60, interrupted=1) == "a third"


def test_what_was_asked_is_forgiven() -> None:
    core = admission(connecting=1)
    ask_once(core, "blocking", "x", now=0)
    core.due(now=0)
    ask(core, "busy once", 10)
    for session_id in list(core.waiting):
        core.ended(session_id)
    ask_once(core, "theirs", "busy once", now=1000)
    ask_once(core, "other", "other", now=1000)

    core.connected("blocking")

    assert core.due(now=1000).begin == ["theirs"]


@pytest.mark.timeout(900)
@given(
    st.lists(
        st.tuples(st.sampled_from(("ask", "connected", "ended", "due")), st.integers(0, 5), st.floats(0, 3)),
        max_size=80,
    )
)
def test_whatever_happens_the_limits_hold_and_nothing_is_lost(steps: list[tuple[str, int, float]]) -> None:
    limits = SessionLimits(sessions=3, connecting=2, connecting_per_peer=1, requests=3, session_starts=Rate(2, burst=2))
    core, now, asked = SessionAdmission(limits), 0.0, 0
    waiting: set[str] = set()
    connecting: list[tuple[str, str]] = []
    connected: set[str] = set()
    for kind, number, pause in steps:
        now += pause
        if kind == "ask":
            asked += 1
            waiting.add(f"{number}/{asked}")
            waiting.discard(ask_once(core, f"{number}/{asked}", str(number), now) or "")
        elif kind == "connected" and connecting:
            session_id, _ = connecting.pop(number % len(connecting))
            core.connected(session_id)
            connected.add(session_id)
        elif kind == "ended" and connected:
            session_id = sorted(connected)[number % len(connected)]
            connected.discard(session_id)
            core.ended(session_id)
        else:
            due = core.due(now)
            waiting -= {*due.refuse, *due.begin}
            connecting = [each for each in connecting if each[0] not in due.end]
            connecting += [(each, each.split("/")[0]) for each in due.begin]
        assert set(core.waiting) == waiting
        assert len(waiting) <= 3
        assert len(connecting) <= 2
        assert len({peer for _, peer in connecting}) == len(connecting)
        assert len(connecting) + len(connected) <= 3
        assert all(session_id in core for session_id in (*waiting, *connected, *(each for each, _ in connecting)))
