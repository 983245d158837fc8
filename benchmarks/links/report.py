"""Results of `run` as a table, as JSON, and as a plot."""

from __future__ import annotations

import importlib
import json
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from benchmarks.links.profiles import PROFILES
from benchmarks.links.run import LinkResult

__all__ = ["links_json", "plot_links", "print_links"]


def links_json(results: Sequence[LinkResult]) -> str:
    """The results as a JSON document."""
    return json.dumps([result.to_json() for result in results])


def print_links(console: Console, results: Sequence[LinkResult]) -> None:
    """Print a table for each link."""
    for profile in dict.fromkeys(result.profile for result in results):
        table = Table(title=profile)
        for column in ("pair", "frames/s", "kbit/s", "usage", "p50 ms", "p95 ms", "freeze s", "fits after s", "busy"):
            table.add_column(column, justify="left" if column == "pair" else "right")
        for each in (result for result in results if result.profile == profile):
            table.add_row(
                each.pair,
                f"{each.fps:.1f}",
                f"{each.bitrate / 1000:.0f}",
                _percent(each.usage),
                _milliseconds(each.delay_p50),
                _milliseconds(each.delay_p95),
                f"{each.freeze:.2f}",
                "never" if each.fits_after is None else f"{each.fits_after:.1f}",
                f"{_percent(each.busy)}{' !' if each.busy > 0.9 else ''}",
            )
        console.print(table)


def plot_links(results: Sequence[LinkResult], path: Path) -> None:
    """Draw the bitrate of each pair over time, a plot for each link.

    Args:
        results: The results to draw.
        path: The PNG file to write.

    Raises:
        click.ClickException: matplotlib is not installed.
    """
    try:
        pyplot = importlib.import_module("matplotlib.pyplot")
    except ModuleNotFoundError:
        raise click.ClickException("--plot needs matplotlib: pip install matplotlib") from None
    profiles = list(dict.fromkeys(result.profile for result in results))
    figure, axes = pyplot.subplots(len(profiles), squeeze=False, figsize=(10, 3 * len(profiles)), layout="constrained")
    for axis, name in zip(axes[:, 0], profiles, strict=True):
        for each in (result for result in results if result.profile == name):
            seconds = [sample.seconds for sample in each.samples]
            axis.plot(seconds, [sample.bitrate / 1000 for sample in each.samples], label=each.pair)
            rates = [(PROFILES[name].at(second).rate or 0) / 1000 for second in seconds]
        axis.step(seconds, rates, color="black", linestyle="dotted")
        axis.set(title=name, xlabel="seconds", ylabel="kbit/s")
        axis.legend(loc="upper right", fontsize="small")
    figure.savefig(path)


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.0f} %"


def _milliseconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{1000 * seconds:.0f}"
