"""Other processes: forked children, and scripts in interpreters of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
import traceback
from collections.abc import Callable
from pathlib import Path

__all__ = ["exit_of", "in_child", "interruptible_environment", "run_script", "start_script", "wait_until_blocked"]

SECONDS = 60.0
"""Maximum that an interpreter needs to import aiortc and PyAV and to do its work, on a busy machine."""


def in_child(function: Callable[[], object]) -> bool:
    """Whether a function returns something true in a forked child, within the timeout."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            status = 0 if function() else 2
        except BaseException:  # noqa: BLE001 - nothing may escape into the parent's test run
            traceback.print_exc()
        finally:
            os._exit(status)
    deadline = time.monotonic() + SECONDS
    while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0):
        if time.monotonic() > deadline:
            os.kill(child, 9)
        time.sleep(0.005)
    return os.waitstatus_to_exitcode(ended[1]) == 0


def start_script(script: str, *arguments: str) -> subprocess.Popen[str]:
    """Start a Python script in a process of its own, with pipes for its standard streams."""
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", textwrap.dedent(script), *arguments]
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=interruptible_environment())


def interruptible_environment() -> dict[str, str]:
    """The environment for a program that is interrupted while coverage measures it.

    Coverage's core for ``sys.monitoring`` is written in Python, and Ctrl-C may interrupt it: while it holds its lock, so that
    each thread waits forever, or at a ``try:``, whose ``except`` then has no effect. Its core in C cannot be interrupted.
    """
    return {**os.environ, "COVERAGE_CORE": "ctrace"}


def run_script(script: str, *arguments: str) -> tuple[int, str, str]:
    """Run a script, and return its exit code, standard output and standard error."""
    with start_script(script, *arguments) as process:
        output, errors = exit_of(process)
        return process.returncode, output, errors


def exit_of(process: subprocess.Popen[str], seconds: float = SECONDS) -> tuple[str, str]:
    """Wait for a process to exit, and return the rest of its standard output and error. Kills it after a number of seconds."""
    try:
        return process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise


def wait_until_blocked(process: subprocess.Popen[str]) -> None:
    """Wait until the main thread of a process sleeps for longer than a wait for the interpreter's lock.

    Python handles a signal that comes just before it blocks only when it wakes.
    """
    status = Path(f"/proc/{process.pid}/task/{process.pid}/status")
    deadline = time.monotonic() + SECONDS
    before = ""
    while (now := status.read_text()) != before or "State:\tS" not in now:
        assert time.monotonic() < deadline, "the process does not come to rest"
        before = now
        time.sleep(0.05)
