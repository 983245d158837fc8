"""Native code does not give threads real-time priority unless that is wanted."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from gst_signalling_sync.threads.scheduling import without_real_time

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux's scheduling policies")


def asks_for_real_time() -> bool:
    """Whether the calling thread gets real-time priority."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except PermissionError:
        return False
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    return True


def in_a_thread(function: Callable[[], bool]) -> bool:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result()


def test_neither_the_thread_nor_one_that_it_begins_gets_it() -> None:
    with without_real_time():
        assert not asks_for_real_time()
        assert not in_a_thread(asks_for_real_time)


def test_it_is_as_before_afterwards_and_meanwhile_in_other_threads() -> None:
    before = asks_for_real_time()
    entered, asked = threading.Event(), threading.Event()

    def hold() -> bool:
        with without_real_time():
            entered.set()
            return asked.wait(10)

    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(hold)
        assert entered.wait(10)
        assert asks_for_real_time() == before
        asked.set()
        assert held.result()
        assert pool.submit(asks_for_real_time).result() == before


def test_an_error_ends_it_too() -> None:
    before = asks_for_real_time()
    with pytest.raises(KeyError), without_real_time():
        raise KeyError
    assert asks_for_real_time() == before


def test_one_within_another() -> None:
    before = asks_for_real_time()
    with without_real_time():
        with without_real_time():
            pass
        assert not asks_for_real_time()
    assert asks_for_real_time() == before
