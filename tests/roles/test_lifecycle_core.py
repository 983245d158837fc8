"""`Life`: the table of a role's states, the effect of each input in each state, and invariants after any sequence of inputs."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gst_signalling_sync.errors import ConnectionLost
from gst_signalling_sync.lifecycle import TRANSITIONS, Attempt, Life, RoleState, StateChange
from gst_signalling_sync.protocol.backoff import Retry

START_SECONDS = 10.0
ATTEMPT_SECONDS = 5.0
LOSS = ConnectionLost("lost")
REFUSAL = ConnectionError("refused")
PUNCTUAL = Retry(jitter=0.0)


def make_life(retry: Retry | None = PUNCTUAL) -> Life:
    return Life(retry, lambda: 0.0, ATTEMPT_SECONDS)


def take_attempt(life: Life, now: float) -> Attempt:
    attempt = life.begin_attempt(now)
    assert attempt is not None
    return attempt


def registered_life(retry: Retry | None = PUNCTUAL) -> tuple[Life, Attempt]:
    life = make_life(retry)
    life.start(0.0, START_SECONDS)
    attempt = take_attempt(life, 0.0)
    life.registered(0.0)
    life.drain_changes()
    return life, attempt


def suspended_life(retry: Retry | None = PUNCTUAL) -> Life:
    life, attempt = registered_life(retry)
    life.lost(100.0, attempt.number, LOSS)
    life.drain_changes()
    return life


def closed_life() -> Life:
    life, _ = registered_life()
    life.close()
    life.closed()
    life.drain_changes()
    return life


def states(life: Life) -> list[RoleState]:
    return [change.state for change in life.drain_changes()]


def test_every_state_is_in_the_table_and_can_be_reached() -> None:
    assert set(TRANSITIONS) == set(RoleState)
    assert set(itertools.chain.from_iterable(TRANSITIONS.values())) == set(RoleState) - {RoleState.NEW}


def test_closed_becomes_connecting_by_start_alone() -> None:
    assert [state for state, after in TRANSITIONS.items() if RoleState.CONNECTING in after] == [
        RoleState.NEW,
        RoleState.CLOSED,
    ]


def test_a_state_is_equal_to_its_name() -> None:
    assert [f"{state}" for state in RoleState] == [
        "new",
        "connecting",
        "registered",
        "suspended",
        "closing",
        "closed",
    ]


def test_start_begins_an_attempt_at_once_that_may_take_as_long_as_start() -> None:
    life = make_life()
    life.start(1.0, 11.0)
    assert life.state == "connecting"
    assert life.begin_attempt(1.0) == Attempt(1, until=11.0)
    assert life.begin_attempt(1.0) is None, "one at a time"


def test_a_registration_is_told() -> None:
    life = make_life()
    life.start(0.0, START_SECONDS)
    take_attempt(life, 0.0)
    life.registered(0.5)
    assert life.drain_changes() == [StateChange(RoleState.CONNECTING), StateChange(RoleState.REGISTERED)]
    assert life.registrations == 1


def test_a_server_that_is_not_there_ends_start_at_once() -> None:
    life = make_life()
    life.start(0.0, START_SECONDS)
    take_attempt(life, 0.0)
    life.failed(0.1, REFUSAL)
    assert life.state == "closing"
    assert life.is_to_end
    life.closed()
    assert life.state == "closed"
    assert life.error is REFUSAL


def test_start_waits_for_a_server_within_its_time_where_it_was_asked_to() -> None:
    life = make_life(Retry(first=2.0, factor=2.0, maximum=8.0, jitter=0.0, wait_for_server=True))
    life.start(0.0, START_SECONDS)
    attempts = []
    now = 0.0
    while life.state == "connecting":
        now = life.due if life.due is not None else now
        take_attempt(life, now)
        attempts.append(now)
        life.failed(now, REFUSAL)
    assert attempts == [0.0, 2.0, 6.0]
    assert life.error is REFUSAL


def test_start_goes_on_where_the_server_was_there_and_went_away() -> None:
    life = make_life()
    life.start(0.0, START_SECONDS)
    take_attempt(life, 0.0)
    life.failed(0.1, LOSS, was_connected=True)
    assert (life.state, life.due) == ("connecting", 0.35)
    take_attempt(life, 0.35)
    life.failed(0.35, REFUSAL)
    assert (life.state, life.due) == ("connecting", 0.85)
    take_attempt(life, 0.85)
    life.registered(0.9)
    assert life.state == "registered"


def test_start_ends_with_the_loss_where_no_lost_connection_is_made_again() -> None:
    life = make_life(retry=None)
    life.start(0.0, START_SECONDS)
    take_attempt(life, 0.0)
    life.failed(0.1, LOSS, was_connected=True)
    assert (life.state, life.error) == ("closing", LOSS)


def test_the_next_start_does_not_wait_for_a_server_that_an_earlier_one_met() -> None:
    life = make_life()
    life.start(0.0, until=0.3)
    take_attempt(life, 0.0)
    life.failed(0.1, LOSS, was_connected=True)
    life.closed()
    life.start(1.0, 1.0 + START_SECONDS)
    take_attempt(life, 1.0)
    life.failed(1.1, REFUSAL)
    assert (life.state, life.error) == ("closing", REFUSAL)


def test_a_refusal_that_will_stay_one_is_not_waited_for() -> None:
    life = make_life(Retry(wait_for_server=True))
    life.start(0.0, START_SECONDS)
    take_attempt(life, 0.0)
    life.failed(0.0, REFUSAL, is_final=True)
    assert life.state == "closing"


def test_a_lost_connection_suspends_the_role_and_is_told_once() -> None:
    life, attempt = registered_life()
    life.lost(100.0, attempt.number, LOSS)
    life.lost(100.0, attempt.number, LOSS)
    assert life.drain_changes() == [StateChange(RoleState.SUSPENDED, LOSS, lost=True)]
    assert life.due == 100.25


def test_it_is_registered_again_and_says_that_it_is_again() -> None:
    life = suspended_life()
    assert life.begin_attempt(100.2) is None, "not due yet"
    attempt = take_attempt(life, 100.25)
    assert attempt.until == 100.25 + ATTEMPT_SECONDS
    life.registered(100.3)
    assert life.drain_changes() == [StateChange(RoleState.REGISTERED, again=True)]
    assert life.error is None


def test_failed_attempts_are_repeated_with_growing_intervals() -> None:
    life = suspended_life()
    due = []
    for _ in range(7):
        assert life.due is not None
        due.append(life.due)
        take_attempt(life, life.due)
        life.failed(due[-1], REFUSAL)
    assert [after - before for before, after in itertools.pairwise(due)] == [0.5, 1.0, 2.0, 4.0, 5.0, 5.0]
    assert life.error is REFUSAL
    assert life.drain_changes() == []


def test_it_gives_up_when_it_was_told_when() -> None:
    life = suspended_life(Retry(jitter=0.0, give_up_after=1.0))
    for _ in range(2):
        assert life.due is not None
        now = life.due
        take_attempt(life, now)
        life.failed(now, REFUSAL)
    assert life.drain_changes() == [StateChange(RoleState.CLOSED, REFUSAL)]
    assert not life.is_over, "its sessions go on until it is closed"


def test_a_refusal_that_will_stay_one_ends_a_suspended_role() -> None:
    life = suspended_life()
    take_attempt(life, 200.0)
    life.failed(200.0, REFUSAL, is_final=True)
    assert life.state == "closed"


def test_without_retry_a_lost_connection_ends_the_role_and_start_begins_again() -> None:
    life, attempt = registered_life(None)
    life.lost(100.0, attempt.number, LOSS)
    assert life.drain_changes() == [StateChange(RoleState.CLOSED, LOSS, lost=True)]
    assert life.due is None
    life.start(101.0, 111.0)
    assert take_attempt(life, 101.0).number == attempt.number + 1
    life.registered(101.1)
    assert states(life) == ["connecting", "registered"]


def test_a_failed_start_after_a_loss_keeps_what_still_runs() -> None:
    life, attempt = registered_life(None)
    life.lost(100.0, attempt.number, LOSS)
    life.start(101.0, 111.0)
    take_attempt(life, 101.0)
    life.failed(101.0, REFUSAL)
    assert life.state == "closed"
    assert not life.is_to_end
    assert not life.is_over


def test_what_happens_to_an_earlier_connection_is_of_no_interest() -> None:
    life, first = registered_life()
    life.lost(100.0, first.number, LOSS)
    take_attempt(life, 101.0)
    life.registered(101.0)
    life.drain_changes()
    life.lost(102.0, first.number, LOSS)
    assert life.state == "registered"


def test_a_connection_that_is_lost_before_its_registration_is_reported_was_registered() -> None:
    life = make_life()
    life.start(0.0, START_SECONDS)
    attempt = take_attempt(life, 0.0)
    life.lost(0.1, attempt.number, LOSS)
    life.registered(0.2)
    assert states(life) == ["connecting", "registered", "suspended"]
    assert (life.due, life.error, life.registrations) == (0.45, LOSS, 1)


def test_a_connection_that_is_lost_before_its_failure_is_reported_never_was_registered() -> None:
    life = make_life()
    life.start(0.0, START_SECONDS)
    attempt = take_attempt(life, 0.0)
    life.lost(0.1, attempt.number, LOSS)
    life.failed(0.2, LOSS, was_connected=True)
    assert states(life) == ["connecting"]
    assert (life.due, life.registrations) == (0.45, 0)


def test_a_server_that_drops_each_registration_at_once_is_asked_ever_more_seldom() -> None:
    life = make_life()
    life.start(0.0, START_SECONDS)
    due = []
    for _ in range(6):
        assert life.due is not None
        now = life.due
        due.append(now)
        attempt = take_attempt(life, now)
        life.lost(now, attempt.number, LOSS)
        life.registered(now)
    assert [after - before for before, after in itertools.pairwise(due)] == [0.25, 0.5, 1.0, 2.0, 4.0]


def test_close_after_a_failed_start_releases_what_that_left() -> None:
    life = make_life()
    life.start(0.0, START_SECONDS)
    take_attempt(life, 0.0)
    life.failed(0.1, REFUSAL)
    life.closed(is_released=False)
    assert (life.state, life.is_over, life.is_to_end) == ("closed", True, False)

    life.close()
    assert life.is_to_end
    life.closed()
    assert states(life) == ["connecting", "closing", "closed", "closing", "closed"]
    life.close()
    assert not life.is_to_end, "once"


def test_close_while_a_failed_start_ends_has_the_end_begin_once_more() -> None:
    life = make_life()
    life.start(0.0, START_SECONDS)
    take_attempt(life, 0.0)
    life.failed(0.1, REFUSAL)
    life.close()
    life.closed(is_released=False)
    assert life.is_to_end
    life.closed()
    assert states(life) == ["connecting", "closing", "closed"]


def test_close_waits_for_the_attempt_under_way() -> None:
    life = make_life()
    life.start(0.0, START_SECONDS)
    take_attempt(life, 0.0)
    life.close()
    assert not life.is_to_end
    life.registered(0.1)
    assert life.is_to_end
    assert life.state == "closing"


def test_close_of_a_suspended_role_takes_the_next_attempt_back() -> None:
    life = suspended_life()
    life.close()
    assert life.due is None
    assert life.begin_attempt(1000.0) is None


def test_close_is_idempotent() -> None:
    life = closed_life()
    life.close()
    assert life.drain_changes() == []


def test_close_of_a_role_that_was_never_started_closes_what_it_holds() -> None:
    life = make_life()
    life.close()
    assert life.is_to_end
    life.closed()
    assert states(life) == ["closing", "closed"]


def test_a_role_that_a_loss_ended_is_closed_with_what_still_runs_and_keeps_its_error() -> None:
    life, attempt = registered_life(None)
    life.lost(100.0, attempt.number, LOSS)
    life.close()
    assert life.is_to_end
    life.closed()
    assert life.error is LOSS


def test_no_callback_starts_a_role_that_was_closed_from_outside() -> None:
    life, _ = registered_life()
    life.close()
    with pytest.raises(ConnectionLost, match="closed while this callback was running"):
        life.start(1.0, 2.0, in_callback=True)
    life.closed()
    with pytest.raises(ConnectionLost, match="closed while this callback was running"):
        life.start(1.0, 2.0, in_callback=True)


def test_a_callback_may_close_and_start_its_role() -> None:
    life, _ = registered_life()
    life.close(in_callback=True)
    life.closed()
    life.start(1.0, 2.0, in_callback=True)
    assert life.state == "connecting"


def test_start_of_a_role_that_is_being_closed_is_refused() -> None:
    life, _ = registered_life()
    life.close(in_callback=True)
    with pytest.raises(ConnectionLost, match="being closed"):
        life.start(1.0, 2.0)


@pytest.mark.parametrize("make", [registered_life, suspended_life])
def test_start_of_a_role_that_is_at_it_changes_nothing(make: object) -> None:
    life = suspended_life() if make is suspended_life else registered_life()[0]
    due = life.due
    life.start(1.0, 2.0)
    assert life.drain_changes() == []
    assert life.due == due


class Lives(RuleBasedStateMachine):
    """Any sequence of what callers, the reader, the role's thread and time can do."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.life = Life(Retry(give_up_after=60.0), lambda: 0.5, ATTEMPT_SECONDS)
        self.attempt: Attempt | None = None
        self.newest = 0
        self.told = [RoleState.NEW]
        self.closed_from_outside = False

    @rule(seconds=st.sampled_from([0.0, 0.01, 0.3, 1.0, 5.0, 3600.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(in_callback=st.booleans())
    def start(self, in_callback: bool) -> None:
        before = self.life.state
        try:
            self.life.start(self.now, self.now + START_SECONDS, in_callback)
        except ConnectionLost:
            assert before == "closing" or (in_callback and self.closed_from_outside)
            return
        if before in ("new", "closed"):
            assert not (in_callback and self.closed_from_outside)
            self.closed_from_outside = False

    @rule(in_callback=st.booleans())
    def close(self, in_callback: bool) -> None:
        self.life.close(in_callback)
        self.closed_from_outside |= not in_callback
        assert self.life.state in ("closing", "closed")
        assert self.life.due is None

    @precondition(lambda self: self.attempt is None)
    @rule()
    def begin(self) -> None:
        self.attempt = self.life.begin_attempt(self.now)
        if self.attempt is not None:
            assert self.life.state in ("connecting", "suspended")
            self.newest = self.attempt.number

    @precondition(lambda self: self.attempt is not None)
    @rule()
    def attempt_succeeds(self) -> None:
        self.attempt = None
        self.life.registered(self.now)

    @precondition(lambda self: self.attempt is not None)
    @rule(is_final=st.booleans(), was_connected=st.booleans())
    def attempt_fails(self, is_final: bool, was_connected: bool) -> None:
        self.attempt = None
        self.life.failed(self.now, REFUSAL, is_final, was_connected=was_connected)

    @rule(age=st.integers(0, 3))
    def connection_is_lost(self, age: int) -> None:
        self.life.lost(self.now, self.newest - age, LOSS)

    @precondition(lambda self: self.life.is_to_end)
    @rule()
    def everything_is_closed(self) -> None:
        self.life.closed()
        assert self.life.is_over

    @invariant()
    def changes_follow_the_table(self) -> None:
        for change in self.life.drain_changes():
            assert change.state in TRANSITIONS[self.told[-1]]
            self.told.append(change.state)
        assert self.told[-1] == self.life.state

    @invariant()
    def it_is_never_stuck(self) -> None:
        """In every transitional state something is under way, or due, that ends it."""
        if self.life.state in ("connecting", "suspended"):
            assert self.attempt is not None or self.life.due is not None
        if self.life.state == "closing":
            assert self.attempt is not None or self.life.is_to_end

    @invariant()
    def nothing_starts_behind_close(self) -> None:
        if self.life.state in ("closing", "closed"):
            assert self.life.due is None

    @invariant()
    def an_attempt_is_due_within_the_interval(self) -> None:
        if self.life.due is not None and self.life.state == "suspended":
            assert self.life.due <= self.now + Retry().maximum


Lives.TestCase.settings = settings(max_examples=100, stateful_step_count=50, deadline=None)
TestLives = Lives.TestCase
