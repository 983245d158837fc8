"""Time to start: importing this library, listing producers, and importing aiortc, which neither of them does."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median
from typing import Final

from benchmarks.processes import embedded_server

__all__ = ["IMPORT_AIORTC", "IMPORT_LIBRARY", "LIST", "StartResult", "run"]

NOTHING: Final = "python -c pass"
IMPORT_LIBRARY: Final = "import gst_signalling_sync"
IMPORT_AIORTC: Final = "import aiortc"
LIST: Final = "gst-signalling-sync list"


@dataclass
class StartResult:
    """Seconds of whole processes, by what they did, in the order of the rounds."""

    rounds: dict[str, list[float]] = field(default_factory=dict)

    def milliseconds(self, what: str) -> float:
        """The median over the rounds. For an import, the start of the interpreter itself is subtracted."""
        overhead = 0.0 if what in (LIST, NOTHING) else median(self.rounds[NOTHING])
        return (median(self.rounds[what]) - overhead) * 1e3


def run(rounds: int, progress: Callable[[str], None]) -> StartResult:
    """Measure all processes, one after another, in each round.

    Args:
        rounds: Number of rounds.
        progress: Called with what is being measured.

    Returns:
        The measurements.
    """
    result = StartResult()
    with embedded_server() as server:
        commands = {
            NOTHING: [sys.executable, "-c", "pass"],
            IMPORT_LIBRARY: [sys.executable, "-c", IMPORT_LIBRARY],
            IMPORT_AIORTC: [sys.executable, "-c", IMPORT_AIORTC],
            LIST: [sys.executable, "-m", "gst_signalling_sync.cli", "list", "--json", "--uri", server.uri],
        }
        for number in range(rounds):
            progress(f"round {number + 1} of {rounds}")
            for what, command in commands.items():
                started = time.perf_counter()
                subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
                result.rounds.setdefault(what, []).append(time.perf_counter() - started)
    return result
