"""Commands that run as processes, with pipes or in a terminal."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import threading
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Self

from ..helpers.processes import interruptible_environment

SECONDS = 60.0

PROGRAM = (sys.executable, "-m", "gst_signalling_sync")

ONE_LINE = "gst-signalling-sync: error: "


class Command:
    """A running command, whose output a test waits for line by line."""

    def __init__(self, *arguments: str, prefix: tuple[str, ...] = PROGRAM) -> None:
        if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
            # A background job of a shell ignores Ctrl-C, and so would all its children.
            signal.signal(signal.SIGINT, signal.default_int_handler)
        self.process = subprocess.Popen(
            [*prefix, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=interruptible_environment(),
        )
        self._lines: SimpleQueue[str | None] = SimpleQueue()
        self._errors: list[str] = []
        self._readers = [threading.Thread(target=self._read_output), threading.Thread(target=self._read_errors)]
        for reader in self._readers:
            reader.start()

    def line(self) -> str:
        """The next line, without its newline."""
        try:
            line = self._lines.get(timeout=SECONDS)
        except Empty:
            raise AssertionError(f"no further line within {SECONDS} s") from None
        assert line is not None, f"the output ended; stderr: {self._errors}"
        return line

    def line_with(self, text: str) -> str:
        """The next line that contains a string."""
        while text not in (line := self.line()):
            pass
        return line

    def rest(self) -> list[str]:
        """All further lines, until the end."""
        lines = []
        while (line := self._lines.get(timeout=SECONDS)) is not None:
            lines.append(line)
        return lines

    def exit_code(self) -> int:
        """Wait for the command to exit, and return its exit code."""
        code = self.process.wait(SECONDS)
        for reader in self._readers:
            reader.join(SECONDS)
        return code

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """Send a signal, as Ctrl-C does, and wait for the exit."""
        self.process.send_signal(number)
        return self.exit_code()

    @property
    def errors(self) -> str:
        """Standard error, complete when the command has exited."""
        return "".join(self._errors)

    def _read_output(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def _read_errors(self) -> None:
        assert self.process.stderr is not None
        self._errors.extend(self.process.stderr)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.exit_code()
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()


class Terminal:
    """A terminal in which a command runs.

    Args:
        *arguments: The command's.
        columns: Width of the terminal in columns.
    """

    def __init__(self, *arguments: str, columns: int = 100) -> None:
        if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        self._ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [*PROGRAM, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=theirs,
            stderr=subprocess.STDOUT,
            env={**interruptible_environment(), "COLUMNS": str(columns), "TERM": "xterm"},
        )
        os.close(theirs)

    def output_with(self, text: str) -> str:
        """All output until a string has been written."""
        written = b""
        while text not in written.decode(errors="ignore"):
            chunk = self._read()
            assert chunk, written
            written += chunk
        return written.decode(errors="ignore")

    def rest(self) -> str:
        """All output until the end."""
        written = b""
        while chunk := self._read():
            written += chunk
        return written.decode()

    def _read(self) -> bytes:
        try:
            return os.read(self._ours, 65536)
        except OSError:
            # Linux reports with this error that the other end is closed.
            return b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self.process.kill()
        self.process.wait(SECONDS)
        os.close(self._ours)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, *arguments],
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )


def is_one_line(errors: str) -> bool:
    return errors.startswith(ONE_LINE) and errors.count("\n") == 1


def run_in_terminal(*arguments: str, columns: int = 100) -> str:
    """The output of a command on a terminal."""
    with Terminal(*arguments, columns=columns) as terminal:
        written = terminal.rest()
        assert terminal.process.wait(SECONDS) == 0, written
    return written


def errors_without_a_reader(*arguments: str) -> str:
    """The standard error of a command whose output is not read, as in ``| head -0``."""
    ours, theirs = os.pipe()
    os.close(ours)
    finished = subprocess.run(
        [*PROGRAM, *arguments],
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=subprocess.PIPE,
        text=True,
        timeout=SECONDS,
    )
    os.close(theirs)
    assert finished.returncode == 128 + signal.SIGPIPE
    return finished.stderr
