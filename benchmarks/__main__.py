"""The command line of the benchmarks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

import click
from rich.console import Console

from benchmarks import frames as frames_benchmark
from benchmarks import report
from benchmarks import server as server_benchmark
from benchmarks import start as start_benchmark
from benchmarks.data import report as data_report
from benchmarks.data import run as data_benchmark
from benchmarks.data.links import BAD_LINKS
from benchmarks.fleet import report as fleet_report
from benchmarks.fleet import run as fleet_benchmark
from benchmarks.links import report as links_report
from benchmarks.links import run as links_benchmark
from benchmarks.pass_through import run as pass_through_benchmark
from benchmarks.plots import plot_option
from benchmarks.soak import run as soak_benchmark
from benchmarks.video import report as video_report
from benchmarks.video import rounds as video_benchmark
from benchmarks.workload import Workload

_REPORT_COLUMNS: Final = 120


@click.group()
def main() -> None:
    """Measure this library against what it replaces. Run it from the root of the repository."""


@main.command()
@click.option(
    "--rounds", default=5, show_default=True, help="How often each contestant is measured; 0: lossy links alone."
)
@click.option(
    "--loss",
    "losses",
    multiple=True,
    type=click.FloatRange(0, 100, max_open=True),
    help="Percent of the packets that a link loses each way: measures each contestant over such a link too. May be repeated.",
)
@click.option(
    "--delay", "delay_ms", default=10.0, show_default=True, help="Milliseconds that such a link takes one way."
)
@click.option(
    "--bad-links", is_flag=True, help="Measure the throughput over bursts of lost packets, reordering, a long queue."
)
@click.option("--only", multiple=True, help="Part of a contestant's name; may be repeated. Default: all of them.")
@click.option("--quick", is_flag=True, help="A tenth of the messages: to try it, not to quote it.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def data(
    rounds: int,
    losses: tuple[float, ...],
    delay_ms: float,
    bad_links: bool,
    only: tuple[str, ...],
    quick: bool,
    as_json: bool,
) -> None:
    """Data channels: first message, round trip, flood, bulk, processor time per message, and the cost of lost packets."""
    workload, pace, flows = Workload(), data_benchmark.TEN_SESSIONS, data_benchmark.FLOWS
    if quick:
        workload = Workload(warm_up=100, pings=1000, flood_messages=2000, bulk_messages=200)
        pace = replace(pace, seconds=pace.seconds / 10)
        flows = tuple(replace(flow, pace=replace(flow.pace, seconds=flow.pace.seconds / 10)) for flow in flows)
    links = tuple(BAD_LINKS) if bad_links else ()
    result = data_benchmark.run(rounds, workload, pace, losses, flows, delay_ms, links, only, _progress())
    if as_json:
        click.echo(data_report.data_json(result))
    else:
        data_report.print_data(_report_console(), result)


@main.command()
@click.option("--rounds", default=3, show_default=True, help="How often each load is measured.")
@click.option("--idle", "idle_peers", multiple=True, type=int, default=(0, 1000, 5000), show_default=True)
@click.option("--sessions", default=2000, show_default=True, help="Opened in a round.")
@click.option("--messages", default=20_000, show_default=True, help="Relayed in a round.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def server(rounds: int, idle_peers: tuple[int, ...], sessions: int, messages: int, as_json: bool) -> None:
    """Signalling servers: sessions and relayed messages per second, memory per idle peer."""
    result = server_benchmark.run(rounds, sorted(idle_peers), sessions, messages, _progress())
    if as_json:
        click.echo(report.server_json(result))
    else:
        report.print_server(_report_console(), result)


@main.command()
@click.option("--rounds", default=15, show_default=True, help="How often each is measured.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def start(rounds: int, as_json: bool) -> None:
    """Time to start: imports, and `gst-signalling-sync list`."""
    result = start_benchmark.run(rounds, _progress())
    if as_json:
        click.echo(report.start_json(result))
    else:
        report.print_start(_report_console(), result)


@main.command()
@click.option("--rounds", default=3, show_default=True, help="How often each contestant is measured under each load.")
@click.option("--seconds", default=4.0, show_default=True, help="How long each is measured for in a round.")
@click.option("--only", multiple=True, help="Part of a contestant's name; may be repeated. Default: all of them.")
@click.option("--bitrate", default=1_000_000, show_default=True, help="Bits per second, of all contestants.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def video(rounds: int, seconds: float, only: tuple[str, ...], bitrate: int, as_json: bool) -> None:
    """Live video: the producer's processor time and its effect on a control loop in its process, frame rates, latency."""
    result = video_benchmark.run(rounds, seconds, bitrate, only, _progress())
    if as_json:
        click.echo(video_report.video_json(result))
    else:
        video_report.print_video(_report_console(), result)


