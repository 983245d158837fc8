"""When a busy reader pauses, in simulated time."""

from __future__ import annotations

from gst_signalling_sync.signalling.turns import PAUSE_SECONDS, Turns


def test_reader_that_always_has_something_to_do_pauses_before_the_interpreter_is_taken_from_it() -> None:
    turns, now, worked = Turns(0.0), 0.0, 0.0
    for _ in range(10_000):
        now += 0.0001
        worked += 0.0001
        if turns.is_over(now):
            now += PAUSE_SECONDS
            worked = 0.0
        assert worked < 0.0025


def test_reader_that_waits_for_the_server_needs_no_pause() -> None:
    turns, now = Turns(0.0), 0.0
    for _ in range(1000):
        turns.waited(now, now + 0.01)
        now += 0.01 + 0.001
        assert not turns.is_over(now)


def test_data_that_was_there_already_is_not_waited_for() -> None:
    turns = Turns(0.0)

    turns.waited(0.0019, 0.0019)

    assert turns.is_over(0.0021)
