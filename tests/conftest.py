"""Fixtures for all tests: both signalling servers, and a watch over what a test leaves behind; what ``long`` means."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from gst_signalling_sync.server import SignallingServer
from gst_signalling_sync.threads.loop_thread import LoopThread

from .peers.reference import ReferenceServer, run_reference_server

LEAK_SECONDS = 5.0

# The examples of hypothesis are the same in each run of the short forms, and others in each run of the long ones.
hypothesis.settings.register_profile("short", deadline=None, derandomize=True)
hypothesis.settings.register_profile("long", deadline=None, max_examples=10_000, print_blob=True)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--long``."""
    parser.addoption("--long", action="store_true", help="run the long forms of proofs too (-m long: them alone)")


def pytest_configure(config: pytest.Config) -> None:
    """Choose how many examples hypothesis tries."""
    hypothesis.settings.load_profile("long" if _runs_long_forms(config) else "short")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the long forms of proofs out where nobody asked for them."""
    if _runs_long_forms(config):
        return
    long = [item for item in items if item.get_closest_marker("long")]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]


def _runs_long_forms(config: pytest.Config) -> bool:
    return bool(config.getoption("long")) or re.search(r"\blong\b", str(config.getoption("markexpr"))) is not None


@pytest.fixture
def embedded_server() -> Iterator[SignallingServer]:
    """This library's server, on a free port."""
    with SignallingServer(port=0) as server:
        yield server


@pytest.fixture
def reference_server() -> Iterator[ReferenceServer]:
    """The real server, on a free port."""
    with run_reference_server() as server:
        yield server


@pytest.fixture(params=["embedded", pytest.param("reference", marks=pytest.mark.interop)])
def signalling_uri(request: pytest.FixtureRequest) -> str:
    """The URI of a fresh signalling server: once of the embedded one, once of the reference one."""
    server: SignallingServer | ReferenceServer = request.getfixturevalue(f"{request.param}_server")
    return server.uri


@pytest.fixture
def _not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have coverage not measure the programs that the test starts."""
    monkeypatch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)


@pytest.fixture(scope="session", autouse=True)
def _process_wide_descriptors() -> None:
    """Have libuv open the pipe that it keeps for the life of the process, so that no test seems to leave it behind."""
    LoopThread("first").close()


@pytest.fixture(scope="session", autouse=True)
def _interruptible() -> None:
    """Have the programs that tests start heed SIGINT, which a job in the background of a shell inherits as ignored."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _nothing_left_behind() -> Iterator[None]:
    """Fail a test that leaves one of our threads, a socket, a pipe or an event loop's descriptor behind."""
    threads = set(threading.enumerate())
    descriptors = _descriptors()
    yield
    deadline = time.monotonic() + LEAK_SECONDS
    # What ends in the background may take a moment.
    while left := _left_behind(threads, descriptors):
        if time.monotonic() > deadline:
            pytest.fail(f"left behind: {', '.join(left)}", pytrace=False)
        time.sleep(0.01)


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
