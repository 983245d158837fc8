"""gst-signalling 1.1.2 on GStreamer's webrtcbin. Runs in the virtual environment that ``.ci/peers`` made.

Messages are answered in webrtcbin's callbacks, on its thread, which is the fastest way for its user.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from typing import Any, Final
from urllib.parse import urlsplit

from gi.repository import GLib
from gst_signalling import GstSignallingConsumer, GstSignallingProducer
from gst_signalling.utils import async_find_producer_peer_id_by_name

from benchmarks.pacing import Pace, Pacing
from benchmarks.workload import CHANNEL, PRODUCER, Flood, Workload, measure

HIGH_WATER_BYTES: Final = 1024 * 1024
LOW_WATER_BYTES: Final = HIGH_WATER_BYTES // 2


async def produce(uri: str) -> None:
    """Offer a channel to every session, echo its messages and send floods."""
    address = urlsplit(uri)
    producer = GstSignallingProducer(address.hostname, address.port, PRODUCER)
    # webrtcbin emits no signals of a channel without a reference.
    channels = []

    make_offer = producer.on_negotiation_needed

    # `new_session` is sometimes emitted when an offer without the channel has already been made.
    def on_negotiation_needed(webrtc: Any, session_id: str) -> None:
        channel = webrtc.emit("create-data-channel", CHANNEL, None)
        channels.append(channel)
        channel.connect("on-message-data", lambda channel, data: channel.emit("send-data", data))
        channel.connect("on-message-string", _start_flood)
        make_offer(webrtc, session_id)

    producer.on_negotiation_needed = on_negotiation_needed
    await producer.connect()
    await _registered(address.hostname, address.port)
    print(f"ready {uri}", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await producer.close()


async def consume(uri: str, workload: Workload) -> None:
    """Connect, measure, and print the measurement."""
    loop = asyncio.get_running_loop()
    address = urlsplit(uri)
    started = time.perf_counter()
    exchange = measure(workload, started)
    done: asyncio.Future[str] = loop.create_future()
    channels = []

    def on_session(session: Any) -> None:
        session.pc.connect("on-data-channel", on_channel)

    def on_channel(_: Any, channel: Any) -> None:
        channels.append(channel)
        channel.connect("on-open", lambda channel: _send(channel, next(exchange)))
        channel.connect("on-message-data", on_message)

    def on_message(channel: Any, data: Any) -> None:
        try:
            reply = exchange.send(data.get_data())
        except StopIteration as stop:
            loop.call_soon_threadsafe(done.set_result, stop.value.to_json())
        else:
            _send(channel, reply)

    producer_id = await async_find_producer_peer_id_by_name(address.hostname, address.port, PRODUCER)
    consumer = GstSignallingConsumer(address.hostname, address.port, producer_id)
    consumer.on("new_session", on_session)
    await consumer.connect()
    print(await done, flush=True)
    for session_id in list(consumer.sessions):
        await consumer.close_session(session_id)
    await consumer.close()


async def pace(uri: str, wanted: Pace) -> None:
    """Connect all sessions, send at the pace, and print the measurement."""
    address = urlsplit(uri)
    pacing = Pacing(wanted)
    loop = asyncio.get_running_loop()
    opened: asyncio.Queue[Any] = asyncio.Queue()
    channels = []

    def on_channel(_: Any, channel: Any) -> None:
        channels.append(channel)
        channel.connect("on-open", lambda channel: loop.call_soon_threadsafe(opened.put_nowait, channel))
        channel.connect("on-message-data", lambda _, data: pacing.take(data.get_data()))

    producer_id = await async_find_producer_peer_id_by_name(address.hostname, address.port, PRODUCER)
    consumers = [GstSignallingConsumer(address.hostname, address.port, producer_id) for _ in range(wanted.sessions)]
    for consumer in consumers:
        consumer.on("new_session", lambda session: session.pc.connect("on-data-channel", on_channel))
        await consumer.connect()
    ready = [await opened.get() for _ in consumers]
    sends = [lambda message, channel=channel: _send(channel, message) for channel in ready]
    print((await pacing.send_all_on_loop(sends)).to_json(), flush=True)
    for consumer in consumers:
        for session_id in list(consumer.sessions):
            await consumer.close_session(session_id)
        await consumer.close()


async def _registered(host: str | None, port: int | None) -> None:
    """Wait until the server lists the producer, because `connect` does not."""
    while True:
        try:
            await async_find_producer_peer_id_by_name(host, port, PRODUCER)
        except KeyError:
            continue
        return


def _send(channel: Any, message: str | bytes | None) -> None:
    if isinstance(message, str):
        channel.emit("send-string", message)
    elif message is not None:
        channel.emit("send-data", GLib.Bytes.new(message))


def _start_flood(channel: Any, text: str) -> None:
    threading.Thread(target=_send_flood, args=(channel, Flood.from_text(text)), daemon=True).start()


def _send_flood(channel: Any, flood: Flood) -> None:
    low = threading.Event()
    channel.set_property("buffered-amount-low-threshold", LOW_WATER_BYTES)
    handler = channel.connect("on-buffered-amount-low", lambda _: low.set())
    payload = GLib.Bytes.new(bytes(flood.size))
    for _ in range(flood.count):
        if channel.get_property("buffered-amount") > HIGH_WATER_BYTES:
            low.clear()
            # Check again, because the buffered amount may have become low before the event was cleared.
            if channel.get_property("buffered-amount") > LOW_WATER_BYTES:
                low.wait()
        channel.emit("send-data", payload)
    channel.disconnect(handler)


if __name__ == "__main__":
    _role, _uri, _workload = sys.argv[1:]
    if _role == "producer":
        asyncio.run(produce(_uri))
    elif _role == "pacer":
        asyncio.run(pace(_uri, Pace.from_json(_workload)))
    else:
        asyncio.run(consume(_uri, Workload.from_json(_workload)))
