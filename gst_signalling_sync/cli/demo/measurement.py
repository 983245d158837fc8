"""`Measurement`: the demo's figures, independent of how they are shown."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from ..durations import Durations
from ..output import counted
from .peers import TONE_FREQUENCY
from .processor import ProcessorUse, available_cores, other_load

if TYPE_CHECKING:
    from .children import Child

__all__ = ["ConsumerMeasurement", "Measurement", "ProducerMeasurement"]

_RATE_SECONDS: Final = 2.0
"""Time over which rates are averaged."""

_SETTLING_SECONDS: Final = 1.0
"""Time from the last connection to the measurement, in which interpreters still import and encoders find their bitrate."""

_TONE_TOLERANCE: Final = 5.0
"""Hertz: the resolution of a quarter of a second."""


@dataclass
class ProducerMeasurement:
    """The figures that the producer reported.

    Attributes:
        child: Its process.
        sessions: Number of connected sessions.
    """

    child: Child | None = None
    sessions: int = 0

    def add(self, report: dict[str, Any]) -> None:
        """Add a report of its process."""
        self.sessions = report["sessions"]


@dataclass
class ConsumerMeasurement:
    """The figures that one consumer reported, since the measurement began.

    Attributes:
        name: Shown to the user.
        child: Its process.
        connected_seconds: Seconds from asking for the session until both channels were open; None before that.
        sent: Messages to the producer.
        received: Messages from the producer, without replies.
        lost: Messages that did not arrive, or whose reply did not.
        round_trips: Of the messages to the producer and their replies.
        frames: Frames from the producer.
        latencies: From drawing a frame to having it as an array.
        tone: The last frequency, in hertz; None for silence.
        is_stopping: Whether it has stopped sending, so that its rates do not change any more.
    """

    name: str
    child: Child | None = None
    connected_seconds: float | None = None
    sent: int = 0
    received: int = 0
    lost: int = 0
    round_trips: Durations = field(default_factory=Durations)
    frames: int = 0
    latencies: Durations = field(default_factory=Durations)
    tone: float | None = None
    is_stopping: bool = False
    _before: tuple[int, int, int] = (0, 0, 0)
    _history: deque[tuple[float, int, int, int]] = field(default_factory=deque)

    def add(self, report: dict[str, Any]) -> None:
        """Add a report of its process."""
        if "connected_seconds" in report:
            self.connected_seconds = report["connected_seconds"]
            return
        sent, received, frames = self._before
        self.sent, self.received, self.frames = (
            report["sent"] - sent,
            report["received"] - received,
            report["frames"] - frames,
        )
        self.lost, self.tone = report["lost"], report["tone"]
        for seconds in report["round_trips"]:
            self.round_trips.add(seconds)
        for seconds in report["latencies"]:
            self.latencies.add(seconds)
        if not self.is_stopping:
            self._note_rate()

    def begin(self) -> None:
        """Count from now on. Lost messages are counted from the beginning."""
        sent, received, frames = self._before
        self._before = (sent + self.sent, received + self.received, frames + self.frames)
        self.sent = self.received = self.frames = 0
        self.round_trips, self.latencies = Durations(), Durations()
        self._history.clear()

    @property
    def sent_per_second(self) -> float:
        """The recent rate of messages to the producer."""
        return self._rate(1)

    @property
    def received_per_second(self) -> float:
        """The recent rate of messages from the producer."""
        return self._rate(2)

    @property
    def frames_per_second(self) -> float:
        """The recent rate of frames from the producer."""
        return self._rate(3)

    @property
    def hears_tone(self) -> bool:
        """Whether the last tone is that of the producer."""
        return self.tone is not None and abs(self.tone - TONE_FREQUENCY) < _TONE_TOLERANCE

    def summary(self, seconds: float) -> dict[str, Any]:
        """All figures, as a JSON object.

        Args:
            seconds: Length of the measurement.
        """
        return {
            "name": self.name,
            "process_id": None if self.child is None else self.child.process_id,
            "connected_seconds": None if self.connected_seconds is None else round(self.connected_seconds, 3),
            "messages_to_producer": self.sent,
            "messages_from_producer": self.received,
            "lost": self.lost,
            "round_trip_ms": _milliseconds(self.round_trips),
            "frames": self.frames,
            "frames_per_second": round(self.frames / seconds, 1) if seconds else 0.0,
            "latency_ms": _milliseconds(self.latencies),
            "tone_hz": None if self.tone is None else round(self.tone),
        }

    def _note_rate(self) -> None:
        now = time.monotonic()
        self._history.append((now, self.sent, self.received, self.frames))
        while now - self._history[0][0] > _RATE_SECONDS and len(self._history) > 2:
            self._history.popleft()

    def _rate(self, column: int) -> float:
        if len(self._history) < 2:
            return 0.0
        first, last = self._history[0], self._history[-1]
        return (last[column] - first[column]) / (last[0] - first[0])


class Measurement:
    """The figures of all processes.

    Args:
        uri: Of the signalling server.
        consumers: Number of consumers.
    """

    def __init__(self, uri: str, consumers: int) -> None:
        self.uri = uri
        self.producer = ProducerMeasurement()
        self.consumers = [ConsumerMeasurement(f"consumer {number + 1}") for number in range(consumers)]
        self.processors = ProcessorUse(available_cores())
        self._connected: float | None = None
        self._started: float | None = None
        self._finished: float | None = None

    def add(self, child: Child, report: dict[str, Any]) -> None:
        """Add a report of a process."""
        everyone: list[ProducerMeasurement | ConsumerMeasurement] = [self.producer, *self.consumers]
        for measured in everyone:
            # The sessions end together with the consumers, which must not change the figures.
            if measured.child is child and not (measured is self.producer and self._finished):
                measured.add(report)
        if "cpu_seconds" in report and not self._finished:
            self.processors.add(child.process_id, report["cpu_seconds"])
        now = time.monotonic()
        if self._connected is None and self.connected == len(self.consumers):
            self._connected = now
        if self._started is None and self._connected is not None and now - self._connected >= _SETTLING_SECONDS:
            self._begin(now)

    def finish(self) -> None:
        """Stop the clock; reports may still come."""
        self._finished = time.monotonic()
        for consumer in self.consumers:
            consumer.is_stopping = True

    @property
    def connected(self) -> int:
        """Number of consumers that have connected."""
        return sum(consumer.connected_seconds is not None for consumer in self.consumers)

    @property
    def is_running(self) -> bool:
        """Whether the measurement runs, because all consumers have been connected for a second."""
        return self._started is not None

    @property
    def seconds(self) -> float:
        """Seconds since the measurement began, until its end."""
        if self._started is None:
            return 0.0
        return (time.monotonic() if self._finished is None else self._finished) - self._started

    @property
    def frames_per_second(self) -> float:
        """Frame rate per consumer, averaged over all of them and over the measurement."""
        frames = sum(consumer.frames for consumer in self.consumers)
        return frames / len(self.consumers) / self.seconds if self.seconds else 0.0

    @property
    def lost(self) -> int:
        """Messages lost, in all sessions."""
        return sum(consumer.lost for consumer in self.consumers)

    @property
    def cores_used(self) -> float:
        """Average number of cores that the processes keep busy."""
        return self.processors.cores_used(self.seconds)

    def remaining(self, seconds: float) -> float:
        """Seconds left of a planned length; 0 stands for forever."""
        return max(0.0, seconds - self.seconds) if seconds else math.inf

    def summary(self) -> dict[str, Any]:
        """All figures, as a JSON object."""
        child = self.producer.child
        return {
            "uri": self.uri,
            "seconds": round(self.seconds, 3),
            "cores": self.processors.cores,
            "cores_used": round(self.cores_used, 2),
            "load": round(other_load(), 2),
            "sessions": self.producer.sessions,
            "messages_to_producer": sum(consumer.sent for consumer in self.consumers),
            "messages_from_producer": sum(consumer.received for consumer in self.consumers),
            "lost": self.lost,
            "round_trip_ms": _milliseconds(_together(consumer.round_trips for consumer in self.consumers)),
            "frames": sum(consumer.frames for consumer in self.consumers),
            "frames_per_second": round(self.frames_per_second, 1),
            "latency_ms": _milliseconds(_together(consumer.latencies for consumer in self.consumers)),
            "producer": {"process_id": None if child is None else child.process_id},
            "consumers": [consumer.summary(self.seconds) for consumer in self.consumers],
        }

    def sentences(self) -> list[str]:
        """The main figures, in words."""
        summary = self.summary()
        messages = summary["messages_to_producer"] + summary["messages_from_producer"]
        listeners = [consumer for consumer in self.consumers if consumer.hears_tone]
        return [
            f"{counted(summary['sessions'], 'session')}, {messages:,} messages in {summary['seconds']:.1f} s,"
            f" {summary['lost'] or 'none'} lost; round trip {_typical(summary['round_trip_ms'], 2)}",
            f"{summary['frames']:,} frames, {summary['frames_per_second']:g} per s and consumer;"
            f" latency {_typical(summary['latency_ms'], 1)}",
            f"The tone of {TONE_FREQUENCY} Hz was heard by {len(listeners)} of {counted(len(self.consumers), 'consumer')}",
            self.processors.explanation(self.seconds, summary["load"]),
        ]

    def _begin(self, now: float) -> None:
        self._started = now
        self.processors.begin()
        for consumer in self.consumers:
            consumer.begin()


def _together(durations: Iterable[Durations]) -> Durations:
    together = Durations()
    for each in durations:
        together.merge(each)
    return together


def _typical(figures: dict[str, float] | None, digits: int) -> str:
    return "not measured" if figures is None else f"p50 {figures['p50']:.{digits}f}, p99 {figures['p99']:.{digits}f} ms"


def _milliseconds(durations: Durations) -> dict[str, float] | None:
    if not durations.count:
        return None
    figures = {
        "min": durations.min,
        "avg": durations.mean,
        "p50": durations.percentile(50),
        "p99": durations.percentile(99),
        "max": durations.max,
    }
    return {name: round(1e3 * seconds, 3) for name, seconds in figures.items()}
