"""`Callbacks`: order on each thread, no overlap, threads that do not delay each other, an end that never waits for itself."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gst_signalling_sync.errors import callback_failed
from gst_signalling_sync.signals import Signal
from gst_signalling_sync.threads.callbacks import Callbacks

from ..helpers.processes import in_child

SECONDS = 10.0


def gss_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("gss-test")]


class Busy:
    """A callback that does not return until a test lets it."""

    def __init__(self) -> None:
        self.has_begun, self.may_end = threading.Event(), threading.Event()

    def __call__(self, sender: object = None, **named: object) -> None:
        self.has_begun.set()
        assert self.may_end.wait(SECONDS)


@pytest.fixture
def callbacks() -> Iterator[Callbacks]:
    callbacks = Callbacks("test")
    callbacks.open()
    yield callbacks
    callbacks.close(SECONDS)


@pytest.fixture
def busy() -> Iterator[Busy]:
    busy = Busy()
    yield busy
    busy.may_end.set()


# One thread


def test_callbacks_are_called_in_order_on_one_thread(callbacks: Callbacks) -> None:
    called: list[tuple[int, bool, str]] = []

    def call(number: int) -> None:
        called.append((number, callbacks.is_current, threading.current_thread().name))

    for number in range(100):
        callbacks.post(call, number)
    callbacks.close(SECONDS)

    assert called == [(number, True, "gss-test") for number in range(100)]
    assert not callbacks.is_current


def test_callback_that_raises_is_logged_and_stops_no_other(
    callbacks: Callbacks, caplog: pytest.LogCaptureFixture
) -> None:
    called = threading.Event()

    callbacks.post(lambda: 1 // 0)
    callbacks.post(called.set)

    assert called.wait(SECONDS)
    assert "ZeroDivisionError" in caplog.text


def test_call_next_comes_before_what_was_posted_meanwhile(callbacks: Callbacks, busy: Busy) -> None:
    called: list[str] = []

    def first() -> None:
        busy()
        callbacks.post_next(None, called.append, "next")

    callbacks.post(first)
    assert busy.has_begun.wait(SECONDS)
    callbacks.post(called.append, "later")
    busy.may_end.set()
    callbacks.close(SECONDS)

    assert called == ["next", "later"]


def test_callback_is_not_kept_alive_by_an_idle_thread(callbacks: Callbacks) -> None:
    deleted, called = threading.Event(), threading.Event()

    class Receiver:
        def __call__(self) -> None:
            pass

        def __del__(self) -> None:
            deleted.set()

    callbacks.post(Receiver())
    callbacks.post(called.set)

    assert called.wait(SECONDS)
    assert deleted.wait(SECONDS)


def test_callbacks_that_pile_up_are_told_of_once(
    callbacks: Callbacks, busy: Busy, caplog: pytest.LogCaptureFixture
) -> None:
    callbacks.post(busy)
    for _ in range(10_500):
        callbacks.post(lambda: None)

    assert caplog.text.count("a receiver takes too long") == 1


# Named threads


def test_receivers_of_a_thread_are_called_in_order_on_it(callbacks: Callbacks) -> None:
    told: list[tuple[int, str]] = []
    signal = Signal("``(sender, number)``")

    @signal.connect(thread="motion")
    def move(sender: object, number: int) -> None:
        told.append((number, threading.current_thread().name))

    for number in range(100):
        callbacks.emit(signal, None, number=number)
    callbacks.close(SECONDS)

    assert told == [(number, "gss-test-motion") for number in range(100)]


def test_busy_default_thread_does_not_delay_a_named_one(callbacks: Callbacks, busy: Busy) -> None:
    signal, stopped = Signal("``(sender)``"), threading.Event()
    signal.connect(busy)
    signal.connect(lambda sender: stopped.set(), thread="stop")

    callbacks.emit(signal, None)
    assert busy.has_begun.wait(SECONDS)
    assert stopped.wait(SECONDS)
    stopped.clear()
    callbacks.emit(signal, None)

    assert stopped.wait(SECONDS)


def test_busy_named_thread_delays_no_other(callbacks: Callbacks, busy: Busy) -> None:
    signal, called = Signal("``(sender)``"), SimpleQueue[str]()
    signal.connect(busy, thread="motion")
    signal.connect(lambda sender: called.put("default"))
    signal.connect(lambda sender: called.put("stop"), thread="stop")

    callbacks.emit(signal, None)

    assert {called.get(timeout=SECONDS), called.get(timeout=SECONDS)} == {"default", "stop"}


def test_receivers_that_share_a_thread_do_not_overlap(callbacks: Callbacks) -> None:
    signals = [Signal("``(sender)``") for _ in range(3)]
    inside, most = 0, 0

    def count(sender: object) -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        time.sleep(0.001)
        inside -= 1

    for signal in signals:
        signal.connect(count, thread="motion")
        for _ in range(10):
            callbacks.emit(signal, None)
    callbacks.close(SECONDS)

    assert most == 1


def test_receiver_that_raises_on_a_named_thread_is_reported_and_stops_no_other(callbacks: Callbacks) -> None:
    signal, called, failed = Signal("``(sender)``"), threading.Event(), SimpleQueue[str]()
    signal.connect(lambda sender: 1 // 0, thread="motion")
    signal.connect(lambda sender: called.set(), thread="motion")

    def report(sender: object, error: Exception, receiver: object) -> None:
        failed.put(type(error).__name__)

    with callback_failed.connected_to(report):
        callbacks.emit(signal, None)
        assert called.wait(SECONDS)

    assert failed.get_nowait() == "ZeroDivisionError"


def test_weak_receiver_on_a_named_thread_is_forgotten_with_its_owner(callbacks: Callbacks) -> None:
    signal, called = Signal("``(sender)``"), []

    class Robot:
        def move(self, sender: object) -> None:
            called.append("moved")

    robot = Robot()
    signal.connect(robot.move, weak=True, thread="motion")
    del robot
    gc.collect()
    callbacks.emit(signal, None)
    callbacks.close(SECONDS)

    assert (called, signal.threads_for(None)) == ([], ())


def test_receiver_that_is_disconnected_meanwhile_is_left_out(callbacks: Callbacks, busy: Busy) -> None:
    signal, called = Signal("``(sender)``"), []

    def move(sender: object) -> None:
        called.append("moved")

    signal.connect(busy, thread="motion")
    signal.connect(move, thread="motion")
    callbacks.emit(signal, None)
    callbacks.emit(signal, None)
    assert busy.has_begun.wait(SECONDS)
    signal.disconnect(move)
    busy.may_end.set()
    callbacks.close(SECONDS)

    assert len(called) <= 1


def test_receiver_connected_again_moves_to_the_thread_named_last(callbacks: Callbacks) -> None:
    signal, told = Signal("``(sender)``"), SimpleQueue[str]()

    def move(sender: object) -> None:
        told.put(threading.current_thread().name)

    for thread, name in (("motion", "gss-test-motion"), ("stop", "gss-test-stop"), (None, "gss-test")):
        signal.connect(move, thread=thread)
        callbacks.emit(signal, None)
        callbacks.close(SECONDS)
        callbacks.open()
        assert (told.get_nowait(), told.empty()) == (name, True)


def test_receivers_of_one_sender_alone(callbacks: Callbacks) -> None:
    signal, told = Signal("``(sender)``"), list[object]()
    one, other = object(), object()
    signal.connect(told.append, sender=one, thread="motion")

    callbacks.emit(signal, other)
    callbacks.emit(signal, one)
    callbacks.close(SECONDS)

    assert told == [one]


@pytest.mark.parametrize("thread", ["", 7])
def test_name_that_is_none_is_refused(thread: object) -> None:
    with pytest.raises(ValueError, match="thread must be a non-empty string"):
        Signal("``(sender)``").connect(print, thread=thread)  # type: ignore[call-overload]


def test_callback_failed_has_no_threads() -> None:
    with pytest.raises(ValueError, match="thread must not be given"):
        callback_failed.connect(print, thread="errors")


# Functions that wait for all receivers


def test_function_is_called_after_the_receivers_of_every_thread(callbacks: Callbacks, busy: Busy) -> None:
    signal, order = Signal("``(sender)``"), []
    done = threading.Event()
    signal.connect(lambda sender: order.append("default"))
    signal.connect(busy, thread="motion")
    signal.connect(lambda sender: order.append("motion"), thread="motion")

    callbacks.emit_then(done.set, signal, None)
    assert busy.has_begun.wait(SECONDS)
    assert not done.wait(0.05)
    busy.may_end.set()

    assert done.wait(SECONDS)
    assert sorted(order) == ["default", "motion"]


@pytest.mark.parametrize("thread", [None, "motion"])
def test_in_a_callback_the_receivers_of_its_thread_are_called_at_once(callbacks: Callbacks, thread: str | None) -> None:
    signal, done = Signal("``(sender)``"), threading.Event()
    waited: SimpleQueue[bool] = SimpleQueue()
    signal.connect(lambda sender: None)
    signal.connect(lambda sender, **named: None, thread="motion")

    def wait_for_all() -> None:
        callbacks.emit_then(done.set, signal, None)
        waited.put(done.wait(SECONDS))

    callbacks.post_to(thread, wait_for_all)

    assert waited.get(timeout=SECONDS)


# Closing


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

    assert (len(called), gss_threads()) == (30, [])


@pytest.mark.parametrize("thread", [None, "motion"])
def test_close_in_a_callback_returns_and_its_thread_ends_behind_it(callbacks: Callbacks, thread: str | None) -> None:
    closed: SimpleQueue[bool] = SimpleQueue()
    callbacks.post_to("stop", lambda: None)
    callbacks.post_to(thread, lambda: closed.put(callbacks.close(SECONDS)))

    assert closed.get(timeout=SECONDS) is False
    assert callbacks.close(SECONDS)
    assert gss_threads() == []


def test_close_in_a_callback_waits_for_the_other_threads(callbacks: Callbacks, busy: Busy) -> None:
    left: SimpleQueue[list[str]] = SimpleQueue()

    def close() -> None:
        callbacks.close(SECONDS)
        left.put(gss_threads())

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
    assert len(set(gss_threads())) == len(gss_threads())
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
    assert gss_threads() == ["gss-test"]


def test_open_is_idempotent_from_many_threads(callbacks: Callbacks) -> None:
    callbacks.close(SECONDS)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: callbacks.open(), range(50)))

    assert gss_threads() == ["gss-test"]


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
        assert gss_threads() == []
        assert self.called == self.posted

    @invariant()
    def never_two_at_a_time(self) -> None:
        assert self.overlaps == 0
        assert len(set(gss_threads())) == len(gss_threads())

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
