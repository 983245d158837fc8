"""The return of a fleet, as a table and as a plot."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from benchmarks.fleet.run import FleetReturn, expected_returns
from benchmarks.plots import pyplot
from gst_signalling_sync.protocol.backoff import DEFAULT_RETRY, Retry

__all__ = ["plot_fleet", "print_fleet"]

_WINDOW: Final = 0.1
"""Seconds that a bar of the plot covers."""


def print_fleet(console: Console, result: FleetReturn) -> None:
    """Print a table with one row."""
    table = Table(title=f"{result.clients} clients, cut off at once for {result.outage:g} s")
    columns = ("back", "same peers", "first after s", "median s", "last s", "most in 0.1 s", "most in 1 s")
    for column in columns:
        table.add_column(column, justify="right")
    times = result.returns
    shown = (f"{times[0]:.2f}", f"{times[len(times) // 2]:.2f}", f"{times[-1]:.2f}") if times else ("-", "-", "-")
    table.add_row(str(len(times)), str(result.resumed), *shown, str(result.busiest(_WINDOW)), str(result.busiest(1.0)))
    console.print(table)


def plot_fleet(result: FleetReturn, path: Path) -> None:
    """Draw how many clients came back per second, over time, with a fleet without jitter for comparison.

    Args:
        result: The return to draw.
        path: The PNG file to write.

    Raises:
        click.ClickException: matplotlib is not installed.
    """
    plots = pyplot()
    without = expected_returns(result.clients, result.outage, Retry(jitter=0.0))
    expected = expected_returns(result.clients, result.outage, DEFAULT_RETRY)
    end = math.ceil(max(*result.returns, *without, *expected)) if result.returns else 10
    edges = [_WINDOW * number for number in range(round(end / _WINDOW) + 1)]
    weights = [1 / _WINDOW] * result.clients
    figure, axis = plots.subplots(figsize=(10, 5), layout="constrained")
    axis.hist(without, edges, weights=weights, color="lightgray", label="expected without jitter")
    axis.hist(result.returns, edges, weights=weights[: len(result.returns)], label="measured, default Retry")
    axis.hist(expected, edges, weights=weights, histtype="step", color="black", label="expected, default Retry")
    axis.set(
        title=f"{result.clients} clients, cut off at once for {result.outage:g} s",
        xlabel="seconds since the server can be reached again",
        ylabel="clients that are registered again, per second",
        yscale="symlog",
    )
    axis.legend()
    figure.savefig(path)
