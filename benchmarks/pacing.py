"""Messages at a steady rate on many sessions, each echoed by the producer; all contestants run the same code.

Imports the standard library only, because the contestants run in different virtual environments.
"""

from __future__ import annotations

import asyncio
import json
import struct
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from statistics import quantiles
from typing import Final

from benchmarks.cpu import CpuClock

__all__ = ["GO", "OPEN", "Pace", "PacedMeasurement", "Pacing"]

OPEN: Final = "open"
"""The line that a pacer prints when each of its sessions has an open channel."""

GO: Final = "go"
"""The line that it is sent when the network is ready."""

_NUMBER: Final = struct.Struct("!Q")
_REST_SECONDS: Final = 60.0
"""Maximum that the last answers are waited for."""


@dataclass(frozen=True)
class Pace:
    """The pace of a pacer.

    Attributes:
        sessions: Number of sessions with the one producer; each has one channel.
        hertz: Messages per second and session, in each direction.
        seconds: Length of the measurement.
        size: Size of a message in bytes.
        producer_pid: The producer's process.
    """

    sessions: int
    hertz: float
    seconds: float
    size: int = 64
    producer_pid: int = 0

    def to_json(self) -> str:
        """The pace as a command line argument."""
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> Pace:
        """The inverse of `to_json`."""
        return Pace(**json.loads(text))


@dataclass(frozen=True)
class PacedMeasurement:
    """The measurement of a pacer. Each message counts twice at each end, as sent and as received.

    Attributes:
        messages: Number of messages that were sent and came back.
        p50_ms: Median of the round-trip times, from `send` until the message is back.
        p99_ms: The 99th percentile.
        max_ms: The maximum.
        producer_cpu_us: Processor time of the producer per message, in microseconds.
        consumer_cpu_us: Processor time of the pacer per message, in microseconds.
    """

    messages: int
    p50_ms: float
    p99_ms: float
    max_ms: float
    producer_cpu_us: float
    consumer_cpu_us: float

    def to_json(self) -> str:
        """The measurement as a line of output."""
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> PacedMeasurement:
        """The inverse of `to_json`."""
        return PacedMeasurement(**json.loads(text))


class Pacing:
    """The pacer's side of the exchange, without I/O.

    The sessions take turns, so that their messages are spread evenly over time.

    Args:
        pace: The pace to send at.
    """

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._count = round(pace.sessions * pace.hertz * pace.seconds)
        self._interval = 1 / (pace.sessions * pace.hertz)
        self._padding = bytes(pace.size - _NUMBER.size)
        self._cpu = CpuClock(pace.producer_pid)
        self._cpu_before = (0.0, 0.0)
        self._began = 0.0
        self._sent_at = [0.0] * self._count
        # Answers may come on several threads; the lock guards the two attributes below it.
        self._lock = threading.Lock()
        self._round_trips: list[float] = []
        self._measurement: PacedMeasurement | None = None
        self.done = threading.Event()
        """Set when every message has come back."""

    def send_all(self, sends: Sequence[Callable[[bytes], object]]) -> PacedMeasurement:
        """Report that the channels are open, wait until the network is ready, send, and wait for the answers.

        Args:
            sends: For each session a function that sends a message on its channel.

        Returns:
            The measurement.

        Raises:
            TimeoutError: Some messages did not come back.
        """
        print(OPEN, flush=True)
        sys.stdin.readline()
        self._begin()
        for number in range(self._count):
            pause = self._due(number) - time.perf_counter()
            if pause > 0:
                time.sleep(pause)
            sends[number % len(sends)](self._message(number))
        self.done.wait(_REST_SECONDS)
        return self._result()

    async def send_all_on_loop(self, sends: Sequence[Callable[[bytes], object]]) -> PacedMeasurement:
        """Do the same as `send_all` for a contestant that must send on its event loop."""
        print(OPEN, flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        self._begin()
        for number in range(self._count):
            pause = self._due(number) - time.perf_counter()
            if pause > 0:
                await asyncio.sleep(pause)
            sends[number % len(sends)](self._message(number))
        await asyncio.to_thread(self.done.wait, _REST_SECONDS)
        return self._result()

    def take(self, message: bytes) -> None:
        """Take a message that came back; callable from any thread."""
        now = time.perf_counter()
        (number,) = _NUMBER.unpack_from(message)
        with self._lock:
            self._round_trips.append(now - self._sent_at[number])
            if len(self._round_trips) < self._count:
                return
            producer, consumer = self._cpu.since(self._cpu_before)
            self._measurement = self._measure(producer, consumer)
        self.done.set()

    def _begin(self) -> None:
        self._cpu_before = self._cpu.read()
        self._began = time.perf_counter()

    def _due(self, number: int) -> float:
        return self._began + number * self._interval

    def _message(self, number: int) -> bytes:
        self._sent_at[number] = time.perf_counter()
        return _NUMBER.pack(number) + self._padding

    def _measure(self, producer: float, consumer: float) -> PacedMeasurement:
        percentiles = quantiles(self._round_trips, n=100)
        return PacedMeasurement(
            messages=self._count,
            p50_ms=percentiles[49] * 1e3,
            p99_ms=percentiles[98] * 1e3,
            max_ms=max(self._round_trips) * 1e3,
            producer_cpu_us=producer / (2 * self._count) * 1e6,
            consumer_cpu_us=consumer / (2 * self._count) * 1e6,
        )

    def _result(self) -> PacedMeasurement:
        with self._lock:
            if self._measurement is None:
                raise TimeoutError(
                    f"{self._count - len(self._round_trips)} of {self._count} messages have not come back"
                    f" {_REST_SECONDS:g} s after the last one was sent"
                )
            return self._measurement
