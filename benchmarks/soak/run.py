"""The soak itself: a producer in this process, its audience in others."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.processes import Process, running
from benchmarks.soak.scene import offsets_of, performing
from gst_signalling_sync import Producer, SignallingServer

__all__ = ["SoakResult", "run"]

_START_SECONDS: Final = 30.0
_SAMPLE_SECONDS: Final = 5.0
_OFFSETS: Final = 20
_THREADS_SECONDS: Final = 5.0


@dataclass(frozen=True)
class SoakResult:
    """What a soak showed.

    Attributes:
        seconds: Of streaming.
        visits: Sessions that came and went.
        memory: Mebibytes of the producer's process every five seconds.
        warm_up: Entries of `memory` that belong to the warm-up.
        threads: Names of threads that were left when the producer was closed.
        recorded: Seconds of the recording between its first and its last flash.
        offset_at_begin: Seconds that the sound lags the picture, the median of the first twenty flashes.
        offset_at_end: The same of the last twenty.
    """

    seconds: float
    visits: int
    memory: list[float]
    warm_up: int
    threads: list[str]
    recorded: float
    offset_at_begin: float
    offset_at_end: float

    @property
    def growth(self) -> float:
        """Mebibytes between the median of the first quarter after the warm-up and that of the last quarter."""
        after = self.memory[self.warm_up :]
        quarter = max(1, len(after) // 4)
        return median(after[-quarter:]) - median(after[:quarter])


def run(minutes: float, warm_up_minutes: float, progress: Callable[[str], None]) -> SoakResult:
    """Stream, while consumers come and go every few seconds and one records.

    Args:
        minutes: Of streaming.
        warm_up_minutes: Of those, before memory counts.
        progress: Told what happens.

    Returns:
        What it showed.
    """
    seconds = minutes * 60
    memory: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "soak.mkv"
        with SignallingServer(port=0) as server:
            producer = Producer(server.uri, name="soak")
            with producer, performing(producer.add_video(), producer.add_audio()):
                visits = _stream(server.uri, path, seconds, memory, progress)
            threads = _threads_left()
        progress("reading the recording")
        offsets = offsets_of(path)
    return SoakResult(
        seconds=seconds,
        visits=visits,
        memory=memory,
        warm_up=round(warm_up_minutes * 60 / _SAMPLE_SECONDS),
        threads=threads,
        recorded=offsets[-1][0] - offsets[0][0],
        offset_at_begin=median(offset for _, offset in offsets[:_OFFSETS]),
        offset_at_end=median(offset for _, offset in offsets[-_OFFSETS:]),
    )


def _stream(uri: str, path: Path, seconds: float, memory: list[float], progress: Callable[[str], None]) -> int:
    with running(_audience("recorder", uri, str(path))) as recorder, running(_audience("visitors", uri)) as visitors:
        for process in (recorder, visitors):
            process.read_line(_START_SECONDS)
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            memory.append(_resident_mebibytes())
            if len(memory) % 12 == 1:
                progress(f"{left:.0f} s to go, {memory[-1]:.1f} MiB")
            time.sleep(min(left, _SAMPLE_SECONDS))
        return _end(visitors)


def _audience(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "benchmarks.soak.audience", *arguments]


def _end(visitors: Process) -> int:
    visitors.close_input()
    return int(visitors.read_line(_START_SECONDS))


def _resident_mebibytes() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _threads_left() -> list[str]:
    deadline = time.monotonic() + _THREADS_SECONDS
    while True:
        names = [
            each.name for each in threading.enumerate() if each.name.startswith("gss-") and each.name != "gss-server"
        ]
        if not names or time.monotonic() > deadline:
            return names
        time.sleep(0.05)
