"""Results of the video benchmark: tables for people, a JSON document for programs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from statistics import median
from typing import Final

from rich.console import Console
from rich.table import Table

from benchmarks.video.rounds import CONTESTANTS, LIBRARY, Stream, VideoResult
from benchmarks.video.workload import ProducerMeasurement, VideoWorkload

__all__ = ["print_video", "video_json"]

_EXPLANATION: Final = (
    "CPU: user and system time of the producer's process alone. fps: complete frames of a consumer; the slowest of all"
    " rounds, and the median. Latency: from the time drawn into a frame, just before the contestant is given it, until"
    " it is decoded at one of the consumers. Loop late: a loop at 500 Hz in a thread of the producer's process, whose own"
    " time is not counted as CPU; the maximum of all rounds. kbit/s: RTP payload that a consumer got. The consumers are"
    " aiortc's connections in two processes, and count frames without decoding them, but for the one where latency is"
    " measured. Others' CPU: whatever ran on the machine beside producer and consumers; where that is more than a tenth of"
    " a core, latency, lateness and frame rates tell of it as well. This library is given bgr24 arrays; bare aiortc"
    " encodes yuv420p from a MediaRelay once per consumer, webrtcbin I420 by one vp8enc per consumer with webrtcsink's"
    " settings."
)


@dataclass(frozen=True)
class _Finding:
    """A figure that is a finding by itself."""

    what: str
    of: str
    value: float
    wanted: str = ""


def print_video(console: Console, result: VideoResult) -> None:
    """Print the measurements, the findings, and what is missing.

    Args:
        console: The console to print on.
        result: The result of `benchmarks.video.rounds.run`.
    """
    table = Table(
        title=f"Live video, VP8, {result.workloads[0].fps} fps, {result.workloads[0].bitrate / 1000:g} kbit/s wanted;"
        f" medians but for the extremes; signalling by the {result.signalling}"
    )
    table.add_column("size, consumers", no_wrap=True)
    table.add_column("contestant", no_wrap=True)
    for heading in (
        "CPU\n[cores]",
        "fps min\n/ median",
        "latency [ms]\np50 / p99",
        "loop late [ms]\np50 / p99 / max",
        "kbit/s",
        "others'\nCPU",
    ):
        table.add_column(heading, justify="right", no_wrap=True)
    for workload in result.workloads:
        for contestant in CONTESTANTS:
            if result.of(contestant.name, workload):
                table.add_row(workload.name, contestant.name, *_figures(result, contestant.name, workload))
        table.add_section()
    if result.floors:
        table.add_row("nothing", "loop alone", "", "", "", _lateness(result.floors))
    console.print(table)
    console.print(_EXPLANATION)
    findings = Table("what", "of", title="What follows")
    findings.add_column("figure", justify="right")
    findings.add_column("wanted", justify="right")
    for finding in _findings(result):
        findings.add_row(finding.what, finding.of, f"{finding.value:.2f}", finding.wanted)
    if findings.row_count:
        console.print(findings)
    unreadable = sum(each.viewer.unreadable for each in result.streams)
    if unreadable:
        console.print(f"frames whose timestamp could not be read: {unreadable}", style="yellow")
    for what in result.missing:
        console.print(f"missing: {what}", style="yellow")


def video_json(result: VideoResult) -> str:
    """All rounds and findings as a JSON document."""
    return json.dumps({**asdict(result), "findings": [asdict(finding) for finding in _findings(result)]}, indent=2)


def _figures(result: VideoResult, contestant: str, workload: VideoWorkload) -> list[str]:
    def middle(value: Callable[[Stream], float | None], digits: int) -> str:
        found = result.median(contestant, workload, value)
        return f"{found:.{digits}f}" if found is not None else "-"

    streams = result.of(contestant, workload)
    latency_p50 = middle(lambda each: each.viewer.latency_p50_ms, 1)
    latency_p99 = middle(lambda each: each.viewer.latency_p99_ms, 1)
    return [
        middle(lambda each: each.producer.cpu_cores, 2),
        f"{min(min(each.fps) for each in streams):.1f} / {middle(lambda each: median(each.fps), 1)}",
        f"{latency_p50} / {latency_p99}",
        _lateness([each.producer for each in streams]),
        middle(lambda each: median(each.kbit_per_s), 0),
        middle(lambda each: each.others_cpu_cores, 2),
    ]


def _lateness(loops: list[ProducerMeasurement]) -> str:
    p50 = median(each.loop_p50_ms for each in loops)
    p99 = median(each.loop_p99_ms for each in loops)
    return f"{p50:.2f} / {p99:.2f} / {max(each.loop_max_ms for each in loops):.0f}"


def _findings(result: VideoResult) -> Iterator[_Finding]:
    one, four, eight = (
        next(each for each in result.workloads if (each.height, each.consumers) == (480, count)) for count in (1, 4, 8)
    )
    for contestant in CONTESTANTS:
        name = contestant.name
        streams = result.of(name, eight)
        slowest = min((min(each.fps) for each in streams), default=None)
        cpu_growth = _ratio(_cpu(result, name, eight), _cpu(result, name, one))
        late = result.median(name, four, lambda each: each.producer.loop_p99_ms)
        for what, value, bound in (
            (f"{eight.name}: fps of the slowest consumer", slowest, ">= 29"),
            (f"{eight.name}: CPU, of that for {one.consumers}", cpu_growth, "<= 1.6"),
            (f"{four.name}: loop late p99 [ms]", late, "<= 2"),
        ):
            if value is not None:
                yield _Finding(what, name, value, bound if contestant is LIBRARY else "")
    for workload in result.workloads:
        for contestant in CONTESTANTS[1:]:
            ratio = _ratio(_cpu(result, LIBRARY.name, workload), _cpu(result, contestant.name, workload))
            if ratio is not None:
                yield _Finding(f"{workload.name}: CPU, of that of {contestant.name}", LIBRARY.name, ratio)


def _cpu(result: VideoResult, contestant: str, workload: VideoWorkload) -> float | None:
    return result.median(contestant, workload, lambda each: each.producer.cpu_cores)


def _ratio(numerator: float | None, denominator: float | None) -> float | None:
    return numerator / denominator if numerator is not None and denominator else None
