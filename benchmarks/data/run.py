"""Runs the contestants, each in two processes on loopback, one after another, for several rounds."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Final

from benchmarks.data.contestants import CONTESTANTS, Comparison, Contestant
from benchmarks.data.links import BAD_LINKS, BULK
from benchmarks.data.network import lossy_network
from benchmarks.pacing import GO, OPEN, Pace, PacedMeasurement
from benchmarks.processes import Process, embedded_server, find_reference_server, reference_server, running
from benchmarks.workload import Measurement, Workload
from gst_signalling_sync.testing.link import LinkProfile

__all__ = ["FLOWS", "TEN_SESSIONS", "DataResult", "Flow", "measure_link", "run"]

_READY_SECONDS: Final = 20.0
_ROUND_SECONDS: Final = 120.0
_PACED_PREFIX: Final = "paced_"

TEN_SESSIONS: Final = Pace(sessions=10, hertz=100, seconds=5)
"""The pace of a robot that ten programs control."""


@dataclass(frozen=True)
class Flow:
    """Messages over a lossy link.

    Attributes:
        name: Its name in the report.
        pace: Many sessions at once, each over its own pair of links, so that the percentiles are of many messages.
    """

    name: str
    pace: Pace


FLOWS: Final[tuple[Flow, ...]] = (
    Flow("dense, 50 Hz", Pace(sessions=5, hertz=50, seconds=20)),
    Flow("sparse, 2 Hz", Pace(sessions=25, hertz=2, seconds=40)),
)


@dataclass
class DataResult:
    """The results of all rounds.

    Attributes:
        signalling: The server on which the contestants met.
        rounds: By the contestant's name, in the order of the rounds.
        paced: Measurements of `TEN_SESSIONS`, by the contestant's name.
        lossy: By the loss in percent, the flow's name and the contestant's name.
        delay_ms: One-way delay of the lossy links, in milliseconds.
        throughput: MB/s by the name in `BAD_LINKS` and the contestant's name, in the order of the rounds.
        missing: A sentence for each contestant that could not take part and each round that failed.
    """

    signalling: str
    rounds: dict[str, list[Measurement]] = field(default_factory=dict)
    paced: dict[str, list[PacedMeasurement]] = field(default_factory=dict)
    lossy: dict[float, dict[str, dict[str, PacedMeasurement]]] = field(default_factory=dict)
    delay_ms: float = 0.0
    throughput: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)

    def median(self, contestant: str, metric: str) -> float | None:
        """The median over the rounds; None: there is no value."""
        measured: Sequence[Measurement | PacedMeasurement]
        if metric.startswith(_PACED_PREFIX):
            metric, measured = metric.removeprefix(_PACED_PREFIX), self.paced.get(contestant, [])
        else:
            measured = self.rounds.get(contestant, [])
        values = [getattr(measurement, metric) for measurement in measured]
        return median(values) if values else None

    def ratio(self, comparison: Comparison) -> float | None:
        """The ratio of medians; None: one of them is missing."""
        numerator = self.median(comparison.numerator, comparison.metric)
        denominator = self.median(comparison.denominator, comparison.denominator_metric or comparison.metric)
        return numerator / denominator if numerator is not None and denominator else None


def run(
    rounds: int,
    workload: Workload,
    pace: Pace,
    losses: Sequence[float],
    flows: Sequence[Flow],
    delay_ms: float,
    links: Sequence[str],
    only: tuple[str, ...],
    progress: Callable[[str], None],
) -> DataResult:
    """Measure all contestants, one after another, in each round.

    Args:
        rounds: Number of rounds.
        workload: The workload of each contestant in a round.
        pace: The pace of each contestant in a round.
        losses: Percent of the packets that lossy links lose in each direction; empty: there are no such links.
        flows: Flows that each contestant sends once over each lossy link.
        delay_ms: One-way delay of the lossy links, in milliseconds.
        links: Names in `BAD_LINKS` over which each contestant sends `BULK`, once per round; once if there are no rounds.
        only: Parts of the names of the contestants to measure; empty: all.
        progress: Called with what is being measured.

    Returns:
        The measurements, and what is missing.
    """
    chosen = [each for each in CONTESTANTS if not only or any(part in each.name for part in only)]
    use_reference = find_reference_server() is not None
    result = DataResult("reference server" if use_reference else "embedded server", delay_ms=delay_ms)
    if not use_reference:
        result.missing.append("reference server: not installed, the embedded server is used (.ci/peers installs it)")
    present = [each for each in chosen if each.python() is not None]
    absent = [each for each in chosen if each not in present]
    result.missing += [f"{each.name}: not installed (.ci/peers installs it)" for each in absent]
    server = reference_server() if use_reference else embedded_server()

    @contextlib.contextmanager
    def measuring(contestant: Contestant, what: str) -> Iterator[None]:
        progress(f"{what}: {contestant.name}")
        try:
            yield
        except (ChildProcessError, TimeoutError) as error:
            result.missing.append(f"{contestant.name}, {what}: {error}")

    with server as address:
        for number in range(rounds):
            for contestant in present:
                with measuring(contestant, f"round {number + 1} of {rounds}"):
                    measurement = _run_round(contestant, address.uri, workload)
                    result.rounds.setdefault(contestant.name, []).append(measurement)
            for contestant in present:
                with measuring(contestant, f"round {number + 1} of {rounds}, {pace.sessions} sessions"):
                    paced = _run_paced(contestant, address.uri, pace, None)
                    result.paced.setdefault(contestant.name, []).append(paced)
        for loss in losses:
            profile = LinkProfile(delay=delay_ms / 1000, loss=loss / 100)
            for flow in flows:
                of_flow = result.lossy.setdefault(loss, {}).setdefault(flow.name, {})
                for contestant in present:
                    with measuring(contestant, f"{loss:g} % loss, {flow.name}"):
                        of_flow[contestant.name] = _run_paced(contestant, address.uri, flow.pace, profile)
        for number in range(max(1, rounds)):
            for link in links:
                for contestant in present:
                    with measuring(contestant, f"{link}, round {number + 1}"):
                        reached = measure_link(contestant, address.uri, BAD_LINKS[link], number)
                        result.throughput.setdefault(link, {}).setdefault(contestant.name, []).append(reached)
    return result


@contextlib.contextmanager
def _producer(contestant: Contestant, uri: str) -> Iterator[tuple[Process, str]]:
    """Run the contestant's producer, and yield its process and the address for its consumers."""
    with running(_side(contestant, "producer", uri, ""), contestant.variables) as producer:
        yield producer, producer.read_line(_READY_SECONDS).removeprefix("ready ")


