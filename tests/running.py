"""How the tests run: side by side, alone if they measure time, in short or long forms. A plugin of pytest."""

from __future__ import annotations

import contextlib
import faulthandler
import fcntl
import os
import re
import signal
import tempfile
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, Final

import hypothesis
import pytest

TURNS: Final = pytest.StashKey["Turns"]()
DIRECTORY: Final = pytest.StashKey["tempfile.TemporaryDirectory[str]"]()
"""The directory in which the workers of this run take turns. The controller makes and removes it."""

STDERR: Final = pytest.StashKey[int]()
"""A descriptor of the process's stderr that stays when pytest captures what a test prints."""

STACK_SECONDS: Final = 2.0
"""Seconds that the workers get to show their stacks."""

# hypothesis tries the same examples in each run of the short forms, and different ones in each run of the long forms.
hypothesis.settings.register_profile("short", deadline=None, derandomize=True)
hypothesis.settings.register_profile("long", deadline=None, max_examples=10_000, print_blob=True)


class Turns:
    """Lets one test run alone, in whichever worker it is, and all others side by side.

    Args:
        directory: A directory that all workers share, and no other process.
    """

    def __init__(self, directory: Path) -> None:
        # A test that waits to run alone holds the gate, so that tests that begin meanwhile do not make it wait forever.
        self._gate = os.open(directory / "gate", os.O_RDWR | os.O_CREAT)
        self._turn = os.open(directory / "turn", os.O_RDWR | os.O_CREAT)

    @contextlib.contextmanager
    def turn(self, *, alone: bool) -> Iterator[None]:
        """Wait for a turn, and hold it until the block ends."""
        fcntl.flock(self._gate, fcntl.LOCK_EX)
        try:
            fcntl.flock(self._turn, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        finally:
            fcntl.flock(self._gate, fcntl.LOCK_UN)
        try:
            yield
        finally:
            # Closing the descriptor is not enough, because a forked child may have it too.
            fcntl.flock(self._turn, fcntl.LOCK_UN)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--slow``, ``--long``, and the time that a test has beyond its timeout."""
    parser.addoption("--slow", action="store_true", help="run the slow tests too; implied by REQUIRE_PEERS=1")
    parser.addoption("--long", action="store_true", help="run the long forms of proofs too (-m long: them alone)")
    parser.addini(
        "stuck_seconds", "seconds that a test has to end after its timeout, before its process is ended", default="90"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Run a directory of tests in parallel."""
    if _may_run_side_by_side(config):
        workers = pytest_xdist_auto_num_workers()
        config.option.numprocesses = min(workers, config.option.maxprocesses or workers)
        config.option.tx = ["popen"] * config.option.numprocesses
        # A worker that has finished takes tests from one that has not.
        config.option.dist = "worksteal"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """The number of workers of ``-n auto``: more than processors, because most tests wait for something."""
    return 2 * len(os.sched_getaffinity(0))


def pytest_configure(config: pytest.Config) -> None:
    """Choose the number of examples that hypothesis tries, and have workers take turns."""
    hypothesis.settings.load_profile("long" if _runs_long_forms(config) else "short")
    config.stash[STDERR] = os.dup(2)
    worker: dict[str, Any] | None = getattr(config, "workerinput", None)
    if worker is not None:
        config.stash[TURNS] = Turns(Path(worker["turns"]))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker in which directory it takes turns with the others."""
    stash = node.config.stash
    if DIRECTORY not in stash:
        stash[DIRECTORY] = tempfile.TemporaryDirectory(prefix="gst-signalling-sync-tests-")
    node.workerinput["turns"] = stash[DIRECTORY].name


def pytest_report_header(config: pytest.Config) -> str | None:
    """Say which tests are left out."""
    return "slow tests: left out, --slow runs them" if _leaves_slow_tests_out(config) else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out tests that were not asked for, and run tests that run alone last.

    Before a test runs alone, all workers wait for the slowest of them. In this order they wait once for all such tests.
    """
    if not _runs_long_forms(config):
        _leave_out("long", config, items)
    if _leaves_slow_tests_out(config):
        _leave_out("slow", config, items)
    items.sort(key=_runs_alone)


def pytest_sessionstart(session: pytest.Session) -> None:
    """On SIGUSR1, which aborts a run that takes too long, also show the stacks of the workers' threads."""
    if not hasattr(session.config, "workerinput"):
        signal.signal(signal.SIGUSR1, _abort_all)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the directory that the workers shared, and have SIGUSR1 show the stacks of threads that delay the exit."""
    os.close(config.stash[STDERR])
    directory = config.stash.get(DIRECTORY, None)
    if directory is not None:
        directory.cleanup()
    if not hasattr(config, "workerinput"):
        signal.signal(signal.SIGUSR1, signal.SIG_DFL)
        faulthandler.register(signal.SIGUSR1, chain=True)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Have a test wait for its turn before its timeout begins."""
    turns = item.config.stash.get(TURNS, None)
    turn = contextlib.nullcontext() if turns is None else turns.turn(alone=_runs_alone(item))
    with turn, _ended_if_stuck(item):
        return (yield)


def _may_run_side_by_side(config: pytest.Config) -> bool:
    option = config.option
    if hasattr(config, "workerinput") or not config.pluginmanager.hasplugin("xdist"):
        return False
    if option.numprocesses is not None or option.tx or option.collectonly:
        return False
    # A debugger and prints need one process. A single file or test ends before workers have started.
    if option.usepdb or option.trace or option.capture == "no":
        return False
    # pytest-cov has already decided how it measures.
    if getattr(option, "cov_source", None):
        return False
    return _runs_directory(config)


def _leave_out(marker: str, config: pytest.Config, items: list[pytest.Item]) -> None:
    marked = [item for item in items if item.get_closest_marker(marker)]
    if marked:
        config.hook.pytest_deselected(items=marked)
        items[:] = [item for item in items if not item.get_closest_marker(marker)]


def _leaves_slow_tests_out(config: pytest.Config) -> bool:
    if config.option.slow or _runs_long_forms(config) or re.search(r"\bslow\b", str(config.option.markexpr)):
        return False
    return os.environ.get("REQUIRE_PEERS") != "1" and _runs_directory(config)


def _runs_directory(config: pytest.Config) -> bool:
    return any(Path(config.invocation_params.dir, argument).is_dir() for argument in config.args)


def _runs_alone(item: pytest.Item) -> bool:
    # A test that goes ahead of other programs would take the processors from the tests beside it.
    return item.get_closest_marker("alone") is not None or "_ahead_of_other_programs" in getattr(
        item, "fixturenames", ()
    )


def _runs_long_forms(config: pytest.Config) -> bool:
    return bool(config.option.long) or re.search(r"\blong\b", str(config.option.markexpr)) is not None


@contextlib.contextmanager
def _ended_if_stuck(item: pytest.Item) -> Iterator[None]:
    """End the process, and show the stacks of its threads, if the test is still running long after its timeout.

    pytest-timeout interrupts a test by a Python exception, which never comes where C code holds the GIL or waits for a lock.
    """
    timeout = _timeout(item)
    if not timeout or item.config.option.usepdb:
        yield
        return
    limit = timeout + float(item.config.getini("stuck_seconds"))
    faulthandler.dump_traceback_later(limit, exit=True, file=item.config.stash[STDERR])
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()


def _timeout(item: pytest.Item) -> float:
    """The seconds that pytest-timeout allows a test; 0: any time."""
    if not item.config.pluginmanager.hasplugin("timeout"):
        return 0.0
    marker = item.get_closest_marker("timeout")
    if marker is not None:
        return float(marker.args[0] if marker.args else marker.kwargs["timeout"])
    option = item.config.getoption("timeout")
    return float(item.config.getini("timeout") or 0 if option is None else option)


def _abort_all(number: int, frame: object) -> None:
    children = [
        child for task in Path("/proc/self/task").iterdir() for child in (task / "children").read_text().split()
    ]
    for child in children:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(child), signal.SIGABRT)
    time.sleep(STACK_SECONDS)
    os.abort()
