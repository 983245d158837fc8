"""`Callbacks` on named threads: no overlap, and threads that do not delay each other."""

from __future__ import annotations

import gc
import threading
import time
from queue import SimpleQueue

import pytest

from gst_signalling_sync.errors import callback_failed
from gst_signalling_sync.signals import Signal
from gst_signalling_sync.threads.callbacks import Callbacks

from .busy import Busy

SECONDS = 10.0


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
