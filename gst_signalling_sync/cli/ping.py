"""``gst-signalling-sync ping``: measures the round trip to a producer over a data channel, and prints it as ping(8) does."""

from __future__ import annotations

import contextlib
import time
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final

import click

from .. import ChannelClosed, SessionClosed, SignallingError, WaitTimeout
from .echo import ECHO_LABEL, ECHO_PROTOCOL
from .numbers import SECONDS, FiniteRange
from .output import complain, end_interrupted_line, json_option, print_json, printable
from .pinger import MIN_SIZE, EchoRefused, Ping, Pinger, RoundTrips, check_refusal
from .producers import departure
from .program import treat_sigterm_as_interrupt
from .session_options import SessionOptions, session_options

if TYPE_CHECKING:
    from .. import DataChannel, Peer, Session

__all__ = ["ping"]

_LEAVE_SECONDS: Final = 5.0
"""How long after its channel a session may close, because its role drains the other channels."""


@click.command(
    short_help="Measure the round trip to a producer.",
    epilog="""\b
Examples:
  gst-signalling-sync ping robot
  gst-signalling-sync ping robot -c 100 -i 0.01
  gst-signalling-sync ping 3f1c0c5a-7d0e-4c39-9d5c-2b6f0a7f6f11 --json
  gst-signalling-sync ping reachy --channel echo --text
""",
)
@click.argument("name")
@click.option("-c", "--count", type=click.IntRange(1), help="Stop after this number of messages.  [default: at Ctrl-C]")
@click.option(
    "-i",
    "--interval",
    type=FiniteRange(0.001),
    default=1.0,
    show_default=True,
    metavar="SECONDS",
    help="Time from one message to the next.",
)
@click.option("-s", "--size", type=click.IntRange(MIN_SIZE), default=56, show_default=True, help="Bytes in a message.")
@click.option(
    "-W",
    "--wait",
    type=SECONDS,
    default=2.0,
    show_default=True,
    help="Time to wait for a reply; a later one counts as lost.",
)
@click.option(
    "--channel",
    "label",
    metavar="LABEL",
    help="Use this channel of the producer, which must send back what it receives there.",
)
@click.option("--text", is_flag=True, help="Send strings, for a producer that does not echo bytes.")
@json_option("Print one JSON object per line: each reply, and last the summary.")
@session_options
def ping(
    name: str,
    options: SessionOptions,
    count: int | None,
    interval: float,
    size: int,
    wait: float,
    label: str | None,
    text: bool,
    as_json: bool,
) -> None:
    """Measure the round trip to producer NAME, a name or a peer id, over a WebRTC data channel.

    Every producer of gst-signalling-sync answers, unless its program says Producer(echo=False), on an unordered channel without
    retransmissions that ping opens. Other producers can be measured with --channel if they echo. If the producer crashes, ping
    waits for it. Fails when no reply came.
    """
    treat_sigterm_as_interrupt()
    producer = options.find(name)
    with options.connect(producer, resume=True) as session:
        # A queue, because Ctrl-C may leave an event locked.
        left: SimpleQueue[None] = SimpleQueue()
        session.closed.connect(lambda session, error: left.put(None))
        channel = _open(session, label)
        pinger = Pinger(channel, size, text, interval, wait, count)
        report = _Report(as_json, producer, name, size)
        report.begin(options.endpoint.uri, channel)
        failure = _run(pinger, report)
        if isinstance(failure, ChannelClosed):
            with contextlib.suppress(Empty):
                left.get(timeout=_LEAVE_SECONDS)
                failure = SessionClosed(departure(name, session))
        if pinger.transmitted and not isinstance(failure, EchoRefused):
            report.end(pinger.transmitted)
    if failure is not None:
        raise failure
    if not report.round_trips.count:
        advice = "a later one counts with a longer -W"
        if label is None:
            advice += ", and --channel LABEL measures a producer that is not of gst-signalling-sync, but echoes"
        complain(f"no reply from {name!r} within {wait:g} s; {advice}")
        click.get_current_context().exit(1)


