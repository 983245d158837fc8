"""`Helper`: a program of this package in a process of its own, which reports its measurements."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

__all__ = ["Helper"]

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 60.0


class Helper:
    """A program of this package that prints its measurements as a line of JSON each time that it is asked."""

    def __init__(self, module: str, *arguments: str) -> None:
        # With this the C library returns freed memory at once, so that the resident size shows what the program has freed.
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"tests.attacks.{module}", *arguments],
            cwd=ROOT,
            env={**os.environ, "MALLOC_MMAP_THRESHOLD_": str(2**17)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.pid = self._process.pid
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
