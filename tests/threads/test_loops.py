"""Deadlines, owners, and event loops on threads of their own."""

from __future__ import annotations

import asyncio
import math
import os
import threading
import time
from collections.abc import AsyncIterator
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue

import pytest

from gst_signalling_sync.threads import loop_thread
from gst_signalling_sync.threads.event_loops import EVENT_LOOP_VARIABLE
from gst_signalling_sync.threads.loop_thread import LoopThread
from gst_signalling_sync.threads.owner import Owner
from gst_signalling_sync.threads.shared_loop import acquire_shared_loop, release_shared_loop
from gst_signalling_sync.threads.waiting import Deadline

from ..helpers.own_process import gss_threads
from ..helpers.processes import in_child

SECONDS = 10.0


# Deadline


def test_deadline_runs_out() -> None:
    assert 0 < Deadline(SECONDS).remaining() <= SECONDS

    deadline = Deadline(0.01)
    threading.Event().wait(0.02)
    assert deadline.remaining() == 0.0


def test_deadline_without_time_leaves_nothing() -> None:
    assert Deadline(0).remaining() == 0


@pytest.mark.parametrize("seconds", [1e12, math.inf])
def test_deadline_that_never_comes_can_be_waited_for(seconds: float) -> None:
    lock = threading.Lock()

    assert lock.acquire(timeout=Deadline(seconds).remaining())


# Owner


def test_owner_is_here_in_its_own_process() -> None:
    owner = Owner("thing")

    owner.check()

    assert owner.is_here


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_owner_refuses_in_a_forked_child() -> None:
    owner = Owner("the thing")

    def refused() -> bool:
        with pytest.raises(RuntimeError, match=rf"the thing.*{os.getppid()}.*fork.*{os.getpid()}"):
            owner.check()
        return not owner.is_here

    assert in_child(refused)


# LoopThread


def test_loop_runs_a_coroutine_and_returns_its_result(loop: LoopThread) -> None:
    async def name() -> str:
        return threading.current_thread().name

    assert loop.run(name(), Deadline(SECONDS), "asking") == "gss-test"


def test_loop_raises_what_the_coroutine_raises(loop: LoopThread) -> None:
    async def fail() -> None:
        raise KeyError("broken")

    with pytest.raises(KeyError, match="broken"):
        loop.run(fail(), Deadline(SECONDS), "failing")


def test_timeout_error_of_the_coroutine_itself_stays_what_it_is(loop: LoopThread) -> None:
    async def fail() -> None:
        raise TimeoutError("its own")

    with pytest.raises(TimeoutError, match="its own"):
        loop.run(fail(), Deadline(SECONDS), "failing")


def test_result_that_comes_just_after_the_wait_is_returned(loop: LoopThread, monkeypatch: pytest.MonkeyPatch) -> None:
    async def answer() -> str:
        return "in the last moment"

    def wait_in_vain(future: Future[str], deadline: Deadline) -> str:
        future.result(SECONDS)
        raise TimeoutError

    monkeypatch.setattr(loop_thread, "result_of", wait_in_vain)

    assert loop.run(answer(), Deadline(SECONDS), "waiting") == "in the last moment"


def test_loop_gives_up_in_time_and_cancels_the_coroutine(loop: LoopThread) -> None:
    cancelled = threading.Event()

    async def hang() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    begin = time.monotonic()
    with pytest.raises(TimeoutError, match=r"waiting for Godot: no result within 0\.05 s"):
        loop.run(hang(), Deadline(0.05), "waiting for Godot")

    assert time.monotonic() - begin < 4
    assert cancelled.wait(SECONDS)


def test_blocking_call_on_the_loop_raises_instead_of_waiting_for_itself(loop: LoopThread) -> None:
    async def nothing() -> None:
        pass

    async def block() -> None:
        loop.run(nothing(), Deadline(SECONDS), "blocking the loop")

    with pytest.raises(RuntimeError, match=r"blocking the loop.*event loop thread"):
        loop.run(block(), Deadline(SECONDS), "asking")


def test_call_is_made_on_the_loop(loop: LoopThread) -> None:
    called: SimpleQueue[bool] = SimpleQueue()

    assert loop.call(lambda: called.put(loop.is_current))

    assert called.get(timeout=SECONDS)
    assert not loop.is_current


def test_close_of_a_loop_ends_its_thread_and_is_idempotent(loop: LoopThread) -> None:
    loop.close()
    loop.close()

    assert "gss-test" not in gss_threads()


