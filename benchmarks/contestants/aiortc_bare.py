"""aiortc without this library, as an expert would write it; descriptions go over a TCP connection, one JSON per line."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from typing import Final

from aiortc import RTCConfiguration, RTCDataChannel, RTCPeerConnection, RTCSessionDescription

from benchmarks.workload import CHANNEL, Exchange, Flood, Workload, measure

HIGH_WATER_BYTES: Final = 16 * 1024
"""Queued at most, the best of 16 KiB to 1 MiB: with more, floods of small messages collapse more often, when they
overflow the receiver's UDP buffer and aiortc sends most chunks many times; bulk gains nothing."""

LOW_WATER_BYTES: Final = HIGH_WATER_BYTES // 2


async def produce() -> None:
    """Offer a channel to whoever connects, echo and send floods."""
    server = await asyncio.start_server(_serve_consumer, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    print(f"ready {host}:{port}", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    server.close()


async def consume(address: str, workload: Workload) -> None:
    """Connect, measure and print."""
    started = time.perf_counter()
    host, _, port = address.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    done: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    exchange = measure(workload, started)

    @connection.on("datachannel")
    def on_channel(channel: RTCDataChannel) -> None:
        channel.on("message", lambda message: _answer(exchange, channel, message, done))
        first = next(exchange)
        assert first is not None
        channel.send(first)

    await connection.setRemoteDescription(await _read_description(reader))
    await connection.setLocalDescription(await connection.createAnswer())
    _write_description(writer, connection.localDescription)
    print(await done, flush=True)
    await connection.close()
    writer.close()


def _answer(exchange: Exchange, channel: RTCDataChannel, message: str | bytes, done: asyncio.Future[str]) -> None:
    try:
        reply = exchange.send(message)
    except StopIteration as stop:
        done.set_result(stop.value.to_json())
    else:
        if reply is not None:
            channel.send(reply)


async def _serve_consumer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    channel = connection.createDataChannel(CHANNEL)
    channel.bufferedAmountLowThreshold = LOW_WATER_BYTES
    floods: asyncio.Queue[Flood] = asyncio.Queue()

    @channel.on("message")
    def on_message(message: str | bytes) -> None:
        if isinstance(message, bytes):
            channel.send(message)
        else:
            floods.put_nowait(Flood.from_text(message))

    await connection.setLocalDescription(await connection.createOffer())
    _write_description(writer, connection.localDescription)
    await connection.setRemoteDescription(await _read_description(reader))
    while True:
        await _send_flood(channel, await floods.get())


async def _send_flood(channel: RTCDataChannel, flood: Flood) -> None:
    low = asyncio.Event()
    channel.on("bufferedamountlow", low.set)
    payload = bytes(flood.size)
    for _ in range(flood.count):
        if channel.bufferedAmount > HIGH_WATER_BYTES:
            low.clear()
            await low.wait()
        channel.send(payload)
    channel.remove_listener("bufferedamountlow", low.set)


def _write_description(writer: asyncio.StreamWriter, description: RTCSessionDescription) -> None:
    writer.write(json.dumps({"type": description.type, "sdp": description.sdp}).encode() + b"\n")


async def _read_description(reader: asyncio.StreamReader) -> RTCSessionDescription:
    return RTCSessionDescription(**json.loads(await reader.readline()))


def main() -> None:
    """Run one side, on the event loop that $GST_SIGNALLING_EVENT_LOOP names."""
    role, address, workload = sys.argv[1:]
    side = produce() if role == "producer" else consume(address, Workload.from_json(workload))
    if os.environ.get("GST_SIGNALLING_EVENT_LOOP") == "asyncio":
        asyncio.run(side)
    else:
        import uvloop

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(side)


if __name__ == "__main__":
    main()
