"""The contestants, and the ratios that this library must reach."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tests.peers.gst_signalling import find_gst_signalling
from tests.peers.peer_process import peers_directory

__all__ = [
    "COMPARISONS",
    "CONTESTANTS",
    "CPU_METRICS",
    "GST_SIGNALLING",
    "LIBRARY_UVLOOP",
    "METRICS",
    "Comparison",
    "Contestant",
]

METRICS: Final = {
    "first_message_ms": "first message [ms]",
    "round_trip_p50_us": "round trip p50 [us]",
    "round_trip_p99_us": "p99 [us]",
    "flood_per_s": "flood 64 B [/s]",
    "bulk_mb_per_s": "bulk 16 KiB [MB/s]",
}
"""The column heading of each field of `Measurement`."""

CPU_METRICS: Final = {
    "flood_producer_cpu_us": "flood: sender",
    "flood_consumer_cpu_us": "flood: receiver",
    "paced_producer_cpu_us": "paced: echoing end",
    "paced_consumer_cpu_us": "paced: sending end",
}
"""Processor time per message in microseconds: fields of `Measurement`, and of `PacedMeasurement` with ``paced_`` in front."""


@dataclass(frozen=True)
class Contestant:
    """A module of `benchmarks.contestants` and how to run it.

    Attributes:
        name: Its name in the report.
        module: The module's name in `benchmarks.contestants`.
        event_loop: Its `$GST_SIGNALLING_EVENT_LOOP`.
        environment: The virtual environment of ``.ci/peers`` in which it runs; empty: this one.
        uses_signalling: Whether its ends meet on a signalling server. If not, one end connects to the other.
    """

    name: str
    module: str
    event_loop: str = ""
    environment: str = ""
    uses_signalling: bool = False

    def python(self) -> str | None:
        """The interpreter on which it runs; None: it is not installed."""
        if not self.environment:
            return sys.executable
        if self.environment == "gst-signalling":
            python = find_gst_signalling()
            return str(python) if python is not None else None
        path = peers_directory() / self.environment / "bin" / "python"
        return str(path) if path.exists() else None

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables of both ends."""
        return {"GST_SIGNALLING_EVENT_LOOP": self.event_loop}


LIBRARY_UVLOOP: Final = Contestant("this library, uvloop", "library", "uvloop", uses_signalling=True)
LIBRARY_ASYNCIO: Final = Contestant("this library, asyncio", "library", "asyncio", uses_signalling=True)
AIORTC_UVLOOP: Final = Contestant("bare aiortc, uvloop", "aiortc_bare", "uvloop")
AIORTC_ASYNCIO: Final = Contestant("bare aiortc, asyncio", "aiortc_bare", "asyncio")
GST_SIGNALLING: Final = Contestant(
    "gst-signalling 1.1.2", "gst_signalling", environment="gst-signalling", uses_signalling=True
)
WRTC: Final = Contestant("wrtc 0.1.0", "wrtc_bare", "asyncio", environment="wrtc")
LIBDATACHANNEL: Final = Contestant("libdatachannel-py 2026.1.0", "libdatachannel_bare", environment="libdatachannel")

CONTESTANTS: Final = (
    LIBRARY_UVLOOP,
    GST_SIGNALLING,
    WRTC,
    LIBDATACHANNEL,
    AIORTC_UVLOOP,
    LIBRARY_ASYNCIO,
    AIORTC_ASYNCIO,
)


@dataclass(frozen=True)
class Comparison:
    """A ratio of medians, and the limit that it must keep.

    Attributes:
        metric: A key of `METRICS` or `CPU_METRICS`.
        numerator: Name of the contestant.
        denominator: Name of the contestant that it is compared with.
        at_most: Maximum ratio, where less is better.
        at_least: Minimum ratio, where more is better.
        denominator_metric: The denominator's metric; empty: the same one.
    """

    metric: str
    numerator: str
    denominator: str
    at_most: float | None = None
    at_least: float | None = None
    denominator_metric: str = ""


def _comparisons() -> Iterator[Comparison]:
    library, gst, wrtc = LIBRARY_UVLOOP.name, GST_SIGNALLING.name, WRTC.name
    yield Comparison("first_message_ms", library, gst, at_most=0.5)
    yield Comparison("round_trip_p50_us", library, gst, at_most=1.0)
    yield Comparison("round_trip_p50_us", library, wrtc, at_most=1.3)
    yield Comparison("round_trip_p99_us", library, library, at_most=1.5, denominator_metric="round_trip_p50_us")
    yield Comparison("flood_per_s", library, wrtc, at_least=1.5)
    yield Comparison("flood_per_s", library, gst)
    yield Comparison("bulk_mb_per_s", library, gst, at_least=1.0)
    yield Comparison("bulk_mb_per_s", library, wrtc)
    for metric in CPU_METRICS:
        yield Comparison(metric, library, gst)
        yield Comparison(metric, library, wrtc)
    for ours, bare in ((LIBRARY_UVLOOP, AIORTC_UVLOOP), (LIBRARY_ASYNCIO, AIORTC_ASYNCIO)):
        yield Comparison("round_trip_p50_us", ours.name, bare.name, at_most=1.5)
        yield Comparison("flood_per_s", ours.name, bare.name, at_least=0.9)
        yield Comparison("bulk_mb_per_s", ours.name, bare.name, at_least=0.9)


COMPARISONS: Final = tuple(_comparisons())