def test_close_of_a_loop_wakes_who_waits_for_it(loop: LoopThread) -> None:
    running = threading.Event()

    async def hang() -> None:
        running.set()
        await asyncio.Event().wait()

    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(loop.run, hang(), Deadline(SECONDS), "hanging")
        assert running.wait(SECONDS)
        loop.close()

        with pytest.raises(ConnectionError, match="hanging: closed while waiting"):
            waiting.result(SECONDS)


def test_closed_loop_refuses_coroutines(loop: LoopThread) -> None:
    async def nothing() -> None:
        pass

    loop.close()

    with pytest.raises(ConnectionError, match="gss-test has ended"):
        loop.run(nothing(), Deadline(SECONDS), "asking")
    assert not loop.call(lambda: None)


def test_close_of_a_loop_is_bounded_by_a_task_that_will_not_end(loop: LoopThread) -> None:
    running = threading.Event()
    stop = threading.Event()

    async def stubborn() -> None:
        running.set()
        while not stop.is_set():
            try:
                await asyncio.sleep(0.01)
            except asyncio.CancelledError:
                continue

    loop.submit(stubborn())
    assert running.wait(SECONDS)

    begin = time.monotonic()
    loop.close()

    assert time.monotonic() - begin < 4
    stop.set()


@pytest.mark.parametrize("name", ["asyncio", "uvloop"])
def test_coroutine_that_comes_while_the_loop_ends_is_not_waited_for(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    pytest.importorskip(name)
    monkeypatch.setenv(EVENT_LOOP_VARIABLE, name)
    loop = LoopThread("test")
    is_ending, may_end = threading.Event(), threading.Event()

    async def last_to_end() -> AsyncIterator[None]:
        # A loop closes its generators when it has cancelled its tasks.
        try:
            yield
        finally:
            is_ending.set()
            assert may_end.wait(SECONDS)

    async def hang() -> None:
        await asyncio.sleep(3600)

    generator = last_to_end()

    async def begin() -> None:
        await anext(generator)

    loop.run(begin(), Deadline(SECONDS), "beginning")
    with ThreadPoolExecutor() as pool:
        closing = pool.submit(loop.close, SECONDS)
        assert is_ending.wait(SECONDS)
        hanging = loop.submit(hang())
        may_end.set()
        closing.result(SECONDS)
        with pytest.raises(ConnectionError, match="gss-test has ended"):
            hanging.result(SECONDS)


@pytest.mark.parametrize("name", ["asyncio", "uvloop"])
def test_event_loop_can_be_chosen(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    chosen = pytest.importorskip(name)
    monkeypatch.setenv(EVENT_LOOP_VARIABLE, name)

    loop = LoopThread("test")

    assert any(each.__module__.partition(".")[0] == chosen.__name__ for each in type(loop.loop).__bases__)
    loop.close()


def test_unknown_event_loop_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(EVENT_LOOP_VARIABLE, "twisted")

    with pytest.raises(ValueError, match=r"must be .asyncio. or .uvloop., not .twisted."):
        LoopThread("test")


# The shared loop


def test_shared_loop_is_one_for_all_its_users() -> None:
    first, second = acquire_shared_loop(), acquire_shared_loop()

    assert first is second

    release_shared_loop()
    release_shared_loop()


def test_shared_loop_lives_until_its_last_user() -> None:
    acquire_shared_loop()
    acquire_shared_loop()

    release_shared_loop()
    assert "gss-webrtc" in gss_threads()

    release_shared_loop()
    assert "gss-webrtc" not in gss_threads()


def test_shared_loop_starts_again_for_a_later_user() -> None:
    first = acquire_shared_loop()
    release_shared_loop()

    assert acquire_shared_loop() is not first

    release_shared_loop()


def test_shared_loop_of_many_threads_ends_with_the_last_of_them() -> None:
    async def nothing() -> None:
        pass

    def use(_: int) -> None:
        acquire_shared_loop().run(nothing(), Deadline(SECONDS), "asking")
        release_shared_loop()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(use, range(100)))

    assert "gss-webrtc" not in gss_threads()


# Fork


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_forked_child_gets_a_shared_loop_of_its_own() -> None:
    async def process() -> int:
        return os.getpid()

    def works() -> bool:
        loop = acquire_shared_loop()
        here = loop.run(process(), Deadline(SECONDS), "asking") == os.getpid()
        release_shared_loop()
        return here and "gss-webrtc" not in gss_threads()

    parents = acquire_shared_loop()

    assert in_child(works)
    assert parents.run(process(), Deadline(SECONDS), "asking") == os.getpid()

    release_shared_loop()
