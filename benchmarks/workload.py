"""The workload of every contestant and its measurement; all contestants run the same code.

Imports the standard library only, because the contestants run in different virtual environments.
"""

from __future__ import annotations

import json
import time
from collections.abc import Generator
from dataclasses import asdict, dataclass
from statistics import quantiles
from typing import Final

from benchmarks.cpu import CpuClock

__all__ = ["CHANNEL", "PRODUCER", "Flood", "Measurement", "Workload", "measure"]

CHANNEL: Final = "data"
"""Label of the channel on which everything is measured; ordered and reliable."""

PRODUCER: Final = "benchmark"
"""Name as which the producers register."""


@dataclass(frozen=True)
class Workload:
    """The messages of one round; sizes in bytes.

    Attributes:
        producer_pid: The producer's process.
    """

    warm_up: int = 300
    pings: int = 2000
    ping_size: int = 64
    flood_messages: int = 20_000
    flood_size: int = 64
    bulk_messages: int = 2000
    bulk_size: int = 16 * 1024
    producer_pid: int = 0

    def to_json(self) -> str:
        """The workload as a command line argument."""
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> Workload:
        """The inverse of `to_json`."""
        return Workload(**json.loads(text))


@dataclass(frozen=True)
class Flood:
    """A request of the consumer, in a text message: messages that the producer sends as fast as it can."""

    count: int
    size: int

    def to_text(self) -> str:
        """The request as the text message."""
        return json.dumps(asdict(self))

    @staticmethod
    def from_text(text: str) -> Flood:
        """The inverse of `to_text`."""
        return Flood(**json.loads(text))


@dataclass(frozen=True)
class Measurement:
    """The measurement of one round, made in the consumer's process.

    The processor time of each end is that per message of the flood.
    """

    first_message_ms: float
    round_trip_p50_us: float
    round_trip_p99_us: float
    flood_per_s: float
    bulk_mb_per_s: float
    flood_producer_cpu_us: float
    flood_consumer_cpu_us: float

    def to_json(self) -> str:
        """The measurement as a line of output."""
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> Measurement:
        """The inverse of `to_json`."""
        return Measurement(**json.loads(text))


Exchange = Generator[str | bytes | None, str | bytes, Measurement]


def measure(workload: Workload, started: float) -> Exchange:
    """The consumer's end of a round, without I/O. The generator yields what to send, and is sent what arrives.

    It begins when the channel is open. The producer echoes a binary message; a text message is a `Flood`. A yielded message is
    to be sent at once; None: wait for the next message without sending.

    Args:
        workload: The workload.
        started: `time.perf_counter` when the consumer began to connect.

    Returns:
        The measurement.
    """
    ping = bytes(workload.ping_size)
    yield ping
    first_message = time.perf_counter() - started

    for _ in range(workload.warm_up):
        yield ping
    round_trips = []
    for _ in range(workload.pings):
        sent = time.perf_counter()
        yield ping
        round_trips.append(time.perf_counter() - sent)

    cpu = CpuClock(workload.producer_pid)
    before = cpu.read()
    flood_seconds = yield from _receive(Flood(workload.flood_messages, workload.flood_size))
    flood_producer_cpu, flood_consumer_cpu = cpu.since(before)
    bulk_seconds = yield from _receive(Flood(workload.bulk_messages, workload.bulk_size))

    percentiles = quantiles(round_trips, n=100)
    return Measurement(
        first_message_ms=first_message * 1e3,
        round_trip_p50_us=percentiles[49] * 1e6,
        round_trip_p99_us=percentiles[98] * 1e6,
        flood_per_s=(workload.flood_messages - 1) / flood_seconds,
        bulk_mb_per_s=(workload.bulk_messages - 1) * workload.bulk_size / bulk_seconds / 1e6,
        flood_producer_cpu_us=flood_producer_cpu / workload.flood_messages * 1e6,
        flood_consumer_cpu_us=flood_consumer_cpu / workload.flood_messages * 1e6,
    )


def _receive(flood: Flood) -> Generator[str | bytes | None, str | bytes, float]:
    """Receive all messages of a flood, and return the seconds from the first to the last one."""
    message = yield flood.to_text()
    first = time.perf_counter()
    for _ in range(flood.count - 1):
        if len(message) != flood.size:
            raise ValueError(f"a message of {len(message)} bytes arrived, not {flood.size}")
        message = yield None
    return time.perf_counter() - first
