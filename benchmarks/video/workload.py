"""What is streamed and what is measured of it, as the processes of the benchmark tell each other.

Imports the standard library only: the contestants run in different virtualenvs. All times are of `time.monotonic`, one
clock for all processes of a machine.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import quantiles
from typing import Final, Self

__all__ = ["PRODUCER", "ConsumersMeasurement", "ProducerMeasurement", "VideoWorkload", "Window", "percentiles"]

PRODUCER: Final = "video benchmark"
"""Name that the producers register."""


@dataclass(frozen=True)
class _Line:
    """One line between two processes."""

    def to_json(self) -> str:
        """As a line or a command line argument."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The inverse of `to_json`."""
        return cls(**json.loads(text))


@dataclass(frozen=True)
class VideoWorkload(_Line):
    """What a producer streams, and to how many.

    Attributes:
        width: Pixels.
        height: Pixels.
        consumers: How many there are.
        fps: Pictures a second.
        bitrate: Bits a second that the encoder is asked for; every consumer reports it as its estimate.
    """

    width: int
    height: int
    consumers: int
    fps: int = 30
    bitrate: int = 1_000_000

    @property
    def name(self) -> str:
        """In the report."""
        return f"{self.width}x{self.height}, {self.consumers}"


@dataclass(frozen=True)
class Window(_Line):
    """When to measure.

    Attributes:
        start: Seconds.
        end: Seconds.
    """

    start: float
    end: float


@dataclass(frozen=True)
class ProducerMeasurement(_Line):
    """What a producer's process did in a window.

    Attributes:
        cpu_cores: User and system time per second, without the control loop's own.
        loop_p50_ms: How late the control loop was at the median.
        loop_p99_ms: At the 99th percentile.
        loop_max_ms: At worst.
    """

    cpu_cores: float
    loop_p50_ms: float
    loop_p99_ms: float
    loop_max_ms: float


@dataclass(frozen=True)
class ConsumersMeasurement(_Line):
    """What one process of consumers saw in a window.

    Attributes:
        fps: Of each consumer: frames that were complete, per second.
        kbit_per_s: Of each consumer: RTP payload.
        cpu_cores: User and system time per second of the process.
        latency_p50_ms: From the drawn timestamp until the picture was decoded; None where nothing was decoded.
        latency_p99_ms: At the 99th percentile.
        unreadable: Pictures whose timestamp could not be read.
    """

    fps: list[float]
    kbit_per_s: list[float]
    cpu_cores: float
    latency_p50_ms: float | None = None
    latency_p99_ms: float | None = None
    unreadable: int = 0


def percentiles(values: Sequence[float]) -> tuple[float, float]:
    """The median and the 99th percentile of two values or more."""
    cuts = quantiles(values, n=100, method="inclusive")
    return cuts[49], cuts[98]
