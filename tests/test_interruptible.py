"""Ctrl-C at any moment leaves nothing locked."""

from __future__ import annotations

import random
import signal
import threading
from collections.abc import Callable, Iterator

import pytest

from gst_signalling_sync.threads.interruptible import Condition, Event, Future

ROUNDS = 500
"""Of which `threading.Condition` is left locked in some hundred."""

SECONDS = 10.0


def take(condition: Condition) -> None:
    with condition:
        pass


def wait(condition: Condition) -> None:
    with condition:
        condition.wait(1e-6)


@pytest.fixture
def _interrupting() -> Iterator[None]:
    """Have SIGALRM do what Ctrl-C does."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    yield
    signal.signal(signal.SIGALRM, before)


def interrupted(function: Callable[[], object]) -> None:
    """Call a function again and again until it is interrupted, at a moment that nobody knows."""
    try:
        signal.setitimer(signal.ITIMER_REAL, random.uniform(50e-6, 300e-6))
        while True:
            function()
    except KeyboardInterrupt:
        pass


def is_done_by_another_thread(function: Callable[[], object]) -> bool:
    thread = threading.Thread(target=function, daemon=True)
    thread.start()
    thread.join(SECONDS)
    return not thread.is_alive()


@pytest.mark.usefixtures("_interrupting")
@pytest.mark.parametrize("use", [take, wait])
def test_condition_can_be_taken_by_others(use: Callable[[Condition], None]) -> None:
    for _ in range(ROUNDS):
        condition = Condition()
        interrupted(lambda condition=condition: use(condition))  # type: ignore[misc]
        assert is_done_by_another_thread(lambda condition=condition: take(condition))  # type: ignore[misc]


@pytest.mark.usefixtures("_interrupting")
def test_event_can_be_set_by_others() -> None:
    for _ in range(ROUNDS):
        event = Event()
        interrupted(lambda event=event: event.wait(1e-6))  # type: ignore[misc]
        assert is_done_by_another_thread(event.set)


@pytest.mark.usefixtures("_interrupting")
def test_future_can_be_told_its_result_by_others() -> None:
    for _ in range(ROUNDS):
        future: Future[int] = Future()
        interrupted(future.done)
        assert is_done_by_another_thread(lambda future=future: future.set_result(1))  # type: ignore[misc]
        assert future.result(SECONDS) == 1


def test_condition_wakes_who_waits() -> None:
    condition = Condition()
    told = []

    def tell() -> None:
        with condition:
            told.append(1)
            condition.notify_all()

    thread = threading.Thread(target=tell)
    with condition:
        thread.start()
        assert condition.wait_for(lambda: told, SECONDS)
        assert not condition.wait(0.001)
    thread.join()
