"""How the demo shows what it measures, while it does: a live table, lines in a pipe, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

import click

from ..durations import Durations
from ..output import counted
from .measurement import ConsumerMeasurement, Measurement
from .peers import PRODUCER_NAME

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from rich.console import Group
    from rich.live import Live
    from rich.table import Table as RichTable

__all__ = ["COLUMNS", "Column", "Lines", "Screen", "Silence", "Table", "drawing"]


@dataclass(frozen=True, slots=True)
class Column:
    """One figure of every consumer in the table.

    Attributes:
        title: Its heading, in two lines.
        cell: Gives its text.
        style: Of the text, in rich's words.
    """

    title: str
    cell: Callable[[ConsumerMeasurement], str]
    style: str = ""


def _milliseconds(durations: Durations, percent: float, digits: int) -> str:
    return f"{1e3 * durations.percentile(percent):.{digits}f}" if durations.count else "-"


def _round_trip(percent: float) -> Callable[[ConsumerMeasurement], str]:
    return lambda consumer: _milliseconds(consumer.round_trips, percent, 2)


def _latency(percent: float) -> Callable[[ConsumerMeasurement], str]:
    return lambda consumer: _milliseconds(consumer.latencies, percent, 1)


def _setup(consumer: ConsumerMeasurement) -> str:
    return "-" if consumer.connected_seconds is None else f"{1e3 * consumer.connected_seconds:.0f}"


COLUMNS: Final = (
    Column("set up\nms", _setup),
    Column("out\nper s", lambda consumer: f"{consumer.sent_per_second:.0f}", "dim"),
    Column("in\nper s", lambda consumer: f"{consumer.received_per_second:.0f}", "dim"),
    Column("\nlost", lambda consumer: str(consumer.lost)),
    Column("round trip\np50 ms", _round_trip(50), "bold green"),
    Column("\np99 ms", _round_trip(99), "green"),
    Column("frames\nper s", lambda consumer: f"{consumer.frames_per_second:.1f}", "bold cyan"),
    Column("latency\np50 ms", _latency(50), "bold cyan"),
    Column("\np99 ms", _latency(99), "cyan"),
    Column("tone\nHz", lambda consumer: "-" if consumer.tone is None else f"{consumer.tone:.0f}"),
)
"""What is shown of each consumer; another figure is another line here."""


class Screen(Protocol):
    """Shows a measurement while it goes on."""

    def showing(self, measurement: Measurement) -> AbstractContextManager[None]:
        """Begin, and end in order."""

    def update(self, measurement: Measurement, seconds: float) -> None:
        """Show the latest; `seconds` is how long it will go on, 0 for ever."""


class Silence:
    """Shows nothing."""

    @contextmanager
    def showing(self, measurement: Measurement) -> Iterator[None]:
        """Begin, and end in order."""
        yield

    def update(self, measurement: Measurement, seconds: float) -> None:
        """Show nothing."""


class Lines:
    """A line every second, for pipes and logs."""

    def __init__(self) -> None:
        self._next = 1

    @contextmanager
    def showing(self, measurement: Measurement) -> Iterator[None]:
        """Begin, and end in order."""
        click.echo(_headline(measurement))
        yield

    def update(self, measurement: Measurement, seconds: float) -> None:
        """Show the latest."""
        if measurement.seconds < self._next:
            return
        consumers = "; ".join(
            f"{consumer.name}: {consumer.sent_per_second:.0f}/s out, {consumer.received_per_second:.0f}/s in,"
            f" round trip p50 {_round_trip(50)(consumer)} ms, p99 {_round_trip(99)(consumer)} ms,"
            f" {consumer.frames_per_second:.1f} frames/s, latency p50 {_latency(50)(consumer)} ms"
            for consumer in measurement.consumers
        )
        click.echo(f"{self._next:3} s: {counted(measurement.producer.sessions, 'session')}; {consumers}")
        self._next = int(measurement.seconds) + 1


class Table:
    """A table that changes in place, drawn by rich; it stays, with its last figures, when the demo is over."""

    def __init__(self) -> None:
        self._live: Live | None = None

    @contextmanager
    def showing(self, measurement: Measurement) -> Iterator[None]:
        """Begin, and end in order."""
        from rich.live import Live

        with Live(drawing(measurement, "starting ..."), auto_refresh=False) as self._live:
            yield
            self._live.update(drawing(measurement, ""), refresh=True)

    def update(self, measurement: Measurement, seconds: float) -> None:
        """Show the latest."""
        if not measurement.is_running:
            footer = "starting ..."
        elif seconds:
            footer = f"{measurement.remaining(seconds):.0f} s to go, Ctrl-C stops it"
        else:
            footer = f"{measurement.seconds:.0f} s, Ctrl-C stops it"
        if self._live is not None:
            self._live.update(drawing(measurement, footer), refresh=True)


def _headline(measurement: Measurement) -> str:
    processes = 1 + len(measurement.consumers)
    return f"signalling server {measurement.uri}, producer {PRODUCER_NAME!r} and its consumers in {processes} processes"


def drawing(measurement: Measurement, footer: str) -> Group:
    """The table, with a line above it and one below.

    Args:
        measurement: What to show.
        footer: The line below.

    Returns:
        What rich prints; 80 columns are enough for it.
    """
    from rich.console import Group
    from rich.text import Text

    end = [Text(footer, style="dim", no_wrap=True)] if footer else []
    return Group(Text(_headline(measurement)), Text(), _table(measurement), Text(), *end)


def _table(measurement: Measurement) -> RichTable:
    from rich.table import Table as RichTable

    table = RichTable(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column(f"\n{counted(measurement.producer.sessions, 'session')}", no_wrap=True)
    for column in COLUMNS:
        table.add_column(column.title, justify="right", style=column.style, no_wrap=True)
    for consumer in measurement.consumers:
        table.add_row(consumer.name, *(column.cell(consumer) for column in COLUMNS))
    return table
