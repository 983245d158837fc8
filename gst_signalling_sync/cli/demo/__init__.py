"""``gst-signalling-sync demo``: runs a server, a producer and consumers, each in its own process, and shows their figures."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import Any, Final

import click

import gst_signalling_sync

from ... import SessionClosed, SignallingError
from ..files import MediaFile, check_directory
from ..logs import verbose_option, verbosity
from ..numbers import FiniteRange
from ..output import json_option, print_json, printable, stdout_is_terminal
from ..program import treat_sigterm_as_interrupt
from ..snapshot import IMAGE_SUFFIXES
from .children import Child, Family
from .measurement import Measurement
from .peers import PRODUCER_NAME, TELEMETRY
from .screen import Lines, Screen, Silence, Table

__all__ = ["demo"]

_START_SECONDS: Final = 30.0
"""How long the processes may take to start and connect on a busy machine."""

_REFRESH_SECONDS: Final = 0.25


@click.command(
    short_help="See it work: a server, a producer and two consumers.",
    epilog="""\b
Examples:
  gst-signalling-sync demo
  gst-signalling-sync demo --consumers 8 --seconds 30
  gst-signalling-sync demo --seconds 0 --port 8443    Until Ctrl-C
  gst-signalling-sync demo --save frame.png           Save a frame
  gst-signalling-sync demo --json | jq .round_trip_ms
""",
)
@click.option("--consumers", type=click.IntRange(1, 100), default=2, show_default=True, help="Consumer processes.")
@click.option(
    "--seconds",
    type=FiniteRange(0),
    default=10.0,
    show_default=True,
    help="How long to measure once all are connected; 0: until Ctrl-C.",
)
@click.option(
    "--rate",
    type=FiniteRange(0.1, 1000),
    default=100.0,
    show_default=True,
    metavar="HZ",
    help="Messages per second, each way and for each consumer.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    show_default=True,
    help="TCP port of the signalling server; 0 picks a free one.",
)
@click.option(
    "--save",
    type=MediaFile(IMAGE_SUFFIXES),
    metavar="FILE",
    help="Save the last frame of a consumer: PNG or JPEG, by the suffix.",
)
@json_option("Print one JSON object at the end.")
@verbose_option
def demo(consumers: int, seconds: float, rate: float, port: int, save: Path | None, as_json: bool) -> None:
    """See it work: a signalling server, a producer and consumers, each in its own process on this machine.

    The producer sends every consumer a moving test pattern, a tone, and telemetry over a WebRTC data channel, and answers their
    messages on another channel. The table shows the messages per second each way and their round trips, the frame rate, the
    latency from drawing a frame to having it as an array, and the tone, all as the library's callers see them. Ctrl-C ends it
    early, with the summary. Fails when a process fails, or a message was lost.

    All processes encode and decode video in software on the same cores, so the figures include waiting for a core: they show
    the capacity of this machine, not the cost of the network or the library. The measurement begins one second after all
    consumers are connected. `gst-signalling-sync ping` measures a round trip alone.
    """
    treat_sigterm_as_interrupt()
    if save is not None:
        check_directory(save)
    with gst_signalling_sync.SignallingServer(port=port) as server:
        measurement = Measurement(server.uri, consumers)
        screen: Screen = Silence() if as_json else Table() if stdout_is_terminal() and not verbosity() else Lines()
        with Family() as family:
            _start(family, measurement, consumers, rate, save)
            with screen.showing(measurement):
                _measure(family, measurement, screen, seconds)
                _stop(family, measurement)
    if as_json:
        print_json(measurement.summary())
    else:
        _print_end(measurement, save)
    if measurement.lost:
        raise SignallingError(f"{measurement.lost} messages were lost")


def _start(family: Family, measurement: Measurement, consumers: int, rate: float, save: Path | None) -> None:
    arguments = ["--uri", measurement.uri, "--rate", str(rate)]
    measurement.producer.child = family.add("the producer", "demo-producer", *arguments)
    for number in range(consumers):
        keeping = ["--save", str(save)] if save is not None and number == 0 else []
        measurement.consumers[number].child = family.add(
            f"consumer {number + 1}", "demo-consumer", *arguments, *keeping
        )


def _measure(family: Family, measurement: Measurement, screen: Screen, seconds: float) -> None:
    """Read reports until the time is over, or until Ctrl-C once the measurement runs."""
    must_connect = time.monotonic() + _START_SECONDS
    try:
        while measurement.remaining(seconds):
            _read_reports(family, measurement, min(_REFRESH_SECONDS, measurement.remaining(seconds)))
            screen.update(measurement, seconds)
            if not measurement.is_running and time.monotonic() > must_connect:
                raise gst_signalling_sync.WaitTimeout(
                    f"only {measurement.connected} of {len(measurement.consumers)} consumers were connected within"
                    f" {_START_SECONDS:g} s"
                )
    except KeyboardInterrupt:
        if not measurement.is_running:
            raise
    measurement.finish()


def _read_reports(family: Family, measurement: Measurement, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while (remaining := deadline - time.monotonic()) > 0:
        for child, report in family.reports(remaining):
            _add(measurement, child, report)


def _add(measurement: Measurement, child: Child, report: dict[str, Any] | None) -> None:
    if report is None:
        if child.exit_code() != 0:
            raise SessionClosed(f"{child.name} ended, with exit code {child.exit_code()}")
    elif "error" in report:
        raise SessionClosed(f"{child.name} failed: {report['error']}")
    else:
        measurement.add(child, report)


def _stop(family: Family, measurement: Measurement) -> None:
    """Stop the consumers, then the producer that answers them, and read their last reports."""
    with contextlib.suppress(KeyboardInterrupt):
        consumers = [consumer.child for consumer in measurement.consumers if consumer.child is not None]
        for children in (consumers, [measurement.producer.child]):
            for child, report in family.stop([child for child in children if child is not None]):
                _add(measurement, child, report)


def _print_end(measurement: Measurement, save: Path | None) -> None:
    for sentence in measurement.sentences():
        click.echo(sentence)
    if save is not None:
        click.echo(f"A frame is in {printable(str(save))}.")
    click.echo(
        f"""
Next: leave it running with `gst-signalling-sync demo --seconds 0 --port 8443`.
In another terminal try `gst-signalling-sync ping {PRODUCER_NAME}`,
`gst-signalling-sync record {PRODUCER_NAME} {PRODUCER_NAME}.mp4`, or Python:

    from gst_signalling_sync import connect
    with connect(name="{PRODUCER_NAME}") as session:
        print(session.channel("{TELEMETRY}").recv())
        print(session.video.read().shape)"""
    )
