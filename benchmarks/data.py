"""Data channels: this library, bare aiortc and gst-signalling, each two processes on loopback, in alternating rounds."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from statistics import median
from typing import Final

from benchmarks.processes import embedded_server, find_reference_server, reference_server, running
from benchmarks.workload import Measurement, Workload
from tests.peers.gst_signalling import find_gst_signalling

__all__ = ["COMPARISONS", "METRICS", "Comparison", "Contestant", "DataResult", "run"]

_READY_SECONDS: Final = 20.0
_ROUND_SECONDS: Final = 120.0

METRICS: Final = {
    "first_message_ms": "first message [ms]",
    "round_trip_p50_us": "round trip p50 [us]",
    "round_trip_p99_us": "p99 [us]",
    "flood_per_s": "flood 64 B [/s]",
    "bulk_mb_per_s": "bulk 16 KiB [MB/s]",
}
"""The fields of `Measurement` as a table heads them."""


@dataclass(frozen=True)
class Contestant:
    """A module of `benchmarks.contestants` and how to run it.

    Attributes:
        name: In the report.
        module: In `benchmarks.contestants`.
        event_loop: Its `$GST_SIGNALLING_EVENT_LOOP`.
    """

    name: str
    module: str
    event_loop: str = ""

    def python(self) -> str | None:
        """The interpreter that it runs on, or None where that is not installed."""
        if self.module != "gst_signalling":
            return sys.executable
        python = find_gst_signalling()
        return str(python) if python is not None else None


LIBRARY_UVLOOP: Final = Contestant("this library, uvloop", "library", "uvloop")
LIBRARY_ASYNCIO: Final = Contestant("this library, asyncio", "library", "asyncio")
AIORTC_UVLOOP: Final = Contestant("bare aiortc, uvloop", "aiortc_bare", "uvloop")
AIORTC_ASYNCIO: Final = Contestant("bare aiortc, asyncio", "aiortc_bare", "asyncio")
GST_SIGNALLING: Final = Contestant("gst-signalling 1.1.2", "gst_signalling")
CONTESTANTS: Final = (LIBRARY_UVLOOP, AIORTC_UVLOOP, LIBRARY_ASYNCIO, AIORTC_ASYNCIO, GST_SIGNALLING)


@dataclass(frozen=True)
class Comparison:
    """A ratio of medians, and what it must reach.

    Attributes:
        metric: A field of `Measurement`.
        numerator: Name of the contestant.
        denominator: Name of the contestant that it is measured against.
        at_most: The ratio that is good enough, where less is better.
        at_least: The ratio that is good enough, where more is better.
    """

    metric: str
    numerator: str
    denominator: str
    at_most: float | None = None
    at_least: float | None = None


def _comparisons() -> Iterator[Comparison]:
    for library, bare in ((LIBRARY_UVLOOP, AIORTC_UVLOOP), (LIBRARY_ASYNCIO, AIORTC_ASYNCIO)):
        yield Comparison("round_trip_p50_us", library.name, bare.name, at_most=1.5)
        yield Comparison("round_trip_p99_us", library.name, bare.name)
        yield Comparison("flood_per_s", library.name, bare.name, at_least=0.9)
        yield Comparison("bulk_mb_per_s", library.name, bare.name, at_least=0.9)
        yield Comparison("first_message_ms", library.name, GST_SIGNALLING.name, at_most=0.5)
        yield Comparison("round_trip_p50_us", library.name, GST_SIGNALLING.name, at_most=1.0)
        yield Comparison("round_trip_p99_us", library.name, GST_SIGNALLING.name)
        yield Comparison("flood_per_s", library.name, GST_SIGNALLING.name)
        yield Comparison("bulk_mb_per_s", library.name, GST_SIGNALLING.name)


COMPARISONS: Final = tuple(_comparisons())


@dataclass
class DataResult:
    """What all rounds gave.

    Attributes:
        signalling: Which server the contestants met on.
        rounds: Per contestant's name, in the order of the rounds.
        missing: Contestants that could not take part, and rounds that failed, in words.
    """

    signalling: str
    rounds: dict[str, list[Measurement]] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)

    def median(self, contestant: str, metric: str) -> float | None:
        """The median over the rounds, or None where there is none."""
        values = [getattr(measurement, metric) for measurement in self.rounds.get(contestant, [])]
        return median(values) if values else None

    def ratio(self, comparison: Comparison) -> float | None:
        """The ratio of medians, or None where one is missing."""
        numerator = self.median(comparison.numerator, comparison.metric)
        denominator = self.median(comparison.denominator, comparison.metric)
        return numerator / denominator if numerator is not None and denominator else None


def run(rounds: int, workload: Workload, only: tuple[str, ...], progress: Callable[[str], None]) -> DataResult:
    """Measure all contestants, one after another, several times.

    Args:
        rounds: How many times.
        workload: What each sends in a round.
        only: Parts of contestants' names to take; empty: all.
        progress: Is told what is being measured.

    Returns:
        The measurements, with what is missing.
    """
    chosen = [each for each in CONTESTANTS if not only or any(part in each.name for part in only)]
    use_reference = find_reference_server() is not None
    result = DataResult("reference server" if use_reference else "embedded server")
    if not use_reference:
        result.missing.append("reference server: not installed, the embedded server is used (.ci/peers installs it)")
    present = [each for each in chosen if each.python() is not None]
    absent = [each for each in chosen if each not in present]
    result.missing += [f"{each.name}: not installed (.ci/peers installs it)" for each in absent]
    server = reference_server() if use_reference else embedded_server()
    with server as address:
        for number in range(rounds):
            for contestant in present:
                progress(f"round {number + 1} of {rounds}: {contestant.name}")
                try:
                    measurement = _run_round(contestant, address.uri, workload)
                except ChildProcessError as error:
                    result.missing.append(f"{contestant.name}, round {number + 1}: {error}")
                else:
                    result.rounds.setdefault(contestant.name, []).append(measurement)
    return result


def _run_round(contestant: Contestant, uri: str, workload: Workload) -> Measurement:
    environment = {"GST_SIGNALLING_EVENT_LOOP": contestant.event_loop}
    python = contestant.python()
    assert python is not None

    def side(role: str, address: str) -> list[str]:
        return [python, "-m", f"benchmarks.contestants.{contestant.module}", role, address, workload.to_json()]

    with contextlib.ExitStack() as stack:
        producer = stack.enter_context(running(side("producer", uri), environment))
        address = producer.read_line(_READY_SECONDS).removeprefix("ready ")
        consumer = stack.enter_context(running(side("consumer", address), environment))
        return Measurement.from_json(consumer.read_line(_ROUND_SECONDS))
