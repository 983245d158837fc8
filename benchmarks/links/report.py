"""Results of `run` as a table, as JSON, and as a plot."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.links.comparison import TOO_BUSY, medians, misses
from benchmarks.links.profiles import PROFILES
from benchmarks.links.run import LinkResult
from benchmarks.plots import pyplot

__all__ = ["links_json", "plot_links", "print_links", "read_links"]


def links_json(results: Sequence[LinkResult]) -> str:
    """The results as a JSON document."""
    return json.dumps([result.to_json() for result in results])


def read_links(path: Path) -> list[LinkResult]:
    """The results of a document of `links_json`."""
    return [LinkResult.from_json(each) for each in json.loads(path.read_text())]


def print_links(console: Console, results: Sequence[LinkResult]) -> None:
    """Print a table of medians for each link, and what is missed."""
    found = medians(results)
    for profile in dict.fromkeys(each.result.profile for each in found):
        table = Table(title=profile)
        columns = (
            "pair",
            "runs",
            "frames/s",
            "kbit/s",
            "usage",
            "p50 ms",
            "p95 ms",
            "freeze s",
            "fits after s",
            "busy",
        )
        for column in columns:
            table.add_column(column, justify="left" if column == "pair" else "right")
        for counted, each in ((each, each.result) for each in found if each.result.profile == profile):
            table.add_row(
                each.pair,
                f"{counted.runs}{f' of {counted.runs + counted.left_out}' if counted.left_out else ''}",
                f"{each.fps:.1f}",
                f"{each.bitrate / 1000:.0f}",
                _percent(each.usage),
                _milliseconds(each.delay_p50),
                _milliseconds(each.delay_p95),
                f"{each.freeze:.2f}",
                "never" if each.fits_after is None else f"{each.fits_after:.1f}",
                f"{_percent(each.busy)}{' !' if each.busy > TOO_BUSY else ''}",
            )
        console.print(table)
    for line in misses([each.result for each in found]):
        console.print(f"missed: {line}")


def plot_links(results: Sequence[LinkResult], path: Path) -> None:
    """Draw the bitrate of each pair over time, a plot for each link.

    Args:
        results: The results to draw; of several runs of a pair, the first one is drawn.
        path: The PNG file to write.

    Raises:
        click.ClickException: matplotlib is not installed.
    """
    plots = pyplot()
    first = {(each.profile, each.pair): each for each in reversed(results)}
    profiles = list(dict.fromkeys(result.profile for result in results))
    figure, axes = plots.subplots(len(profiles), squeeze=False, figsize=(10, 3 * len(profiles)), layout="constrained")
    for axis, name in zip(axes[:, 0], profiles, strict=True):
        for each in sorted((each for each in first.values() if each.profile == name), key=lambda each: each.pair):
            seconds = [sample.seconds for sample in each.samples]
            axis.plot(seconds, [sample.bitrate / 1000 for sample in each.samples], label=each.pair)
            rates = [(PROFILES[name].at(second).rate or 0) / 1000 for second in seconds]
        axis.step(seconds, rates, color="black", linestyle="dotted")
        axis.set(title=name, xlabel="seconds", ylabel="kbit/s")
        axis.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize="small")
    figure.savefig(path)


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.0f} %"


def _milliseconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{1000 * seconds:.0f}"
