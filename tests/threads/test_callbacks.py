"""`Callbacks`: order on one thread, and functions that wait for all receivers."""

from __future__ import annotations

import threading
from queue import SimpleQueue

import pytest

from gst_signalling_sync.signals import Signal
from gst_signalling_sync.threads.callbacks import Callbacks

from .busy import Busy

SECONDS = 10.0


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
