"""This library by its public API: plain threads and blocking calls."""

from __future__ import annotations

import sys
import time
from typing import Any

from benchmarks.pacing import Pace, Pacing
from benchmarks.workload import CHANNEL, PRODUCER, Flood, Workload, measure
from gst_signalling_sync import Consumer, Producer, Session, connect


def produce(uri: str) -> None:
    """Offer a channel to every session, echo its messages and send floods."""
    producer = Producer(uri, name=PRODUCER)
    channel = producer.add_channel(CHANNEL)

    @channel.message.connect
    def on_message(_: Any, session: Session, data: str | bytes) -> None:
        if isinstance(data, bytes):
            channel.send(data, session=session)
            return
        flood = Flood.from_text(data)
        payload = bytes(flood.size)
        for _number in range(flood.count):
            channel.send(payload, session=session)

    with producer:
        print(f"ready {uri}", flush=True)
        sys.stdin.read()


def consume(uri: str, workload: Workload) -> None:
    """Connect, measure, and print the measurement."""
    started = time.perf_counter()
    with connect(uri, name=PRODUCER) as session:
        channel = session.channel(CHANNEL)
        exchange = measure(workload, started)
        reply = next(exchange)
        try:
            while True:
                if reply is not None:
                    channel.send(reply)
                reply = exchange.send(channel.recv(timeout=60))
        except StopIteration as stop:
            print(stop.value.to_json(), flush=True)


def pace(uri: str, wanted: Pace) -> None:
    """Connect all sessions, send at the pace, and print the measurement."""
    pacing = Pacing(wanted)
    with Consumer(uri) as consumer:
        channels = [consumer.start_session(name=PRODUCER).channel(CHANNEL) for _ in range(wanted.sessions)]
        for channel in channels:
            channel.message.connect(lambda _, data: pacing.take(data))
        print(pacing.send_all([channel.send for channel in channels]).to_json(), flush=True)


if __name__ == "__main__":
    _role, _uri, _workload = sys.argv[1:]
    if _role == "producer":
        produce(_uri)
    elif _role == "pacer":
        pace(_uri, Pace.from_json(_workload))
    else:
        # Loaded before the measurement, as the other contestants import their libraries before it.
        import gst_signalling_sync.webrtc  # noqa: F401

        consume(_uri, Workload.from_json(_workload))
