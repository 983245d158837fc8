"""Runs the producers one after another, each with its consumers, in each round."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

from rich.console import Console
from rich.table import Table

from benchmarks.pass_through.film import KEYFRAMES, SIZE, write_film
from benchmarks.pass_through.producer import ENCODED, FROM_MEMORY, PASSED
from benchmarks.processes import embedded_server, running
from benchmarks.video.workload import ConsumersMeasurement, VideoWorkload, Window
from tests.peers.rtsp_server import camera_pipeline, find_rtsp_server, rtsp_camera

__all__ = ["PassThroughResult", "print_pass_through", "run"]

_READY_SECONDS: Final = 120.0
_SETTLE_SECONDS: Final = 3.0
_BITRATE: Final = 8_000_000

FILE: Final = "file"
CAMERA: Final = "RTSP camera"


@dataclass
class PassThroughResult:
    """By origin and way: the processor cores that the source and its process used, and frames per second, for each round.

    Attributes:
        consumers: Number of consumers of each producer.
        rounds: The measurements, in the order of the rounds.
    """

    consumers: int
    rounds: dict[tuple[str, str], list[tuple[float, float, float]]] = field(default_factory=lambda: defaultdict(list))

    def figures(self, origin: str, way: str) -> tuple[float, float, float]:
        """The medians over the rounds."""
        source, whole, fps = zip(*self.rounds[origin, way], strict=True)
        return median(source), median(whole), median(fps)

    def to_json(self) -> str:
        """The medians as a JSON document."""
        return json.dumps({f"{origin}, {way}": self.figures(origin, way) for origin, way in self.rounds})


def run(rounds: int, seconds: float, consumers: int, progress: Callable[[str], None]) -> PassThroughResult:
    """Measure all origins and ways.

    Args:
        rounds: Number of rounds.
        seconds: Length of a measurement.
        consumers: Number of consumers of each producer.
        progress: Called with what is being measured.
    """
    result = PassThroughResult(consumers)
    with tempfile.TemporaryDirectory() as directory:
        film = write_film(Path(directory) / "film.mkv")
        for number in range(rounds):
            for origin, ways in ((FILE, (PASSED, ENCODED, FROM_MEMORY)), (CAMERA, (PASSED, ENCODED))):
                with _opened(origin, film) as location:
                    if location is None:
                        continue
                    for way in ways:
                        progress(f"round {number + 1}: {origin}, {way}")
                        result.rounds[origin, way].append(_measure(way, location, consumers, seconds))
    return result


@contextmanager
def _opened(origin: str, film: Path) -> Iterator[str | None]:
    if origin == FILE:
        yield str(film)
    elif find_rtsp_server() is None:
        yield None
    else:
        with rtsp_camera(camera_pipeline("baseline", KEYFRAMES, SIZE)) as url:
            yield url


def _measure(way: str, location: str, consumers: int, seconds: float) -> tuple[float, float, float]:
    # One consumer more, because the workload counts the viewer of other benchmarks.
    workload = VideoWorkload(*SIZE, consumers + 1, bitrate=_BITRATE)
    with (
        embedded_server() as server,
        running([sys.executable, "-m", "benchmarks.pass_through.producer", way, location, server.uri]) as producer,
    ):
        producer.read_line(_READY_SECONDS)
        with running([sys.executable, "-m", "benchmarks.video.consumers", "counters", workload.to_json()]) as counters:
            counters.write_line(server.uri)
            counters.read_line(_READY_SECONDS)
            begin = time.monotonic() + _SETTLE_SECONDS
            window = Window(begin, begin + seconds).to_json()
            producer.write_line(window)
            counters.write_line(window)
            source, whole = json.loads(producer.read_line(_READY_SECONDS))
            received = ConsumersMeasurement.from_json(counters.read_line(_READY_SECONDS))
    return source, whole, median(received.fps)


def print_pass_through(console: Console, result: PassThroughResult) -> None:
    """Print the medians as a table."""
    table = Table(title=f"1920x1080, 30 frames per second, H264, {result.consumers} consumers")
    for column in ("Input", "Way", "source [cores]", "to encoding", "all [cores]", "to memory", "frames/s"):
        table.add_column(column)
    for origin, way in result.rounds:
        source, whole, fps = result.figures(origin, way)
        encoded = result.figures(origin, ENCODED)[0]
        memory = result.figures(origin, FROM_MEMORY)[1] if (origin, FROM_MEMORY) in result.rounds else None
        table.add_row(
            origin,
            way,
            f"{source:.3f}",
            f"{source / encoded:.2f}x",
            f"{whole:.3f}",
            "" if memory is None else f"{whole / memory:.2f}x",
            f"{fps:.1f}",
        )
    console.print(table)
