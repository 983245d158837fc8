"""`AsyncioProgram`: a contestant with the interface of aiortc, written as an expert would, on an event loop.

Descriptions are exchanged over a TCP connection, one JSON object per line.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

from benchmarks.pacing import Pace, Pacing
from benchmarks.workload import CHANNEL, Exchange, Flood, Workload, measure

__all__ = ["AsyncioProgram"]


class AsyncioProgram:
    """Both ends of a contestant.

    Args:
        connection: Makes an ``RTCPeerConnection`` without STUN or TURN servers.
        description: Makes an ``RTCSessionDescription`` of the keywords `sdp` and `type`.
        high_water_bytes: Maximum that is queued in a flood.
    """

    def __init__(self, connection: Callable[[], Any], description: Callable[..., Any], high_water_bytes: int) -> None:
        self._connection = connection
        self._description = description
        self._high_water_bytes = high_water_bytes

    def main(self) -> None:
        """Run one end, on the event loop that $GST_SIGNALLING_EVENT_LOOP names."""
        role, address, workload = sys.argv[1:]
        if role == "producer":
            side = self._produce()
        elif role == "consumer":
            side = self._consume(address, Workload.from_json(workload))
        else:
            side = self._pace(address, Pace.from_json(workload))
        if os.environ.get("GST_SIGNALLING_EVENT_LOOP") == "asyncio":
            asyncio.run(side)
        else:
            import uvloop

            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(side)

    async def _produce(self) -> None:
        """Offer a channel to every client that connects, echo its messages and send floods."""
        server = await asyncio.start_server(self._serve_consumer, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()
        print(f"ready {host}:{port}", flush=True)
        await asyncio.to_thread(sys.stdin.read)
        server.close()

    async def _serve_consumer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = self._connection()
        channel = connection.createDataChannel(CHANNEL)
        channel.bufferedAmountLowThreshold = self._high_water_bytes // 2
        floods: asyncio.Queue[Flood] = asyncio.Queue()

        def on_message(message: str | bytes) -> None:
            if isinstance(message, bytes):
                channel.send(message)
            else:
                floods.put_nowait(Flood.from_text(message))

        channel.on("message", on_message)
        await connection.setLocalDescription(await connection.createOffer())
        _write_description(writer, connection.localDescription)
        await connection.setRemoteDescription(await self._read_description(reader))
        while True:
            await self._send_flood(channel, await floods.get())

    async def _send_flood(self, channel: Any, flood: Flood) -> None:
        low = asyncio.Event()
        channel.on("bufferedamountlow", low.set)
        payload = bytes(flood.size)
        for _ in range(flood.count):
            if channel.bufferedAmount > self._high_water_bytes:
                low.clear()
                # Check again, because the buffered amount may have become low before the event was cleared.
                if channel.bufferedAmount > self._high_water_bytes // 2:
                    await low.wait()
            channel.send(payload)
        channel.remove_listener("bufferedamountlow", low.set)

    async def _consume(self, address: str, workload: Workload) -> None:
        """Connect, measure, and print the measurement."""
        exchange = measure(workload, time.perf_counter())
        done: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        def on_channel(channel: Any) -> None:
            channel.on("message", lambda message: _answer(exchange, channel, message, done))
            first = next(exchange)
            assert first is not None
            channel.send(first)

        connection, writer = await self._join(address, on_channel)
        print(await done, flush=True)
        await connection.close()
        writer.close()

    async def _pace(self, address: str, pace: Pace) -> None:
        """Connect all sessions, send at the pace, and print the measurement."""
        pacing = Pacing(pace)
        sessions = []
        channels: asyncio.Queue[Any] = asyncio.Queue()
        for _ in range(pace.sessions):
            sessions.append(await self._join(address, channels.put_nowait))
        opened = [await channels.get() for _ in sessions]
        for channel in opened:
            channel.on("message", pacing.take)
        measurement = await pacing.send_all_on_loop([channel.send for channel in opened])
        print(measurement.to_json(), flush=True)
        for connection, writer in sessions:
            await connection.close()
            writer.close()

    async def _join(self, address: str, on_channel: Callable[[Any], None]) -> tuple[Any, asyncio.StreamWriter]:
        """Connect a socket and answer the offer that is received over it."""
        host, _, port = address.partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        connection = self._connection()
        connection.on("datachannel", on_channel)
        await connection.setRemoteDescription(await self._read_description(reader))
        await connection.setLocalDescription(await connection.createAnswer())
        _write_description(writer, connection.localDescription)
        return connection, writer

    async def _read_description(self, reader: asyncio.StreamReader) -> Any:
        return self._description(**json.loads(await reader.readline()))


def _answer(exchange: Exchange, channel: Any, message: str | bytes, done: asyncio.Future[str]) -> None:
    try:
        reply = exchange.send(message)
    except StopIteration as stop:
        done.set_result(stop.value.to_json())
    else:
        if reply is not None:
            channel.send(reply)


def _write_description(writer: asyncio.StreamWriter, description: Any) -> None:
    writer.write(json.dumps({"type": description.type, "sdp": description.sdp}).encode() + b"\n")
