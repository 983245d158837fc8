"""How the demo shows its running measurement: a live table on a terminal, lines in a pipe, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
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

    from rich.console import Console, ConsoleOptions, Group
    from rich.live import Live
    from rich.table import Table as RichTable

__all__ = ["COLUMNS", "Column", "Lines", "Screen", "Silence", "Table", "drawing"]

_UNLIMITED: Final = 10_000
"""Width of a terminal that fits any table."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table, with one figure of each consumer.

    Attributes:
        title: The heading, in two lines.
        cell: Returns the content of a cell.
        importance: Where there is no room for all columns, the least important ones are left out.
        style: Style of the content, in rich's notation. Defaults to plain.
    """

    title: str
    cell: Callable[[ConsumerMeasurement], str]
    importance: int
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
    Column("set up\nms", _setup, 0),
    Column("out\nper s", lambda consumer: f"{consumer.sent_per_second:.0f}", 3, "dim"),
    Column("in\nper s", lambda consumer: f"{consumer.received_per_second:.0f}", 5, "dim"),
    Column("\nlost", lambda consumer: str(consumer.lost), 6),
    Column("round trip\np50 ms", _round_trip(50), 9, "bold green"),
    Column("\np99 ms", _round_trip(99), 4, "green"),
    Column("frames\nper s", lambda consumer: f"{consumer.frames_per_second:.1f}", 7, "bold cyan"),
    Column("latency\np50 ms", _latency(50), 8, "bold cyan"),
    Column("\np99 ms", _latency(99), 2, "cyan"),
    Column("tone\nHz", lambda consumer: "-" if consumer.tone is None else f"{consumer.tone:.0f}", 1),
)
"""The columns of the table; a further figure needs a further line here."""


class Screen(Protocol):
    """Shows a running measurement."""

    def showing(self, measurement: Measurement) -> AbstractContextManager[None]:
        """Begin to show, and clean up at the end."""

    def update(self, measurement: Measurement, seconds: float) -> None:
        """Show the present figures; `seconds` is the planned length, 0 stands for forever."""


class Silence:
    """Shows nothing."""

    @contextmanager
    def showing(self, measurement: Measurement) -> Iterator[None]:
        """Show nothing."""
        yield

    def update(self, measurement: Measurement, seconds: float) -> None:
        """Show nothing."""


class Lines:
    """A line every second, for pipes and logs."""

    def __init__(self) -> None:
        self._next = 1

    @contextmanager
    def showing(self, measurement: Measurement) -> Iterator[None]:
        """Print the headline."""
        click.echo(_headline(measurement))
        yield

    def update(self, measurement: Measurement, seconds: float) -> None:
        """Print the present figures, if a second is over."""
        whole = int(measurement.seconds)
        if whole < self._next:
            return
        consumers = "; ".join(
            f"{consumer.name}: {consumer.sent_per_second:.0f}/s out, {consumer.received_per_second:.0f}/s in,"
            f" round trip p50 {_round_trip(50)(consumer)} ms, p99 {_round_trip(99)(consumer)} ms,"
            f" {consumer.frames_per_second:.1f} frames/s, latency p50 {_latency(50)(consumer)} ms"
            for consumer in measurement.consumers
        )
        click.echo(f"{whole:3} s: {counted(measurement.producer.sessions, 'session')}; {consumers}")
        self._next = whole + 1


class Table:
    """A table that changes in place, drawn by rich, and stays with its last figures when the demo is over."""

    def __init__(self) -> None:
        self._live: Live | None = None

    @contextmanager
    def showing(self, measurement: Measurement) -> Iterator[None]:
        """Show the table until the end."""
        from rich.live import Live

        with Live(drawing(measurement, "starting ..."), auto_refresh=False) as self._live:
            yield
            self._live.update(drawing(measurement, ""), refresh=True)

    def update(self, measurement: Measurement, seconds: float) -> None:
        """Show the present figures."""
        if not measurement.is_running:
            footer = "starting ..."
        elif seconds:
            footer = f"{measurement.remaining(seconds):.0f} s to go, Ctrl-C stops it; {_cores(measurement)}"
        else:
            footer = f"{measurement.seconds:.0f} s, Ctrl-C stops it; {_cores(measurement)}"
        if self._live is not None:
            self._live.update(drawing(measurement, footer), refresh=True)


def _headline(measurement: Measurement) -> str:
    processes = 1 + len(measurement.consumers)
    return f"signalling server {measurement.uri}, producer {PRODUCER_NAME!r} and its consumers in {processes} processes"


def _cores(measurement: Measurement) -> str:
    return f"{measurement.cores_used:.1f} of {measurement.processors.cores} cores in use"


def drawing(measurement: Measurement, footer: str) -> Group:
    """The table with a headline and a footer.

    Args:
        measurement: The figures.
        footer: The line below the table; empty: no line.

    Returns:
        An object for rich to print, with the most important columns on a narrow terminal.
    """
    from rich.console import Group
    from rich.text import Text

    end = [Text(footer, style="dim", no_wrap=True)] if footer else []
    return Group(Text(_headline(measurement)), Text(), _FittingTable(measurement), Text(), *end)


class _FittingTable:
    """The table, with as many columns as the terminal has room for.

    Args:
        measurement: The figures.
    """

    def __init__(self, measurement: Measurement) -> None:
        self._measurement = measurement

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RichTable]:
        unlimited = options.update(max_width=_UNLIMITED)
        columns = list(COLUMNS)
        table = _table(self._measurement, columns)
        while columns and console.measure(table, options=unlimited).maximum > options.max_width:
            columns.remove(min(columns, key=lambda column: column.importance))
            table = _table(self._measurement, columns)
        yield table


def _table(measurement: Measurement, columns: Sequence[Column]) -> RichTable:
    from rich.table import Table as RichTable

    table = RichTable(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column(f"\n{counted(measurement.producer.sessions, 'session')}", no_wrap=True)
    for column in columns:
        table.add_column(column.title, justify="right", style=column.style, no_wrap=True)
    for consumer in measurement.consumers:
        table.add_row(consumer.name, *(column.cell(consumer) for column in columns))
    return table
