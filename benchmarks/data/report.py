"""Results of `run`: tables for people, a JSON document for programs."""

from __future__ import annotations

import json
from dataclasses import asdict
from statistics import median
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from benchmarks.data.contestants import COMPARISONS, CPU_METRICS, GST_SIGNALLING, METRICS, Comparison
from benchmarks.data.run import FLOWS, DataResult
from benchmarks.report import figure, print_missing

__all__ = ["data_json", "print_data"]

_HEADINGS: Final = {**METRICS, **{metric: f"CPU, {heading}" for metric, heading in CPU_METRICS.items()}}

_WANTED: Final = {
    (5.0, FLOWS[0].name): "p99 <= 80",
    (5.0, FLOWS[1].name): "p99 <= 150, longest <= 500",
    (10.0, FLOWS[1].name): "longest <= 1,000",
}
"""Limits for this library on a link with a round-trip time of 20 ms, in milliseconds."""


def print_data(console: Console, result: DataResult) -> None:
    """Print medians, ratios, lossy links and what could not be measured.

    Args:
        console: The console to print on.
        result: The result of `benchmarks.data.run.run`.
    """
    if result.rounds:
        _print_rounds(console, result)
        _print_ratios(console, result)
    for loss, flows in result.lossy.items():
        for flow in flows:
            _print_lossy(console, result, loss, flow)
    if result.throughput:
        _print_throughput(console, result)
    print_missing(console, result.missing)


def _print_rounds(console: Console, result: DataResult) -> None:
    table = Table(title=f"Data channels, two processes on loopback, medians; signalling by the {result.signalling}")
    table.add_column("contestant", no_wrap=True)
    table.add_column("rounds", justify="right")
    for heading in METRICS.values():
        table.add_column(heading, justify="right")
    for name, rounds in result.rounds.items():
        table.add_row(name, str(len(rounds)), *[figure(result.median(name, metric)) for metric in METRICS])
    console.print(table)
    console.print(
        "first message: from connecting to the signalling server, with the look-up by name, until a message has come"
        " back; where the ends meet without one, from connecting a socket over which the descriptions go: WebRTC alone."
    )
    cpu = Table(
        title="Processor time per message [us]; paced: ten sessions at 100 Hz each way, each message counts twice"
    )
    cpu.add_column("contestant", no_wrap=True)
    for heading in (*CPU_METRICS.values(), "paced: p50 [ms]", "p99 [ms]"):
        cpu.add_column(heading, justify="right")
    for name in result.rounds:
        medians = [result.median(name, metric) for metric in (*CPU_METRICS, "paced_p50_ms", "paced_p99_ms")]
        cpu.add_row(name, *[figure(value) for value in medians])
    console.print(cpu)


def _print_ratios(console: Console, result: DataResult) -> None:
    ratios = Table("what", "of", "to", title="Ratios of medians")
    ratios.add_column("ratio", justify="right")
    ratios.add_column("wanted", justify="right")
    for comparison in COMPARISONS:
        ratio = result.ratio(comparison)
        if ratio is None:
            continue
        to = comparison.denominator
        if comparison.denominator_metric:
            to = f"its {_HEADINGS[comparison.denominator_metric]}"
        ratios.add_row(_HEADINGS[comparison.metric], comparison.numerator, to, f"{ratio:.2f}", _wanted(comparison))
    if ratios.row_count:
        console.print(ratios)


def _print_lossy(console: Console, result: DataResult, loss: float, flow: str) -> None:
    wanted = _WANTED.get((loss, flow), "")
    table = Table(
        title=f"Round trips of reliable messages of 64 bytes, {flow}; the link loses {loss:g} % each way and takes"
        f" {result.delay_ms:g} ms one way" + (f"; wanted of this library: {wanted} ms" if wanted else "")
    )
    table.add_column("contestant", no_wrap=True)
    for heading in (
        "messages",
        "p50 [ms]",
        "p99 [ms]",
        "longest [ms]",
        "CPU, echoing end [us]",
        "CPU, sending end [us]",
    ):
        table.add_column(heading, justify="right")
    for name, measured in result.lossy[loss][flow].items():
        table.add_row(
            name,
            str(measured.messages),
            figure(measured.p50_ms),
            figure(measured.p99_ms),
            figure(measured.max_ms),
            figure(measured.producer_cpu_us),
            figure(measured.consumer_cpu_us),
        )
    console.print(table)


def _print_throughput(console: Console, result: DataResult) -> None:
    table = Table(
        title=f"Throughput over bad links of 8 Mbit/s [MB/s], medians; in parentheses to {GST_SIGNALLING.name}'s"
    )
    table.add_column("contestant", no_wrap=True)
    for link in result.throughput:
        table.add_column(link, justify="right")
    for name in dict.fromkeys(name for of_link in result.throughput.values() for name in of_link):
        table.add_row(name, *[_beside(of_link, name) for of_link in result.throughput.values()])
    console.print(table)


def _beside(of_link: dict[str, list[float]], name: str) -> str:
    if not of_link.get(name):
        return "-"
    reached = median(of_link[name])
    other = of_link.get(GST_SIGNALLING.name)
    return f"{reached:.2f} ({reached / median(other):.2f})" if other else f"{reached:.2f}"


def data_json(result: DataResult) -> str:
    """All results of the data channels as a JSON document."""
    metrics = (*METRICS, *CPU_METRICS)
    medians = {name: {metric: result.median(name, metric) for metric in metrics} for name in result.rounds}
    ratios: list[dict[str, Any]] = [
        {**asdict(comparison), "ratio": result.ratio(comparison)} for comparison in COMPARISONS
    ]
    return json.dumps({**asdict(result), "medians": medians, "ratios": ratios}, indent=2)


def _wanted(comparison: Comparison) -> str:
    if comparison.at_most is not None:
        return f"<= {comparison.at_most:g}"
    return f">= {comparison.at_least:g}" if comparison.at_least is not None else ""
