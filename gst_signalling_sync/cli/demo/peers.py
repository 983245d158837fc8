"""The hidden commands of the demo's processes: one producer, and consumers.

They report on stdout, one JSON object per line, and stop at the end of stdin, so that they never outlive the process that
started them.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

import gst_signalling_sync

from ... import SignallingError
from ..logs import verbose_option
from ..output import print_json
from ..pinger import Pinger

if TYPE_CHECKING:
    from ... import BroadcastChannel, DataChannel, Session
    from .viewer import Viewer

__all__ = ["CONTROL", "PRODUCER_NAME", "TELEMETRY", "TONE_FREQUENCY", "demo_consumer", "demo_producer"]

PRODUCER_NAME: Final = "demo"
TELEMETRY: Final = "telemetry"
"""The channel on which the producer sends to every consumer."""

CONTROL: Final = "control"
"""The channel on which the producer echoes messages of a consumer."""

TONE_FREQUENCY: Final = 440
"""Hertz: the concert pitch, ISO 16."""

_MESSAGE_BYTES: Final = 64
_REPORT_SECONDS: Final = 0.25
_REPLY_SECONDS: Final = 5.0
_CONNECT_SECONDS: Final = 30.0

_GRACE_SECONDS: Final = 10.0
"""How long a process may take to exit after the end of its stdin."""

_uri_option = click.option("--uri", required=True)
_rate_option = click.option("--rate", type=float, required=True)


@click.command("demo-producer", hidden=True)
@_uri_option
@_rate_option
@verbose_option
def demo_producer(uri: str, rate: float) -> None:
    """Be the demo's producer."""
    _report_failure(lambda: _produce(uri, rate, _parent_gone()))


@click.command("demo-consumer", hidden=True)
@_uri_option
@_rate_option
@click.option("--save", type=click.Path(path_type=Path))
@verbose_option
def demo_consumer(uri: str, rate: float, save: Path | None) -> None:
    """Be one of the demo's consumers."""
    _report_failure(lambda: _consume(uri, rate, save, _parent_gone()))


def _produce(uri: str, rate: float, stop: threading.Event) -> None:
    from .camera import Camera

    producer = gst_signalling_sync.Producer(uri, name=PRODUCER_NAME)
    telemetry = producer.add_channel(TELEMETRY)
    control = producer.add_channel(CONTROL)
    camera = Camera(producer, TONE_FREQUENCY, stop)

    @control.message.connect
    def answer(channel: BroadcastChannel, session: Session, data: str | bytes) -> None:
        channel.send(data, session=session)

    with producer:
        camera.start()
        next_report = next_send = time.monotonic()
        sequence = 0
        while not stop.wait(max(0.0, next_send - time.monotonic())):
            now = time.monotonic()
            telemetry.send(_telemetry(sequence))
            sequence += 1
            # At most one interval late, so that no burst follows a pause.
            next_send = max(next_send + 1 / rate, now)
            if now >= next_report:
                print_json({"sessions": len(producer.sessions), "cpu_seconds": time.process_time()})
                next_report = now + _REPORT_SECONDS


def _consume(uri: str, rate: float, save: Path | None, stop: threading.Event) -> None:
    from .viewer import Viewer

    connect = gst_signalling_sync.connect
    with gst_signalling_sync.Listener(uri) as listener:
        producer = listener.wait_for_producer(PRODUCER_NAME, timeout=_CONNECT_SECONDS)
    started = time.monotonic()
    with connect(uri, peer_id=producer.id, timeout=_CONNECT_SECONDS) as session:
        received = _Received()
        session.channel(TELEMETRY).message.connect(received.on_message)
        control = session.channel(CONTROL)
        print_json({"connected_seconds": time.monotonic() - started})
        viewer = Viewer(session, _CONNECT_SECONDS)
        viewer.start()
        _send_and_report(Pinger(control, _MESSAGE_BYTES, False, 1 / rate, _REPLY_SECONDS), received, viewer, stop)
        if save is not None:
            viewer.save(save)


def _send_and_report(pinger: Pinger, received: _Received, viewer: Viewer, stop: threading.Event) -> None:
    round_trips: list[float] = []
    unanswered = 0
    next_report = 0.0

    def report() -> None:
        counts = {"sent": pinger.transmitted, "received": received.count, "lost": unanswered + received.missing}
        used = {"cpu_seconds": time.process_time()}
        print_json({**counts, **used, "round_trips": round_trips, **viewer.figures()})
        round_trips.clear()

    for ping in pinger.run():
        if ping.round_trip is None:
            unanswered += 1
        else:
            round_trips.append(ping.round_trip)
        if time.monotonic() >= next_report:
            report()
            next_report = time.monotonic() + _REPORT_SECONDS
        if stop.is_set():
            pinger.stop()
    report()


class _Received:
    """Counts received and missing telemetry; written by the callback thread, read by the main thread."""

    def __init__(self) -> None:
        self.count = 0
        self.missing = 0
        self._next: int | None = None

    def on_message(self, channel: DataChannel, data: str | bytes) -> None:
        sequence: int = json.loads(data)["sequence"]
        if self._next is not None:
            # A message out of order counts too, because the channel is ordered.
            self.missing += abs(sequence - self._next)
        self._next = sequence + 1
        self.count += 1


def _telemetry(sequence: int) -> str:
    return json.dumps({"sequence": sequence, "time": time.time()})


def _report_failure(work: Callable[[], None]) -> None:
    try:
        work()
    except BrokenPipeError:
        # The parent is gone, so not even Python's flush at exit may complain.
        os._exit(1)
    except (SignallingError, OSError) as error:
        failure: dict[str, Any] = {"error": str(error)}
        print_json(failure)
        click.get_current_context().exit(1)


def _parent_gone() -> threading.Event:
    """An event that is set at the end of stdin: the parent asks to stop, or is gone."""
    gone = threading.Event()

    def watch() -> None:
        sys.stdin.buffer.read()
        gone.set()
        time.sleep(_GRACE_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, name="demo-parent", daemon=True).start()
    return gone
