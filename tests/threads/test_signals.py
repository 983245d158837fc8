"""Signals whose receivers several threads connect and disconnect at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import blinker
import pytest

from gst_signalling_sync.signals import Signal

THREADS = 8
SECONDS = 10.0


def slow_set() -> Any:
    """The set of receivers that blinker makes; other threads run meanwhile."""
    time.sleep(0.001)
    return Signal.set_class()


class SlowSignal(Signal):
    set_class = staticmethod(slow_set)  # type: ignore[assignment]


def receiver() -> Callable[..., None]:
    return lambda sender: None


@pytest.mark.parametrize("sender", [blinker.ANY, "robot"])
def test_none_of_the_receivers_that_are_connected_at_once_is_lost(sender: object) -> None:
    signal = SlowSignal("tested")
    receivers = [receiver() for _ in range(THREADS)]
    together = threading.Barrier(THREADS)

    def connect(function: Callable[..., None]) -> None:
        together.wait(SECONDS)
        signal.connect(function, sender)

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(connect, receivers))

    assert set(signal.receivers_for("robot")) == set(receivers)


def test_receiver_that_is_connected_while_the_signal_is_emitted_is_not_lost() -> None:
    signal = SlowSignal("tested")
    together = threading.Barrier(2)
    function = receiver()

    def emit() -> None:
        together.wait(SECONDS)
        for _ in range(50):
            signal.emit("robot")

    with ThreadPoolExecutor() as pool:
        emitting = pool.submit(emit)
        together.wait(SECONDS)
        signal.connect(function)
        emitting.result(SECONDS)

    assert list(signal.receivers_for("robot")) == [function]


def test_receivers_come_and_go_on_many_threads() -> None:
    signal = Signal("tested")

    def come_and_go(thread: int) -> None:
        for _ in range(200):
            function = receiver()
            signal.connect(function, object(), thread=f"t{thread}")
            signal.disconnect(function)

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(come_and_go, range(THREADS)))

    assert not signal.receivers