def _open(session: Session, label: str | None) -> DataChannel:
    if label is not None:
        return session.channel(label)
    channel = session.create_channel(ECHO_LABEL, ordered=False, max_retransmits=0, protocol=ECHO_PROTOCOL)
    try:
        channel.wait_open()
    except WaitTimeout as error:
        raise WaitTimeout(f"{error}; the producer may not support data channels") from error
    except ChannelClosed:
        check_refusal(channel)
        raise
    return channel


def _run(pinger: Pinger, report: _Report) -> SignallingError | None:
    """Ping until the end.

    Returns:
        The error that ended it early; None: nothing failed.
    """
    try:
        try:
            for outcome in pinger.run():
                report.add(outcome)
        except KeyboardInterrupt:
            end_interrupted_line()
            # As ping(8) does, so that a message that was just sent does not count as lost.
            pinger.stop(wait=2 * report.round_trips.max)
            for outcome in pinger.run():
                report.add(outcome)
    except SignallingError as error:
        return error
    return None


class _Report:
    """Prints the head, a line for each reply, and the summary.

    Args:
        as_json: Whether to print JSON.
        producer: The producer that is pinged.
        name: The name or id that the user gave.
        size: Bytes of a message.
    """

    def __init__(self, as_json: bool, producer: Peer, name: str, size: int) -> None:
        self._as_json = as_json
        self._producer = producer
        self._name = printable(name)
        self._size = size
        self._started = time.perf_counter()
        self.round_trips = RoundTrips()

    def begin(self, uri: str, channel: DataChannel) -> None:
        label = printable(channel.label)
        self._say(f"PING {self._name} ({self._producer.id}) at {uri}: {self._size} bytes on data channel {label!r}")

    def add(self, outcome: Ping) -> None:
        if outcome.round_trip is None:
            self._say(f"no reply from {self._name}: seq={outcome.sequence}")
        else:
            self.round_trips.add(outcome.round_trip)
            milliseconds = _milliseconds(outcome.round_trip)
            self._say(f"{self._size} bytes from {self._name}: seq={outcome.sequence} time={milliseconds} ms")
        if self._as_json:
            round_trip = None if outcome.round_trip is None else _rounded(outcome.round_trip)
            event = "lost" if outcome.round_trip is None else "reply"
            print_json({"event": event, "sequence": outcome.sequence, "round_trip_ms": round_trip})

    def end(self, transmitted: int) -> None:
        seconds = time.perf_counter() - self._started
        trips = self.round_trips
        lost = 1 - trips.count / transmitted
        if self._as_json:
            print_json(self._summary(transmitted, lost, seconds))
            return
        self._say(f"--- {self._name} ping statistics ---")
        self._say(
            f"{transmitted} packets transmitted, {trips.count} received, {100 * lost:.4g}% packet loss,"
            f" time {1e3 * seconds:.0f}ms"
        )
        if trips.count:
            figures = (trips.min, trips.mean, trips.max, trips.deviation)
            self._say(f"rtt min/avg/max/mdev = {'/'.join(map(_milliseconds, figures))} ms")

    def _summary(self, transmitted: int, lost: float, seconds: float) -> dict[str, Any]:
        trips = self.round_trips
        summary: dict[str, Any] = {
            "event": "summary",
            "name": self._producer.name,
            "id": self._producer.id,
            "transmitted": transmitted,
            "received": trips.count,
            "loss": round(lost, 6),
            "seconds": round(seconds, 3),
            "round_trip_ms": None,
        }
        if trips.count:
            summary["round_trip_ms"] = {
                "min": _rounded(trips.min),
                "avg": _rounded(trips.mean),
                "max": _rounded(trips.max),
                "mdev": _rounded(trips.deviation),
                "p50": _rounded(trips.percentile(50)),
                "p99": _rounded(trips.percentile(99)),
            }
        return summary

    def _say(self, line: str) -> None:
        if not self._as_json:
            click.echo(line)


def _milliseconds(seconds: float) -> str:
    return f"{1e3 * seconds:.3f}"


def _rounded(seconds: float) -> float:
    return round(1e3 * seconds, 3)
