"""Signalling servers in processes of their own, which can be killed and started again on the same port."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from ..helpers.ports import reserved_port
from ..peers.peer_process import ROOT
from ..peers.reference import PROGRAM
from ..peers.require import require

__all__ = ["SERVERS", "ServerProcess", "server_process"]

_START_SECONDS: Final = 20.0


def _embedded(port: int) -> Sequence[str]:
    return [sys.executable, "-m", "gst_signalling_sync", "serve", "--port", str(port)]


def _reference(port: int) -> Sequence[str]:
    program = shutil.which(PROGRAM)
    require(PROGRAM, program, "cargo install gst-plugin-webrtc-signalling")
    assert program is not None
    return [program, "--host", "127.0.0.1", "--port", str(port)]


SERVERS: Final[dict[str, Callable[[int], Sequence[str]]]] = {"embedded": _embedded, "reference": _reference}
"""The kinds of servers, with the command that runs one on a port of the loopback interface."""


class ServerProcess:
    """A server that can be killed and started again.

    Args:
        command: The program and its arguments.
        port: The port on which it listens.
    """

    def __init__(self, command: Sequence[str], port: int) -> None:
        self.uri = f"ws://127.0.0.1:{port}"
        self._command = command
        self._port = port
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> float:
        """Start the server.

        Returns:
            When it listened, by `time.monotonic`, in seconds.
        """
        process = subprocess.Popen(
            self._command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL
        )
        self._process = process
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            assert process.poll() is None, f"{self._command[0]} exited with {process.returncode}"
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._port), timeout=1):
                return time.monotonic()
            time.sleep(0.005)
        raise AssertionError(f"{self._command[0]} does not listen at port {self._port} after {_START_SECONDS:g} s")

    def kill(self) -> None:
        """Kill the server by SIGKILL, so that its peers are told nothing. Does nothing when it does not run."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(_START_SECONDS)
            self._process = None


@contextlib.contextmanager
def server_process(kind: str) -> Iterator[ServerProcess]:
    """Run a server on a free port of the loopback interface, and kill it when the block ends.

    Args:
        kind: One of `SERVERS`.
    """
    with reserved_port() as port:
        server = ServerProcess(SERVERS[kind](port), port)
        try:
            server.start()
            yield server
        finally:
            server.kill()
