"""`PeerProcess`: a peer in a process of its own that reports its events by JSON lines."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self

__all__ = ["ROOT", "PeerProcess", "launched_by", "launcher", "peers_directory"]

ROOT: Final = Path(__file__).resolve().parents[2]
"""The root of the repository."""

_CLOSE_SECONDS: Final = 5.0
_STDERR_LINES: Final = 50


_launcher: list[str] = []


@contextlib.contextmanager
def launched_by(*command: str) -> Iterator[None]:
    """Start the peers of the block by a command that executes them, such as ``ip netns exec NAME``."""
    before = _launcher[:]
    _launcher[:] = command
    try:
        yield
    finally:
        _launcher[:] = before


def launcher() -> list[str]:
    """The command that starts peers, for those that are not a `PeerProcess`."""
    return _launcher[:]


def peers_directory() -> Path:
    """The directory in which ``.ci/peers`` installs the peers."""
    return Path(os.environ.get("GSS_PEERS") or Path.home() / ".cache" / "gst-signalling-sync")


class PeerProcess:
    """A peer program. Its events are lines on standard output, its commands lines on standard input; it ends with the latter.

    Args:
        name: The program's, for messages.
        command: The program and its arguments. It runs at the root of the repository.
    """

    def __init__(self, name: str, command: Sequence[str | Path]) -> None:
        self._name = name
        self._events: list[dict[str, Any]] = []
        self._stderr: deque[str] = deque(maxlen=_STDERR_LINES)
        # Guards `_events` and `_ended`; notified when either changes.
        self._changed = threading.Condition()
        self._ended = False
        self._requests = 0
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            [*_launcher, *command],
            cwd=ROOT,
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._stdin: IO[str] = self._process.stdin
        self._readers = [
            threading.Thread(target=self._read_events, args=(self._process.stdout,), daemon=True),
            threading.Thread(target=self._stderr.extend, args=(self._process.stderr,), daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def wait_for(self, event: str, timeout: float = 45.0, **fields: Any) -> dict[str, Any]:
        """Wait for an event and remove it. Earlier events that do not match are kept for later calls.

        Args:
            event: The event's name.
            timeout: Seconds. Defaults to 45.
            **fields: Values that the event must have.

        Returns:
            All fields of the event.

        Raises:
            TimeoutError: No such event came in time.
            ChildProcessError: The program ended without it.
        """
        wanted = {"event": event, **fields}
        end = time.monotonic() + timeout
        with self._changed:
            while True:
                for index, seen in enumerate(self._events):
                    if wanted.items() <= seen.items():
                        return self._events.pop(index)
                if self._ended:
                    raise ChildProcessError(f"{self._name} ended without {wanted}: {self.describe()}")
                remaining = end - time.monotonic()
                if remaining <= 0:
                    raise TimeoutError(f"{self._name}: no {wanted} within {timeout:g} s: {self.describe()}")
                self._changed.wait(remaining)

    def command(self, name: str, /, **fields: Any) -> None:
        """Send a command to the program; returns at once.

        Args:
            name: The command's.
            **fields: The command's arguments.
        """
        self._stdin.write(json.dumps({"command": name, **fields}) + "\n")
        self._stdin.flush()

    def request(self, name: str, timeout: float = 45.0, /, **fields: Any) -> Any:
        """Send a command to the program, and wait for its answer.

        Args:
            name: The command's.
            timeout: Seconds. Defaults to 45.
            **fields: The command's arguments.

        Returns:
            The ``result`` of the event ``answer`` that has the number of this request.

        Raises:
            RuntimeError: The program answered with an ``error`` instead.
            TimeoutError: No answer came in time.
            ChildProcessError: The program ended without an answer.
        """
        with self._changed:
            self._requests += 1
            number = self._requests
        self.command(name, request=number, **fields)
        answer = self.wait_for("answer", timeout, request=number)
        if answer.get("error") is not None:
            raise RuntimeError(f"{self._name}: {name}: {answer['error']}; {self.describe()}")
        return answer.get("result")

    def freeze(self) -> None:
        """Stop the process and its descendants (SIGSTOP). Their sockets stay open, and nothing reads them."""
        for pid in (self._process.pid, *_descendants(self._process.pid)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Continue a process that `freeze` stopped."""
        for pid in (self._process.pid, *_descendants(self._process.pid)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def kill(self) -> None:
        """Kill the process and its descendants, as in a crash: no session is ended, no connection is closed."""
        children = _descendants(self._process.pid)
        self._process.kill()
        self._process.wait(_CLOSE_SECONDS)
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)

    def close(self) -> None:
        """Have the program end its sessions and exit; kill it if it does not. Idempotent."""
        with contextlib.suppress(OSError):
            self._stdin.close()
        if not self._has_ended():
            self._process.terminate()
        if not self._has_ended():
            self.kill()
        for reader in self._readers:
            reader.join(_CLOSE_SECONDS)
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()

    def describe(self) -> str:
        """The events that nothing has waited for, and the end of standard error."""
        return f"other events {self._events[-20:]}; stderr {''.join(self._stderr)!r}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read_events(self, stdout: IO[str]) -> None:
        for line in stdout:
            try:
                event = json.loads(line)
            except ValueError:
                # A library of the program printed something.
                self._stderr.append(line)
                continue
            with self._changed:
                self._events.append(event)
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _has_ended(self) -> bool:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_CLOSE_SECONDS)
        return self._process.returncode is not None


def _descendants(pid: int) -> list[int]:
    """The descendants of a process."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # The name, in parentheses, may contain any character. The state and the parent's id follow it.
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(stat.parent.name))
    found = [pid]
    for parent in found:
        found.extend(children.get(parent, []))
    return found[1:]
