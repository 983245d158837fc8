"""The end of `Callbacks`, which never waits for itself."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gst_signalling_sync.threads.callbacks import Callbacks

from ..helpers.own_process import gss_threads
from ..helpers.processes import in_child
from .busy import Busy

SECONDS = 10.0


def test_callback_posted_after_close_is_dropped(callbacks: Callbacks) -> None:
    called: list[int] = []
    assert callbacks.close(SECONDS)

    callbacks.post(called.append, 1)
    callbacks.post_to("motion", called.append, 2)
    assert callbacks.close(SECONDS)
    callbacks.open()
    callbacks.close(SECONDS)

    assert not called


def test_close_calls_what_was_posted_and_leaves_no_thread(callbacks: Callbacks) -> None:
    called: list[str] = []
    for thread in (None, "motion", "stop"):
        for _ in range(10):
            callbacks.post_to(thread, called.append, str(thread))

    assert callbacks.close(SECONDS)

    assert (len(called), gss_threads("gss-test")) == (30, [])


@pytest.mark.parametrize("thread", [None, "motion"])
def test_close_in_a_callback_returns_and_its_thread_ends_behind_it(callbacks: Callbacks, thread: str | None) -> None:
    closed: SimpleQueue[bool] = SimpleQueue()
    callbacks.post_to("stop", lambda: None)
    callbacks.post_to(thread, lambda: closed.put(callbacks.close(SECONDS)))

    assert closed.get(timeout=SECONDS) is False
    assert callbacks.close(SECONDS)
    assert gss_threads("gss-test") == []


def test_close_in_a_callback_waits_for_the_other_threads(callbacks: Callbacks, busy: Busy) -> None:
    left: SimpleQueue[list[str]] = SimpleQueue()

    def close() -> None:
        callbacks.close(SECONDS)
        left.put(gss_threads("gss-test"))

    callbacks.post_to("motion", busy)
    assert busy.has_begun.wait(SECONDS)
    callbacks.post(close)
    assert left.empty()
    busy.may_end.set()

    assert left.get(timeout=SECONDS) == ["gss-test"]


def test_callbacks_of_two_threads_that_both_close_do_not_wait_for_each_other(callbacks: Callbacks) -> None:
    both, begin = threading.Barrier(3), time.monotonic()

    def close() -> None:
        both.wait(SECONDS)
        callbacks.close(SECONDS)

    for thread in (None, "motion", "stop"):
        callbacks.post_to(thread, close)

    assert callbacks.close(SECONDS)
    assert time.monotonic() - begin < SECONDS / 2


def test_close_is_bounded_by_a_callback_that_blocks(
    callbacks: Callbacks, busy: Busy, caplog: pytest.LogCaptureFixture
) -> None:
    callbacks.post_to("motion", busy)
    assert busy.has_begun.wait(SECONDS)

    begin = time.monotonic()
    assert not callbacks.close(0.05)

    assert time.monotonic() - begin < 4
    assert "gss-test-motion: a callback still runs" in caplog.text


@pytest.mark.parametrize("thread", [None, "motion"])
def test_busy_thread_goes_on_when_opened_again(callbacks: Callbacks, busy: Busy, thread: str | None) -> None:
    called: list[str] = []
    callbacks.post_to(thread, busy)
    callbacks.post_to(thread, called.append, "before")
    assert busy.has_begun.wait(SECONDS)
    callbacks.close(0)
    callbacks.post_to(thread, called.append, "dropped")
    callbacks.open()
    callbacks.post_to(thread, called.append, "after")
    # The new thread does not run beside the one that is busy.
    assert len(set(gss_threads("gss-test"))) == len(gss_threads("gss-test"))
    assert not called
    busy.may_end.set()
    callbacks.close(SECONDS)

    assert called == ["before", "after"]


def test_open_in_a_callback_keeps_its_thread(callbacks: Callbacks) -> None:
    told: SimpleQueue[str] = SimpleQueue()

    def restart() -> None:
        callbacks.close(SECONDS)
        callbacks.open()
        callbacks.post(lambda: told.put(threading.current_thread().name))
        told.put("restarted")

    callbacks.post(restart)

    assert [told.get(timeout=SECONDS), told.get(timeout=SECONDS)] == ["restarted", "gss-test"]
    assert gss_threads("gss-test") == ["gss-test"]


def test_open_is_idempotent_from_many_threads(callbacks: Callbacks) -> None:
    callbacks.close(SECONDS)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: callbacks.open(), range(50)))

    assert gss_threads("gss-test") == ["gss-test"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_forked_child_is_told_that_the_threads_stayed_in_the_parent(callbacks: Callbacks) -> None:
    def refuses() -> bool:
        for use in (callbacks.open, lambda: callbacks.close(0)):
            with pytest.raises(RuntimeError, match="inherited by fork"):
                use()
        own = Callbacks("child")
        own.open()
        called = threading.Event()
        own.post(called.set)
        return called.wait(SECONDS) and own.close(SECONDS)

    assert in_child(refuses)


class Lives(RuleBasedStateMachine):
    """Any sequence of calls, from outside and from callbacks: order and no overlap on each thread, no call after the end."""

    threads = st.sampled_from([None, "motion", "stop"])

    def __init__(self) -> None:
        super().__init__()
        self.callbacks = Callbacks("test")
        self.is_open = False
        self.posted: dict[str | None, list[int]] = {None: [], "motion": [], "stop": []}
        self.called: dict[str | None, list[int]] = {None: [], "motion": [], "stop": []}
        self.inside: set[str | None] = set()
        self.overlaps = 0
        self.number = 0

    def call(self, thread: str | None, number: int, then: str, done: threading.Event | None = None) -> None:
        self.overlaps += thread in self.inside
        self.inside.add(thread)
        self.called[thread].append(number)
        if then == "close":
            self.callbacks.close(SECONDS)
        elif then == "restart":
            self.callbacks.close(SECONDS)
            self.callbacks.open()
        self.inside.discard(thread)
        if done is not None:
            done.set()

    @rule()
    def open(self) -> None:
        self.callbacks.open()
        self.is_open = True

    @rule(thread=threads, count=st.integers(1, 5))
    def post(self, thread: str | None, count: int) -> None:
        for _ in range(count):
            self.number += 1
            self.callbacks.post_to(thread, self.call, thread, self.number, "")
            if self.is_open:
                self.posted[thread].append(self.number)

    @rule(thread=threads, then=st.sampled_from(["close", "restart"]))
    def use_in_a_callback(self, thread: str | None, then: str) -> None:
        if not self.is_open:
            return
        done = threading.Event()
        self.number += 1
        self.posted[thread].append(self.number)
        self.callbacks.post_to(thread, self.call, thread, self.number, then, done)
        assert done.wait(SECONDS)
        self.is_open = then == "restart"

    @rule()
    def close(self) -> None:
        assert self.callbacks.close(SECONDS)
        self.is_open = False
        assert gss_threads("gss-test") == []
        assert self.called == self.posted

    @invariant()
    def never_two_at_a_time(self) -> None:
        assert self.overlaps == 0
        assert len(set(gss_threads("gss-test"))) == len(gss_threads("gss-test"))

    @invariant()
    def in_order(self) -> None:
        for called in self.called.values():
            # The threads go on meanwhile.
            so_far = list(called)
            assert so_far == sorted(so_far)

    def teardown(self) -> None:
        self.close()


TestLives = Lives.TestCase
TestLives.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
