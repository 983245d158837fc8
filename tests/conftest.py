"""Fixtures for all tests: both signalling servers, a loop, callbacks, and checks of what a test leaves or does not notice."""

from __future__ import annotations

import fcntl
import logging
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from gst_signalling_sync.server import SignallingServer
from gst_signalling_sync.threads.callbacks import Callbacks
from gst_signalling_sync.threads.loop_thread import LoopThread

from .peers.reference import ReferenceServer, run_reference_server

pytest_plugins = ["tests.running", "tests.figures"]

LEAK_SECONDS = 5.0
CLOSE_SECONDS = 10.0


@pytest.fixture
def embedded_server() -> Iterator[SignallingServer]:
    """This library's server on a free port."""
    with SignallingServer(port=0) as server:
        yield server


@pytest.fixture
def reference_server() -> Iterator[ReferenceServer]:
    """The reference server on a free port."""
    with run_reference_server() as server:
        yield server


@pytest.fixture(params=["embedded", pytest.param("reference", marks=pytest.mark.interop)])
def signalling_uri(request: pytest.FixtureRequest) -> str:
    """The URI of a new signalling server: once of the embedded one, once of the reference one."""
    server: SignallingServer | ReferenceServer = request.getfixturevalue(f"{request.param}_server")
    return server.uri


@pytest.fixture
def loop() -> Iterator[LoopThread]:
    """An event loop on a thread of its own."""
    loop = LoopThread("test")
    yield loop
    loop.close()


@pytest.fixture
def callbacks() -> Iterator[Callbacks]:
    """The threads on which receivers are called."""
    callbacks = Callbacks("test")
    callbacks.open()
    yield callbacks
    callbacks.close(CLOSE_SECONDS)


@pytest.fixture
def _not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exclude the programs that the test starts from coverage."""
    monkeypatch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)


@pytest.fixture
def _ahead_of_other_programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let no other program, not even another test, take processor time from the test, where the user may set priorities.

    A lock lets only one of these tests run at a time, in all processes. A run that already has their priority or a higher
    one, as with ``chrt -r 2``, keeps it.
    """
    if os.sched_getparam(0).sched_priority > 1:
        yield
        return
    with (tmp_path_factory.getbasetemp().parent / "ahead-of-other-programs.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(2))
        except PermissionError:
            yield
            return
        yield
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


@pytest.fixture(scope="session", autouse=True)
def _process_wide_descriptors() -> None:
    """Have libuv open the pipe that it keeps for the life of the process, so that no test seems to leave it behind."""
    LoopThread("first").close()


@pytest.fixture(scope="session", autouse=True)
def _interruptible() -> None:
    """Have the programs that tests start handle SIGINT, which a background job of a shell inherits as ignored."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _nothing_left_behind() -> Iterator[None]:
    """Fail a test that leaves one of our threads, a socket, a pipe, an event loop's descriptor or a priority behind."""
    threads = set(threading.enumerate())
    descriptors = _descriptors()
    policy = os.sched_getscheduler(0)
    yield
    if os.sched_getscheduler(0) != policy:
        pytest.fail(f"left behind: the scheduling policy {os.sched_getscheduler(0)}", pytrace=False)
    deadline = time.monotonic() + LEAK_SECONDS
    # What is closed in the background may take a moment.
    while left := _left_behind(threads, descriptors):
        if time.monotonic() > deadline:
            pytest.fail(f"left behind: {', '.join(left)}", pytrace=False)
        time.sleep(0.01)


class _Failures(logging.Handler):
    """The records that have an exception."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info:
            self.lines.append(f"{record.getMessage()}: {record.exc_info[1]!r}")


@pytest.fixture(autouse=True)
def _nothing_failed_unnoticed() -> Iterator[None]:
    """Fail a test in which a callback of a loop raised, or a task whose result nobody asked for: asyncio only logs these."""
    logger, failures = logging.getLogger("asyncio"), _Failures()
    logger.addHandler(failures)
    yield
    logger.removeHandler(failures)
    if failures.lines:
        pytest.fail(f"failed unnoticed: {', '.join(failures.lines)}", pytrace=False)


def _left_behind(threads: set[threading.Thread], descriptors: Counter[str]) -> list[str]:
    new_threads = [
        f"thread {thread.name}"
        for thread in threading.enumerate()
        if thread not in threads and thread.name.startswith("gss-")
    ]
    return new_threads + [f"descriptor {target}" for target in (_descriptors() - descriptors).elements()]


def _descriptors() -> Counter[str]:
    targets: Counter[str] = Counter()
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            target = os.readlink(descriptor)
        except OSError:
            continue
        if target.startswith(("socket:", "pipe:", "anon_inode:[event")):
            targets[target] += 1
    return targets
