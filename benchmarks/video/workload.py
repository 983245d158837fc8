"""The workloads and measurements, as the processes of the benchmark send them to each other.

Imports the standard library only, because the contestants run in different virtual environments. All times are of
`time.monotonic`, which is the same clock in all processes of a machine.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import quantiles
from typing import Final, Self

__all__ = ["PRODUCER", "ConsumersMeasurement", "ProducerMeasurement", "VideoWorkload", "Window", "percentiles"]

PRODUCER: Final = "video benchmark"
"""Name as which the producers register."""


@dataclass(frozen=True)
class _Line:
    """One line from a process to another."""

    def to_json(self) -> str:
        """The object as a line or a command line argument."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The inverse of `to_json`."""
        return cls(**json.loads(text))


@dataclass(frozen=True)
class VideoWorkload(_Line):
    """The video that a producer streams, and the number of its consumers.

    Attributes:
        width: Width in pixels.
        height: Height in pixels.
        consumers: Number of consumers.
        fps: Frames per second.
        bitrate: Bit/s that the encoder is set to; every consumer reports it as its estimate.
    """

    width: int
    height: int
    consumers: int
    fps: int = 30
    bitrate: int = 1_000_000

    @property
    def name(self) -> str:
        """The workload's name in the report."""
        return f"{self.width}x{self.height}, {self.consumers}"


@dataclass(frozen=True)
class Window(_Line):
    """The interval in which to measure.

    Attributes:
        start: Begin in seconds.
        end: End in seconds.
    """

    start: float
    end: float


@dataclass(frozen=True)
class ProducerMeasurement(_Line):
    """The measurement of a producer's process in a window.

    Attributes:
        cpu_cores: User and system time per second, without the control loop's own.
        loop_p50_ms: Median lateness of the control loop.
        loop_p99_ms: The 99th percentile.
        loop_max_ms: The maximum.
    """

    cpu_cores: float
    loop_p50_ms: float
    loop_p99_ms: float
    loop_max_ms: float


@dataclass(frozen=True)
class ConsumersMeasurement(_Line):
    """The measurement of a process of consumers in a window.

    Attributes:
        fps: Complete frames per second of each consumer.
        kbit_per_s: RTP payload in kbit/s of each consumer.
        cpu_cores: User and system time per second of the process.
        latency_p50_ms: Median from the drawn timestamp until the frame was decoded; None: no frame was decoded.
        latency_p99_ms: The 99th percentile.
        unreadable: Number of frames whose timestamps could not be read.
    """

    fps: list[float]
    kbit_per_s: list[float]
    cpu_cores: float
    latency_p50_ms: float | None = None
    latency_p99_ms: float | None = None
    unreadable: int = 0


def percentiles(values: Sequence[float]) -> tuple[float, float]:
    """The median and the 99th percentile of at least two values."""
    cuts = quantiles(values, n=100, method="inclusive")
    return cuts[49], cuts[98]
