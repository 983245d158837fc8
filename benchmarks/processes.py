"""Child processes of the benchmarks: contestants and signalling servers. Each ends with its block."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

__all__ = [
    "Process",
    "ServerProcess",
    "embedded_server",
    "find_reference_server",
    "free_port",
    "reference_server",
    "running",
]

ROOT: Final = Path(__file__).resolve().parents[1]
_START_SECONDS: Final = 20.0
_END_SECONDS: Final = 5.0


class Process:
    """A child that prints lines on its standard output.

    Args:
        arguments: The program and its arguments.
        environment: Variables that are added to this process's own.
    """

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        self._popen = subprocess.Popen(
            arguments,
            cwd=ROOT,
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._popen.stdin is not None
        assert self._popen.stdout is not None
        assert self._popen.stderr is not None
        self._stdin: IO[str] = self._popen.stdin
        self._stdout: IO[str] = self._popen.stdout
        self._stderr: list[str] = []
        self._reader = threading.Thread(target=self._stderr.extend, args=(self._popen.stderr,), daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._popen.pid

    def read_line(self, timeout: float) -> str:
        """Read the next line of output.

        Args:
            timeout: Seconds, after which the process is killed.

        Raises:
            ChildProcessError: The process ended or was killed without a line. The message contains its standard error.
        """
        timer = threading.Timer(timeout, self._popen.kill)
        timer.start()
        line = self._stdout.readline()
        timer.cancel()
        if line:
            return line.strip()
        self._popen.wait()
        self._reader.join(_END_SECONDS)
        raise ChildProcessError(f"no answer within {timeout:g} s, or failed: {''.join(self._stderr[-15:])}")

    def write_line(self, line: str) -> None:
        """Write a line to its standard input. Does nothing when the process has ended; `read_line` then raises.

        Args:
            line: The line without its newline.
        """
        with contextlib.suppress(BrokenPipeError):
            self._stdin.write(f"{line}\n")
            self._stdin.flush()

    def close_input(self) -> None:
        """Close its standard input, which asks it to end."""
        with contextlib.suppress(BrokenPipeError):
            self._stdin.close()

    def end(self) -> None:
        """Close its standard input, and kill it if it does not end."""
        self.close_input()
        for force in (self._popen.terminate, self._popen.kill):
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._popen.wait(_END_SECONDS)
                break
            force()
        self._popen.wait()
        self._reader.join(_END_SECONDS)
        self._stdout.close()
        if self._popen.stderr is not None:
            self._popen.stderr.close()


@contextlib.contextmanager
def running(arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> Iterator[Process]:
    """A child process for the duration of the block.

    Args:
        arguments: The program and its arguments.
        environment: Variables that are added to this process's own.

    Yields:
        The process.
    """
    process = Process(arguments, environment or {})
    try:
        yield process
    finally:
        process.end()


@dataclass(frozen=True)
class ServerProcess:
    """A signalling server in a process of its own."""

    uri: str
    pid: int


@contextlib.contextmanager
def embedded_server() -> Iterator[ServerProcess]:
    """This library's server for the duration of the block.

    Yields:
        The server.
    """
    with running([sys.executable, "-m", "benchmarks.embedded_server"]) as process:
        yield ServerProcess(process.read_line(_START_SECONDS), process.pid)


def find_reference_server() -> str | None:
    """The reference server's program; None: it is not installed."""
    cargo_bin = Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo") / "bin"
    return shutil.which("gst-webrtc-signalling-server", path=f"{os.environ.get('PATH', os.defpath)}:{cargo_bin}")


@contextlib.contextmanager
def reference_server() -> Iterator[ServerProcess]:
    """The reference server for the duration of the block.

    Yields:
        The server.

    Raises:
        FileNotFoundError: It is not installed.
    """
    program = find_reference_server()
    if program is None:
        raise FileNotFoundError("gst-webrtc-signalling-server is not installed: run .ci/peers")
    port = free_port()
    command = [program, "--host", "127.0.0.1", "--port", str(port)]
    # At the default level it logs every message, which would cost more than its work.
    environment = {**os.environ, "WEBRTCSINK_SIGNALLING_SERVER_LOG": "error"}
    server = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for_port(port)
        yield ServerProcess(f"ws://127.0.0.1:{port}", server.pid)
    finally:
        server.kill()
        server.wait()


def free_port() -> int:
    """A port of the loopback interface at which nothing listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for_port(port: int) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    raise TimeoutError(f"nothing listens on port {port} after {_START_SECONDS:g} s")
