"""`Liveness`: its conclusions from a peer's packets and silences. All time is simulated."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gst_signalling_sync.webrtc.liveness import LOST_AFTER, Ending, Liveness
from gst_signalling_sync.webrtc.session_state import TRANSITIONS, SessionState

from .liveness_simulation import SimulatedPeer, Simulation

HOUR = 3600.0


def silent_after(seconds: float) -> SimulatedPeer:
    """A peer that is silent from a time on."""
    return SimulatedPeer(is_answering=lambda now: now < seconds)


def held_now_and_then(now: float) -> bool:
    """An interpreter that is held for one second of every six."""
    return now % 6.0 >= 1.0


class TestSilence:
    """Nothing arrives from the peer."""

    def test_interrupts_after_the_time_that_was_given(self) -> None:
        simulation = Simulation(Liveness(interrupted_after=2.0), silent_after(60.0))
        simulation.run(until=70.0)
        [(time, state)] = simulation.changes
        assert state == "interrupted"
        assert 61.4 < time < 62.2

    @pytest.mark.parametrize("interrupted_after", [0.5, 1.0, 5.0, 20.0])
    def test_interrupts_within_half_a_second_of_any_time(self, interrupted_after: float) -> None:
        simulation = Simulation(Liveness(interrupted_after), silent_after(60.0))
        simulation.run(until=89.0)
        assert simulation.changes[0][0] < 60.0 + interrupted_after + 0.5

    def test_is_noticed_in_time_by_an_event_loop_that_is_always_late(self) -> None:
        simulation = Simulation(Liveness(), silent_after(60.0), is_running=lambda now: now % 0.15 > 0.12)
        simulation.run(until=70.0)
        assert simulation.changes[0][0] < 62.5

    def test_closes_as_lost_within_35_seconds(self) -> None:
        simulation = Simulation(Liveness(), silent_after(60.0))
        simulation.run(until=HOUR)
        assert [state for _, state in simulation.changes] == ["interrupted", "closed"]
        assert LOST_AFTER - 1.0 < simulation.changes[-1][0] - 60.0 < 35.0
        assert simulation.liveness.ending == Ending("lost")

    def test_ends_with_a_packet(self) -> None:
        frozen = SimulatedPeer(is_answering=lambda now: not 60.0 <= now < 80.0)
        simulation = Simulation(Liveness(), frozen)
        simulation.run(until=HOUR)
        assert [state for _, state in simulation.changes] == ["interrupted", "connected"]
        assert simulation.changes[-1][0] < 80.5

    def test_is_measured_from_the_last_packet(self) -> None:
        liveness = Liveness()
        liveness.connected(10.0)
        liveness.heard(11.0)
        assert liveness.silence(14.5) == 3.5

    @pytest.mark.parametrize("interrupted_after", [0.0, 0.1, 21.0, float("nan"), -1.0])
    def test_cannot_be_allowed_for_any_time(self, interrupted_after: float) -> None:
        with pytest.raises(ValueError, match="interrupted_after must be"):
            Liveness(interrupted_after)


class TestFalseAlarm:
    """The peer is there, and is not reported as `interrupted`."""

    def test_none_in_ten_hours_at_20_percent_loss_each_way(self) -> None:
        simulation = Simulation(Liveness(), SimulatedPeer(loss=0.2))
        simulation.run(until=10 * HOUR)
        assert simulation.changes == []

    def test_none_in_ten_hours_at_20_percent_loss_over_a_slow_path(self) -> None:
        simulation = Simulation(Liveness(), SimulatedPeer(loss=0.2, round_trip=0.4), seed=2)
        simulation.run(until=10 * HOUR)
        assert simulation.changes == []

    @pytest.mark.parametrize("round_trip", [0.01, 0.1, 0.3])
    def test_is_less_likely_than_one_in_a_million_in_ten_minutes(self, round_trip: float) -> None:
        # Every request is lost. The requests whose answers would have come in time are counted.
        simulation = Simulation(Liveness(), silent_after(0.0))
        requests_in_time = 0
        while simulation.liveness.state == "connected":
            due = simulation.liveness.next_poll
            simulation.run(until=due)
            requests_in_time = simulation.requests if due + round_trip < 2.0 else requests_in_time
        silences = 600.0 / 0.5
        assert silences * 0.36**requests_in_time < 1e-6

    @pytest.mark.parametrize("loss", [0.0, 0.05])
    def test_none_while_the_peers_interpreter_is_held_for_a_second_now_and_then(self, loss: float) -> None:
        peer = SimulatedPeer(loss=loss, is_answering=held_now_and_then)
        simulation = Simulation(Liveness(), peer)
        simulation.run(until=HOUR)
        assert simulation.changes == []

    @pytest.mark.parametrize("loss", [0.0, 0.2])
    def test_none_while_our_interpreter_is_held_for_a_second_now_and_then(self, loss: float) -> None:
        simulation = Simulation(Liveness(), SimulatedPeer(loss=loss), is_running=held_now_and_then)
        simulation.run(until=HOUR)
        assert simulation.changes == []

    @pytest.mark.parametrize("seconds", [1.0, 40.0, HOUR])
    def test_none_after_this_process_did_not_run(self, seconds: float) -> None:
        simulation = Simulation(Liveness(), SimulatedPeer(), is_running=lambda now: not 60.0 <= now < 60.0 + seconds)
        simulation.run(until=60.0 + seconds + 600.0)
        assert simulation.changes == []

    def test_none_at_once_after_a_suspension_in_which_the_peer_went(self) -> None:
        peer = silent_after(60.0)
        simulation = Simulation(Liveness(), peer, is_running=lambda now: not 60.0 <= now < 60.0 + HOUR)
        simulation.run(until=60.0 + HOUR + 10.0)
        [(time, state)] = simulation.changes
        assert state == "interrupted"
        assert 1.0 < time - 60.0 - HOUR < 2.5

    def test_none_where_the_peer_sends_by_itself_and_no_request_is_needed(self) -> None:
        simulation = Simulation(Liveness(), SimulatedPeer(sends_every=0.02))
        simulation.run(until=HOUR)
        assert simulation.changes == []
        assert simulation.requests == 0


class TestRequests:
    """The cost of an idle session."""

    def test_are_at_most_two_a_second_while_the_peer_answers(self) -> None:
        simulation = Simulation(Liveness(), SimulatedPeer())
        simulation.run(until=100.0)
        assert 100 < simulation.requests <= 200

    def test_are_at_most_twenty_a_second_while_it_does_not(self) -> None:
        simulation = Simulation(Liveness(), silent_after(0.0))
        simulation.run(until=29.0)
        assert 200 < simulation.requests < 20 * 29


class TestEndOfSessionFromServer:
    """The server reports the end of the session, which it also does when only a signalling connection was lost."""

    @pytest.mark.parametrize("loss", [0.0, 0.2])
    def test_is_overruled_by_a_peer_that_answers(self, loss: float) -> None:
        simulation = Simulation(Liveness(), SimulatedPeer(loss=loss))
        for hour in range(1, 200):
            simulation.run(until=hour * 60.0)
            simulation.end_by_server()
        simulation.run(until=HOUR * 10)
        assert simulation.changes == []

    @pytest.mark.parametrize("sends_every", [None, 0.001, 0.03])
    def test_closes_within_a_second_where_the_peer_is_gone(self, sends_every: float | None) -> None:
        peer = SimulatedPeer(is_answering=lambda now: now < 60.0, sends_every=sends_every)
        simulation = Simulation(Liveness(), peer)
        simulation.run(until=60.0)
        simulation.end_by_server()
        simulation.run(until=70.0)
        assert simulation.liveness.ending == Ending("left")
        assert simulation.now < 61.05

    def test_closes_where_the_peer_takes_its_time_to_go(self) -> None:
        simulation = Simulation(Liveness(), silent_after(61.5))
        simulation.run(until=60.0)
        simulation.end_by_server()
        simulation.run(until=70.0)
        assert simulation.liveness.ending == Ending("left")
        assert simulation.now < 62.5

    def test_does_not_count_the_time_in_which_this_process_did_not_listen(self) -> None:
        simulation = Simulation(Liveness(), SimulatedPeer(), is_running=lambda now: not 60.1 <= now < 61.5)
        simulation.run(until=60.0)
        simulation.end_by_server()
        simulation.run(until=HOUR)
        assert simulation.changes == []

    def test_closes_an_interrupted_session_as_lost(self) -> None:
        simulation = Simulation(Liveness(), silent_after(60.0))
        simulation.run(until=70.0)
        simulation.end_by_server()
        simulation.run(until=80.0)
        assert simulation.liveness.ending == Ending("lost")
        assert simulation.now < 71.0

    def test_closes_at_once_while_connecting(self) -> None:
        liveness = Liveness()
        liveness.ended_by_server(1.0)
        assert liveness.ending == Ending("left")

    def test_closes_at_once_where_the_server_vouches_for_a_reason(self) -> None:
        liveness = Liveness()
        liveness.connected(0.0)
        liveness.ended_by_server(1.0, "expired")
        assert liveness.ending == Ending("expired")


class TestGoodbye:
    """One end says that it ends the session."""

    def test_of_the_peer_is_an_orderly_end(self) -> None:
        liveness = Liveness()
        liveness.connected(0.0)
        liveness.said_goodbye()
        assert liveness.ending == Ending("left", in_order=True)

    def test_with_another_reason_is_none(self) -> None:
        liveness = Liveness()
        liveness.connected(0.0)
        liveness.said_goodbye("limit")
        assert liveness.ending == Ending("limit")

    def test_counts_once(self) -> None:
        liveness = Liveness()
        liveness.connected(0.0)
        liveness.close()
        liveness.said_goodbye("limit")
        liveness.ended_by_server(1.0, "expired")
        assert liveness.ending == Ending("left", in_order=True)


events = st.one_of(
    st.tuples(st.just("wait"), st.floats(0.0, 60.0)),
    st.tuples(st.just("heard"), st.just(0.0)),
    st.tuples(st.just("answered"), st.floats(0.0, 5.0)),
    st.tuples(st.just("poll on time"), st.integers(1, 50)),
    st.tuples(st.just("end by server"), st.just(0.0)),
    st.tuples(st.just("end by server for a reason"), st.just(0.0)),
    st.tuples(st.just("goodbye"), st.just(0.0)),
)


@settings(max_examples=500, deadline=None)
@given(st.lists(events, max_size=40), st.floats(0.2, 20.0))
def test_any_sequence_keeps_to_the_table(steps: list[tuple[str, float]], interrupted_after: float) -> None:
    liveness = Liveness(interrupted_after)
    now = heard = 0.0
    liveness.connected(now)
    state = liveness.state
    endings = []
    for kind, value in steps:
        if kind == "wait":
            now += value
            liveness.poll(now)
        elif kind == "heard":
            liveness.heard(now)
            heard = now
        elif kind == "answered":
            liveness.answered(now, now - value)
            heard = now
        elif kind == "poll on time":
            for _ in range(int(value)):
                if liveness.state is SessionState.CLOSED:
                    break
                now = max(now, liveness.next_poll)
                liveness.poll(now)
        elif kind == "goodbye":
            liveness.said_goodbye()
        else:
            liveness.ended_by_server(now, "expired" if kind.endswith("reason") else None)
        if liveness.state is not state:
            assert liveness.state in TRANSITIONS[state]
        state = liveness.state
        if state is SessionState.CLOSED:
            endings.append(liveness.ending)
            assert liveness.next_poll == float("inf")
        else:
            assert liveness.ending is None
            assert liveness.next_poll <= now + max(interrupted_after / 4, 0.1) or kind == "answered"
        if state is SessionState.INTERRUPTED:
            assert now - heard >= interrupted_after - 1e-6
    assert len(set(endings)) <= 1


@given(st.lists(st.floats(0.0, 1.9), max_size=100))
def test_a_peer_that_is_heard_often_enough_raises_no_alarm(gaps: list[float]) -> None:
    liveness = Liveness(2.0)
    now = 0.0
    liveness.connected(now)
    for gap in gaps:
        heard = now + gap
        while liveness.next_poll < heard:
            now = liveness.next_poll
            liveness.poll(now)
        now = heard
        liveness.heard(now)
        assert liveness.state == "connected"


@pytest.mark.parametrize("state", list(SessionState))
def test_table_of_states(state: SessionState) -> None:
    assert state not in TRANSITIONS[state]
    assert (SessionState.CLOSED in TRANSITIONS[state]) == (state is not SessionState.CLOSED)
    assert state.is_open == (state in ("connected", "interrupted", "resuming"))
