"""All contestants with all workloads: this library, bare aiortc and webrtcbin, in alternating rounds."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.processes import Process, embedded_server, find_reference_server, reference_server, running
from benchmarks.video.workload import ConsumersMeasurement, ProducerMeasurement, VideoWorkload, Window
from tests.peers.gst_signalling import find_gst_signalling

__all__ = ["AIORTC", "CONTESTANTS", "GST_SIGNALLING", "LIBRARY", "Contestant", "Stream", "VideoResult", "run"]

_READY_SECONDS: Final = 30.0
_SETTLE_SECONDS: Final = 1.0
_ANSWER_SECONDS: Final = 10.0

_STATISTICS: Final = Path("/proc/stat")

_LOADS: Final = ((640, 480, 1), (640, 480, 4), (640, 480, 8), (1280, 720, 1), (1280, 720, 4))


@dataclass(frozen=True)
class Contestant:
    """A module of `benchmarks.video.contestants`.

    Attributes:
        name: Its name in the report.
        module: The module's.
    """

    name: str
    module: str

    def python(self) -> str | None:
        """The interpreter on which it runs; None: it is not installed."""
        if self.module != "gst_signalling":
            return sys.executable
        python = find_gst_signalling()
        return str(python) if python is not None else None


LIBRARY: Final = Contestant("this library", "library")
AIORTC: Final = Contestant("bare aiortc", "aiortc_bare")
GST_SIGNALLING: Final = Contestant("webrtcbin", "gst_signalling")
CONTESTANTS: Final = (LIBRARY, AIORTC, GST_SIGNALLING)


@dataclass(frozen=True)
class Stream:
    """One contestant with one workload in one round.

    Attributes:
        contestant: The contestant's name.
        workload: The workload.
        producer: Measurement of the producer's process.
        viewer: Measurement of the consumer that decodes.
        counters: Measurement of the other consumers; None: there are no others.
        machine_cpu_cores: Cores that all processes of the machine used; None: the system does not report it.
    """

    contestant: str
    workload: VideoWorkload
    producer: ProducerMeasurement
    viewer: ConsumersMeasurement
    counters: ConsumersMeasurement | None
    machine_cpu_cores: float | None

    @property
    def fps(self) -> list[float]:
        """Complete frames per second of each consumer."""
        return self.viewer.fps + (self.counters.fps if self.counters is not None else [])

    @property
    def kbit_per_s(self) -> list[float]:
        """RTP payload in kbit/s of each consumer."""
        return self.viewer.kbit_per_s + (self.counters.kbit_per_s if self.counters is not None else [])

    @property
    def consumers_cpu_cores(self) -> float:
        """Cores that all consumers used together."""
        return self.viewer.cpu_cores + (self.counters.cpu_cores if self.counters is not None else 0.0)

    @property
    def others_cpu_cores(self) -> float | None:
        """Cores that other processes used, which disturbed the measurement; None: the system does not report it."""
        if self.machine_cpu_cores is None:
            return None
        return self.machine_cpu_cores - self.producer.cpu_cores - self.consumers_cpu_cores


@dataclass
class VideoResult:
    """The results of all rounds.

    Attributes:
        signalling: The server on which the contestants met their consumers; bare aiortc uses a socket instead.
        workloads: The workloads.
        streams: In the order of the rounds.
        floors: The control loop alone in its process, with nothing streamed, once in each round.
        missing: A sentence for each contestant that could not take part and each stream that failed.
    """

    signalling: str
    workloads: list[VideoWorkload]
    streams: list[Stream] = field(default_factory=list)
    floors: list[ProducerMeasurement] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def of(self, contestant: str, workload: VideoWorkload) -> list[Stream]:
        """The rounds of one contestant with one workload."""
        return [each for each in self.streams if (each.contestant, each.workload) == (contestant, workload)]

    def median(self, contestant: str, workload: VideoWorkload, value: Callable[[Stream], float | None]) -> float | None:
        """The median over the rounds; None: there is no value."""
        values = [found for each in self.of(contestant, workload) if (found := value(each)) is not None]
        return median(values) if values else None


def run(
    rounds: int, seconds: float, bitrate: int, only: tuple[str, ...], progress: Callable[[str], None]
) -> VideoResult:
    """Measure all contestants with all workloads, one after another, in each round.

    Args:
        rounds: Number of rounds.
        seconds: Length of each measurement.
        bitrate: Bit/s, for all contestants.
        only: Parts of the names of the contestants to measure; empty: all.
        progress: Called with what is being measured.

    Returns:
        The measurements, and what is missing.
    """
    chosen = [each for each in CONTESTANTS if not only or any(part in each.name for part in only)]
    use_reference = find_reference_server() is not None
    result = VideoResult(
        "reference server" if use_reference else "embedded server",
        [VideoWorkload(*load, bitrate=bitrate) for load in _LOADS],
    )
    present = [each for each in chosen if each.python() is not None]
    result.missing += [f"{each.name}: not installed (.ci/peers installs it)" for each in chosen if each not in present]
    with reference_server() if use_reference else embedded_server() as address:
        for number in range(rounds):
            progress(f"round {number + 1} of {rounds}: the control loop alone")
            result.floors.append(_measure_floor(seconds))
            for workload in result.workloads:
                for contestant in present:
                    progress(f"round {number + 1} of {rounds}: {workload.name}: {contestant.name}")
                    try:
                        result.streams.append(_measure(contestant, address.uri, workload, seconds))
                    except ChildProcessError as error:
                        result.missing.append(f"{contestant.name}, {workload.name}, round {number + 1}: {error}")
    return result


def _measure_floor(seconds: float) -> ProducerMeasurement:
    with running([sys.executable, "-m", "benchmarks.video.control_loop"]) as process:
        process.read_line(_READY_SECONDS)
        [answer], _ = _answers([process], seconds)
        return ProducerMeasurement.from_json(answer)


def _measure(contestant: Contestant, uri: str, workload: VideoWorkload, seconds: float) -> Stream:
    with contextlib.ExitStack() as stack:
        python = contestant.python()
        assert python is not None
        module = f"benchmarks.video.contestants.{contestant.module}"
        producer = stack.enter_context(running([python, "-m", module, uri, workload.to_json()]))
        # Started before the producer is ready, because their imports take most of their time to start.
        consumers = [
            stack.enter_context(running([sys.executable, "-m", "benchmarks.video.consumers", role, workload.to_json()]))
            for role in (("viewer", "counters") if workload.consumers > 1 else ("viewer",))
        ]
        address = producer.read_line(_READY_SECONDS).removeprefix("ready ")
        for process in consumers:
            process.write_line(address)
        for process in consumers:
            process.read_line(_READY_SECONDS)
        (of_producer, of_viewer, *of_counters), machine_cpu_cores = _answers([producer, *consumers], seconds)
        return Stream(
            contestant.name,
            workload,
            ProducerMeasurement.from_json(of_producer),
            ConsumersMeasurement.from_json(of_viewer),
            ConsumersMeasurement.from_json(of_counters[0]) if of_counters else None,
            machine_cpu_cores,
        )


def _answers(processes: list[Process], seconds: float) -> tuple[list[str], float | None]:
    """The answer of each process for the same window, and the number of cores that the machine used in it."""
    start = time.monotonic() + _SETTLE_SECONDS
    window = Window(start, start + seconds)
    for process in processes:
        process.write_line(window.to_json())
    machine_cpu_cores = _machine_cpu_cores(window)
    return [process.read_line(_ANSWER_SECONDS) for process in processes], machine_cpu_cores


def _machine_cpu_cores(window: Window) -> float | None:
    time.sleep(max(0.0, window.start - time.monotonic()))
    before, started = _machine_cpu_seconds(), time.monotonic()
    time.sleep(max(0.0, window.end - started))
    after, ended = _machine_cpu_seconds(), time.monotonic()
    return (after - before) / (ended - started) if before is not None and after is not None else None


def _machine_cpu_seconds() -> float | None:
    """Seconds that all processes used since the machine was started (proc(5))."""
    if not _STATISTICS.exists():
        return None
    user, nice, system, _idle, _iowait, irq, softirq = map(int, _STATISTICS.read_text().split()[1:8])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")
