"""Calls that may never return: whoever needs the result of one that was given up waits for it, instead of making another."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue

import pytest

from gst_signalling_sync.threads.interruptible import Future
from gst_signalling_sync.threads.slow_calls import SlowCall, SlowCalls

SECONDS = 10.0

Waiter = Future[Callable[[], object]]


class Slow:
    """A function that returns what the test gives it, and counts its calls."""

    def __init__(self) -> None:
        self.answers: SimpleQueue[object] = SimpleQueue()
        self.calls = 0

    def __call__(self) -> object:
        self.calls += 1
        return self.answers.get(timeout=SECONDS)


@pytest.fixture
def calls() -> SlowCalls:
    return SlowCalls()


@pytest.fixture
def slow() -> Iterator[Slow]:
    slow = Slow()
    yield slow
    for _ in range(slow.calls):
        slow.answers.put(None)


def begun(calls: SlowCalls, slow: Slow, key: str = "key") -> tuple[Waiter, SlowCall]:
    waiter: Waiter = Future()
    return waiter, calls.begin(key, slow, "slow", waiter)


def given_up(calls: SlowCalls, slow: Slow) -> None:
    waiter, call = begun(calls, slow)
    waiter.cancel()
    calls.give_up(call)


def test_result_of_a_call(calls: SlowCalls, slow: Slow) -> None:
    waiter, call = begun(calls, slow)
    slow.answers.put("result")

    assert waiter.result(SECONDS)() == "result"

    calls.give_up(call)
    begun(calls, slow)
    assert slow.calls == 2


def test_error_of_a_call(calls: SlowCalls) -> None:
    def fail() -> object:
        raise TimeoutError("its own")

    waiter: Waiter = Future()
    calls.begin("key", fail, "slow", waiter)

    outcome = waiter.result(SECONDS)
    with pytest.raises(TimeoutError, match="its own"):
        outcome()


def test_who_comes_after_one_that_gave_up_gets_the_result_of_its_call(calls: SlowCalls, slow: Slow) -> None:
    for _ in range(5):
        given_up(calls, slow)
    waiter, _ = begun(calls, slow)
    slow.answers.put("late")

    assert waiter.result(SECONDS)() == "late"
    assert slow.calls == 1


def test_two_that_wait_at_the_same_time_have_a_call_each(calls: SlowCalls, slow: Slow) -> None:
    waiters = [begun(calls, slow)[0] for _ in range(2)]
    for answer in ("one", "two"):
        slow.answers.put(answer)

    assert {waiter.result(SECONDS)() for waiter in waiters} == {"one", "two"}


def test_call_with_another_key_is_not_waited_for(calls: SlowCalls, slow: Slow) -> None:
    given_up(calls, slow)
    begun(calls, slow, "another")

    assert slow.calls == 2


def test_call_that_ended_after_it_was_given_up_is_forgotten(calls: SlowCalls, slow: Slow) -> None:
    given_up(calls, slow)
    [thread] = [thread for thread in threading.enumerate() if thread.name == "gss-slow"]
    slow.answers.put("too late")
    thread.join(SECONDS)

    waiter, _ = begun(calls, slow)
    slow.answers.put("in time")

    assert waiter.result(SECONDS)() == "in time"
    assert slow.calls == 2