def _side(contestant: Contestant, role: str, address: str, workload: str) -> list[str]:
    python = contestant.python()
    assert python is not None
    return [python, "-m", f"benchmarks.contestants.{contestant.module}", role, address, workload]


def measure_link(contestant: Contestant, uri: str, profile: LinkProfile, seed: int, workload: Workload = BULK) -> float:
    """Send the bulk of a workload over a bad link.

    Args:
        contestant: The contestant.
        uri: The signalling server's.
        profile: The link's, in each direction.
        seed: Seed of the link's random numbers.
        workload: Defaults to `BULK`.

    Returns:
        Throughput in MB/s.

    Raises:
        ChildProcessError: The contestant failed or took too long.
    """
    return _run_round(contestant, uri, workload, profile, seed).bulk_mb_per_s


def _run_round(
    contestant: Contestant, uri: str, workload: Workload, profile: LinkProfile | None = None, seed: int = 1
) -> Measurement:
    with contextlib.ExitStack() as stack:
        producer, address = stack.enter_context(_producer(contestant, uri))
        if profile is not None:
            address, _ = stack.enter_context(lossy_network(contestant, address, profile, seed))
        told = replace(workload, producer_pid=producer.pid).to_json()
        consumer = stack.enter_context(running(_side(contestant, "consumer", address, told), contestant.variables))
        return Measurement.from_json(consumer.read_line(_ROUND_SECONDS))


def _run_paced(contestant: Contestant, uri: str, pace: Pace, profile: LinkProfile | None) -> PacedMeasurement:
    """Measure a pace. A link with a profile loses no packets until all sessions are connected."""
    with contextlib.ExitStack() as stack:
        producer, address = stack.enter_context(_producer(contestant, uri))
        relay = None
        if profile is not None:
            without_loss = replace(profile, loss=0.0)
            address, relay = stack.enter_context(lossy_network(contestant, address, without_loss))
        told = replace(pace, producer_pid=producer.pid).to_json()
        pacer = stack.enter_context(running(_side(contestant, "pacer", address, told), contestant.variables))
        opened = pacer.read_line(_ROUND_SECONDS)
        if opened != OPEN:
            raise ChildProcessError(f"it said {opened!r}, not {OPEN!r}")
        if relay is not None and profile is not None:
            relay.profile = profile
        pacer.write_line(GO)
        return PacedMeasurement.from_json(pacer.read_line(_ROUND_SECONDS))
