"""A robot with a producer that strangers attack, and the operator whose session with it must not notice."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from .strangers import Stranger
from .victim import ROOT

__all__ = ["AttackedProducer", "Operator", "reading"]

SECONDS = 60.0


class Helper:
    """A program of this package that tells what it notices, a line of JSON for each time that it is asked."""

    def __init__(self, module: str, *arguments: str) -> None:
        # What was given back is measured, and not what the C library keeps of it for later.
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"tests.attacks.{module}", *arguments],
            cwd=ROOT,
            env={**os.environ, "MALLOC_MMAP_THRESHOLD_": str(2**17)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.first_line = self._line().strip()

    def tell(self) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        told: dict[str, Any] = json.loads(self._line())
        return told

    def resident_bytes(self) -> int:
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(dict(line.split(":", 1) for line in status.splitlines())["VmRSS"].split()[0]) * 1024

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(SECONDS)
        finally:
            self._process.kill()
            self._process.stdout.close()

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


class AttackedProducer(Helper):
    """A robot that sends 100 messages a second and a video of 30 frames a second.

    Args:
        uri: Of the signalling server.
        limits: Of its `SessionLimits`; a rate is a list of two numbers.
    """

    def __init__(self, uri: str, **limits: Any) -> None:
        super().__init__("producer_process", uri, json.dumps(limits))

    @property
    def peer_id(self) -> str:
        return self.first_line


class Operator(Helper):
    """A session with the robot, connected.

    Args:
        uri: Of the signalling server.
    """

    def __init__(self, uri: str) -> None:
        super().__init__("operator_process", uri)
        assert self.first_line == "connected"


@contextlib.contextmanager
def reading(strangers: list[Stranger]) -> Iterator[None]:
    """Have strangers take what they are sent, and drop it, so that the server goes on with them."""
    done = threading.Event()

    def read() -> None:
        with contextlib.suppress(PermissionError):
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        while not done.wait(0.02):
            for stranger in strangers:
                with contextlib.suppress(BlockingIOError, TimeoutError):
                    stranger.socket.recv(2**20, socket.MSG_DONTWAIT)

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
