"""`Family`: the demo's processes, their reports, and their end."""

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
"""How long a process that was asked to stop may take."""

_KILL_SECONDS: Final = 1.0
"""The same where the demo failed, and nobody waits for their last words."""

Report = tuple["Child", dict[str, Any] | None]


class Child:
    """A process that runs one of the demo's peers.

    Args:
        name: For people.
        arguments: Of `gst-signalling-sync`.
        reports: Where its reports go, and None at the end of its output.
    """

    def __init__(self, name: str, arguments: Sequence[str], reports: SimpleQueue[Report]) -> None:
        self.name = name
        self._reports = reports
        self._process = subprocess.Popen(
            [sys.executable, "-m", "gst_signalling_sync.cli", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # The terminal's Ctrl-C is for the parent alone, which then stops them one after another.
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, name=f"demo-{name}", daemon=True)
        self._reader.start()

    @property
    def process_id(self) -> int:
        """The operating system's id of the process."""
        return self._process.pid

    def exit_code(self) -> int:
        """Wait for the process, whose output has ended."""
        try:
            return self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def ask_to_stop(self) -> None:
        """End the process's stdin; it takes a moment to end in order."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()

    def end(self, deadline: float) -> None:
        """Wait for the process that was asked to stop, and kill it at the deadline."""
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
    """All processes of a demo; a context manager that leaves none behind."""

    def __init__(self) -> None:
        self._children: list[Child] = []
        self._reports: SimpleQueue[Report] = SimpleQueue()

    def add(self, name: str, command: str, *arguments: str) -> Child:
        """Start a process.

        Args:
            name: For people.
            command: The command that it runs.
            *arguments: Its options.

        Returns:
            The process, starting.
        """
        verbose = ["-v"] * verbosity()
        child = Child(name, [command, *arguments, *verbose], self._reports)
        self._children.append(child)
        return child

    def reports(self, seconds: float) -> Iterator[Report]:
        """Wait for a report.

        Args:
            seconds: How long.

        Yields:
            What came, each with who sent it; None in its place when the process ended its output.
        """
        with contextlib.suppress(Empty):
            yield self._reports.get(timeout=seconds)
        with contextlib.suppress(Empty):
            while True:
                yield self._reports.get_nowait()

    def stop(self, children: Sequence[Child]) -> list[Report]:
        """Stop some of the processes, in order.

        Returns:
            What they, and others, reported meanwhile.
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
