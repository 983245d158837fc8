"""Results of the benchmarks: tables for people, a JSON document for programs."""

from __future__ import annotations

import json
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from benchmarks.server import ServerResult
from benchmarks.soak.run import SoakResult
from benchmarks.start import IMPORT_AIORTC, IMPORT_LIBRARY, LIST, StartResult

__all__ = ["figure", "print_missing", "print_server", "print_soak", "print_start", "server_json", "start_json"]


def print_server(console: Console, result: ServerResult) -> None:
    """Print the rates of the servers beside idle peers, and what is missing.

    Args:
        console: The console to print on.
        result: The result of `benchmarks.server.run`.
    """
    table = Table(title="Signalling servers, each in a process of its own, driven from one other process; medians")
    table.add_column("server")
    for heading in (
        "idle peers",
        "sessions [/s]",
        "CPU each [us]",
        "relayed [/s]",
        "CPU each [us]",
        "memory [MiB]",
        "per idle peer [KiB]",
    ):
        table.add_column(heading, justify="right")
    for load in result.loads:
        table.add_row(
            load.server,
            str(load.idle_peers),
            figure(load.sessions_per_s),
            figure(load.session_cpu_us),
            figure(load.relayed_per_s),
            figure(load.relayed_cpu_us),
            figure(load.memory_mib),
            figure(load.memory_per_idle_peer_kib),
        )
    console.print(table)
    console.print("CPU: the server's own. The rates are of server and driver together, and limited by the slower one.")
    print_missing(console, result.missing)


def print_start(console: Console, result: StartResult) -> None:
    """Print the time to start.

    Args:
        console: The console to print on.
        result: The result of `benchmarks.start.run`.
    """
    table = Table(title="To begin; medians, imports without the interpreter's own start")
    table.add_column("what", no_wrap=True)
    table.add_column("rounds", justify="right")
    table.add_column("[ms]", justify="right")
    table.add_column(f"of `{IMPORT_AIORTC}`", justify="right")
    for what in (IMPORT_LIBRARY, LIST, IMPORT_AIORTC):
        ratio = result.milliseconds(what) / result.milliseconds(IMPORT_AIORTC)
        table.add_row(what, str(len(result.rounds[what])), figure(result.milliseconds(what)), f"{ratio:.2f}")
    console.print(table)


def print_soak(console: Console, result: SoakResult) -> None:
    """Print the result of a soak.

    Args:
        console: The console to print on.
        result: The result of `benchmarks.soak.run.run`.
    """
    faults = ", ".join(f"{count} x {name}" for name, count in result.faults.items()) or "none"
    table = Table(title=f"{result.seconds:.0f} s of video and sound; faults: {faults}")
    for column in ("what", "measured", "wanted"):
        table.add_column(column)
    left = ", ".join(result.left) or "none"
    messages = result.messages
    table.add_row("growth of memory after the warm-up", f"{result.growth:+.1f} MiB", "< 5 MiB")
    table.add_row("memory at the end", f"{result.memory[-1]:.1f} MiB", "")
    table.add_row("threads and descriptors left after close()", left, "none")
    table.add_row("sessions that came and went", str(result.visits), "")
    table.add_row("messages to the robot", str(messages.sent), "")
    table.add_row("  of these sent again, and taken twice", str(messages.twice), "")
    table.add_row("  acknowledged by a robot just before it was killed", str(messages.in_hand), "")
    table.add_row("  lost", str(len(messages.lost)), "0")
    for where, offset in (("begin", result.offset_at_begin), ("end", result.offset_at_end)):
        table.add_row(f"sound after frames, {where} of the recording", f"{offset * 1000:+.0f} ms", "within 80 ms")
    table.add_row("recorded", f"{result.recorded:.0f} s", "")
    console.print(table)


def start_json(result: StartResult) -> str:
    """The seconds of every round as a JSON document.

    Args:
        result: The result of `benchmarks.start.run`.

    Returns:
        JSON.
    """
    return json.dumps(asdict(result), indent=2)


def server_json(result: ServerResult) -> str:
    """All results of the servers as a JSON document."""
    return json.dumps(asdict(result), indent=2)


def print_missing(console: Console, missing: list[str]) -> None:
    """Print what could not be measured.

    Args:
        console: The console to print on.
        missing: A sentence for each.
    """
    for what in missing:
        console.print(f"missing: {what}", style="yellow")


def figure(value: float | None) -> str:
    """A number in a table; a dash for None."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"
