"""Calls of which one runs at a time. That Ctrl-C does not disturb later ones is in `test_interruptible`."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from gst_signalling_sync.threads.one_at_a_time import OneAtATime
from gst_signalling_sync.threads.waiting import Deadline

from ..helpers.waiting import wait_until_waiting

SECONDS = 10.0


@pytest.fixture
def calls() -> OneAtATime:
    return OneAtATime()


@pytest.fixture
def release(calls: OneAtATime) -> Iterator[threading.Event]:
    """Ends a call that runs on another thread."""
    runs, release = threading.Event(), threading.Event()

    def run() -> None:
        runs.set()
        release.wait(SECONDS)

    with ThreadPoolExecutor() as pool:
        running = pool.submit(calls.run, run, Deadline(SECONDS))
        assert runs.wait(SECONDS)
        yield release
        release.set()
        assert running.result(SECONDS)


def test_the_calls_of_many_threads_run_one_after_another(calls: OneAtATime) -> None:
    running = threading.Lock()
    count = []

    def run() -> None:
        assert running.acquire(blocking=False)
        count.append(1)
        running.release()

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(lambda _: calls.run(run, Deadline(SECONDS)), range(200)))

    assert len(count) == 200


def test_call_that_gets_no_turn_in_time_is_not_made(calls: OneAtATime, release: threading.Event) -> None:
    made: list[None] = []

    assert not calls.run(lambda: made.append(None), Deadline(0.0))
    assert not calls.run(lambda: made.append(None), Deadline(0.01))

    assert not made


def test_call_waits_for_the_one_that_runs(calls: OneAtATime, release: threading.Event) -> None:
    made: list[None] = []
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(calls.run, lambda: made.append(None), Deadline(SECONDS))
        wait_until_waiting(calls.run, threads=2)
        assert not made

        release.set()

        assert waiting.result(SECONDS)
    assert made


def test_call_that_became_pointless_is_not_made(calls: OneAtATime, release: threading.Event) -> None:
    made: list[None] = []

    assert not calls.run(lambda: made.append(None), Deadline(SECONDS), is_pointless=lambda: True)

    assert not made


def test_call_that_raises_leaves_room_for_the_next(calls: OneAtATime) -> None:
    def fail() -> None:
        raise KeyError("failed")

    with pytest.raises(KeyError, match="failed"):
        calls.run(fail, Deadline(0.0))

    assert calls.run(lambda: None, Deadline(0.0))
