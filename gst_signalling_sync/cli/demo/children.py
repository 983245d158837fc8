"""`Family`: the demo's child processes and their reports."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any, Final, Self

from ..logs import verbosity

__all__ = ["Child", "Family"]

_END_SECONDS: Final = 10.0
"""How long a process may take to stop."""

_KILL_SECONDS: Final = 1.0
"""How long it may take where the demo failed."""

Report = tuple["Child", dict[str, Any] | None]


class Child:
    """A process that runs one of the demo's peers.

    Args:
        name: Shown to the user.
        arguments: Arguments of `gst-signalling-sync`.
        reports: The queue for its reports, and for None at the end of its output.
    """

    def __init__(self, name: str, arguments: Sequence[str], reports: SimpleQueue[Report]) -> None:
        self.name = name
        self._reports = reports
        self._process = subprocess.Popen(
            [sys.executable, "-m", "gst_signalling_sync.cli", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # The terminal's Ctrl-C must reach only the parent, which then stops the children one after another.
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, name=f"demo-{name}", daemon=True)
        self._reader.start()

    @property
    def process_id(self) -> int:
        """The process id."""
        return self._process.pid

    def exit_code(self) -> int:
        """Wait for the process, whose output has ended, and return its exit code."""
        try:
            return self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def ask_to_stop(self) -> None:
        """Ask the process to stop by closing its stdin."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()

    def end(self, deadline: float) -> None:
        """Wait for a process that was asked to stop, and kill it at the deadline."""
        try:
            self._process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._reports.put((self, json.loads(line)))
        self._reports.put((self, None))


class Family:
    """All processes of a demo. A context manager that leaves no process behind."""

    def __init__(self) -> None:
        self._children: list[Child] = []
        self._reports: SimpleQueue[Report] = SimpleQueue()

    def add(self, name: str, command: str, *arguments: str) -> Child:
        """Start a process.

        Args:
            name: Shown to the user.
            command: The command that it runs.
            *arguments: The command's options.

        Returns:
            The process.
        """
        verbose = ["-v"] * verbosity()
        child = Child(name, [command, *arguments, *verbose], self._reports)
        self._children.append(child)
        return child

    def reports(self, seconds: float) -> Iterator[Report]:
        """Wait for a report.

        Args:
            seconds: How long to wait.

        Yields:
            Pairs of a process and its report; the report is None at the end of the process's output.
        """
        with contextlib.suppress(Empty):
            yield self._reports.get(timeout=seconds)
        with contextlib.suppress(Empty):
            while True:
                yield self._reports.get_nowait()

    def stop(self, children: Sequence[Child]) -> list[Report]:
        """Stop some of the processes.

        Returns:
            The reports of all processes meanwhile.
        """
        deadline = time.monotonic() + _END_SECONDS
        for child in children:
            child.ask_to_stop()
        for child in children:
            child.end(deadline)
            self._children.remove(child)
        return list(self.reports(0))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for child in self._children:
            child.ask_to_stop()
        deadline = time.monotonic() + (_KILL_SECONDS if error is not None else _END_SECONDS)
        for child in self._children:
            child.end(deadline)