@main.command()
@click.option(
    "--rounds", default=3, show_default=True, help="How often each pair is watched on each link; 0: only --with counts."
)
@click.option("--seconds", default=30.0, show_default=True, help="How long each pair is watched on each link.")
@click.option(
    "--profile", "profiles", multiple=True, help="Part of a link's name; may be repeated. Default: all of them."
)
@click.option(
    "--pair",
    "pairs",
    multiple=True,
    help="A pair's letter, or part of its name; may be repeated. Default: all of them.",
)
@plot_option("Draw the bitrates over time as PNG.")
@click.option(
    "--with",
    "earlier",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Results of an earlier run, written by --json, that count too; may be repeated.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document of all runs on stdout.")
def links(
    rounds: int,
    seconds: float,
    profiles: tuple[str, ...],
    pairs: tuple[str, ...],
    plot: Path | None,
    earlier: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Video over thin and lossy links: frame rate, delay, freezes and use of the link, compared with the real peers."""
    results = [each for path in earlier for each in links_report.read_links(path)]
    results += links_benchmark.run(rounds, profiles, pairs, seconds, _progress())
    if plot is not None:
        links_report.plot_links(results, plot)
    if as_json:
        click.echo(links_report.links_json(results))
    else:
        links_report.print_links(_report_console(), results)


@main.command()
@click.option("--minutes", default=10.0, show_default=True, help="How long to stream.")
@click.option("--warm-up", default=2.0, show_default=True, help="Minutes before memory counts.")
@click.option(
    "--fault-every", default=5.0, show_default=True, help="Seconds from one fault to the next; 0: none happens."
)
def soak(minutes: float, warm_up: float, fault_every: float) -> None:
    """Long streaming with faults: memory, threads, messages, and the frames and sound of a recording."""
    result = soak_benchmark.run(minutes, warm_up, fault_every or None, _progress())
    report.print_soak(_report_console(), result)


@main.command()
@click.option("--clients", default=500, show_default=True, help="How many there are.")
@click.option("--outage", default=3.0, show_default=True, help="For how many seconds nobody reaches the server.")
@plot_option("Draw the returns per second as PNG.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def fleet(clients: int, outage: float, plot: Path | None, as_json: bool) -> None:
    """Clients that all lose their signalling server: when each is back, and how many come back at a time."""
    result = fleet_benchmark.run(clients, outage, 60.0, _progress())
    if plot is not None:
        fleet_report.plot_fleet(result, plot)
    if as_json:
        click.echo(result.to_json())
    else:
        fleet_report.print_fleet(_report_console(), result)


@main.command("pass-through")
@click.option("--rounds", default=3, show_default=True, help="How often each way is measured.")
@click.option("--seconds", default=5.0, show_default=True, help="How long each is measured for in a round.")
@click.option("--consumers", default=4, show_default=True, help="Of each producer.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def pass_through(rounds: int, seconds: float, consumers: int, as_json: bool) -> None:
    """A file and an RTSP camera in H264: the processor time of sending as it is, of encoding again, and from memory."""
    result = pass_through_benchmark.run(rounds, seconds, consumers, _progress())
    if as_json:
        click.echo(result.to_json())
    else:
        pass_through_benchmark.print_pass_through(_report_console(), result)


@main.command()
@click.option("--rounds", default=5, show_default=True, help="How often each step is measured.")
@click.option("--frames", default=150, show_default=True, help="That each is measured with in a round.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def frames(rounds: int, frames: int, as_json: bool) -> None:
    """One frame from an array to packets: the processor time of each step."""
    result = frames_benchmark.run(rounds, frames, _progress())
    if as_json:
        click.echo(result.to_json())
    else:
        frames_benchmark.print_frames(_report_console(), result)


def _report_console() -> Console:
    # A file or pipe has no width, and rich would squeeze the tables into 80 columns. Markup is off for headings with "[/s]".
    console = Console(markup=False, highlight=False)
    return console if console.is_terminal else Console(markup=False, highlight=False, width=_REPORT_COLUMNS)


def _progress() -> Callable[[str], None]:
    console = Console(stderr=True, markup=False, highlight=False)
    return lambda text: console.print(text, style="dim")


if __name__ == "__main__":
    main(prog_name="python -m benchmarks")
