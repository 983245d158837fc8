"""libdatachannel, whose SCTP is usrsctp, by libdatachannel-py. Runs in the virtual environment that ``.ci/peers`` made.

Messages are answered in its callbacks, on its threads. Descriptions are exchanged over a TCP connection, one JSON object per
line.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Final

from libdatachannel import Configuration, DataChannel, Description, PeerConnection

from benchmarks.pacing import Pace, Pacing
from benchmarks.workload import CHANNEL, Flood, Workload, measure

HIGH_WATER_BYTES: Final = 1024 * 1024


class End:
    """A peer connection and the socket to the other end.

    Args:
        connected: The socket.
    """

    def __init__(self, connected: socket.socket) -> None:
        self._lines = connected.makefile("rw")
        self._gathered = threading.Event()
        self.connection = PeerConnection(Configuration())
        self.connection.on_gathering_state_change(self._on_gathering_state)

    def _on_gathering_state(self, state: PeerConnection.GatheringState) -> None:
        if state == PeerConnection.GatheringState.Complete:
            self._gathered.set()

    def describe(self) -> None:
        """Send the local description with all its candidates."""
        self._gathered.wait()
        description = self.connection.local_description()
        self._lines.write(json.dumps({"type": description.type_string(), "sdp": str(description)}) + "\n")
        self._lines.flush()

    def apply(self) -> None:
        """Apply the description that the other end sends."""
        described = json.loads(self._lines.readline())
        self.connection.set_remote_description(Description(described["sdp"], described["type"]))


def produce() -> None:
    """Offer a channel to every client that connects, echo its messages and send floods."""
    server = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=_accept, args=(server,), daemon=True).start()
    host, port = server.getsockname()
    print(f"ready {host}:{port}", flush=True)
    sys.stdin.read()


def _accept(server: socket.socket) -> None:
    # Both are closed when the last reference to them is gone.
    kept: list[tuple[End, DataChannel]] = []
    while True:
        connected, _ = server.accept()
        end = End(connected)
        channel = end.connection.create_data_channel(CHANNEL)
        floods: SimpleQueue[Flood] = SimpleQueue()
        channel.on_message(
            # Default arguments bind this session's queue and channel; a closure would use those of the last session.
            lambda data, channel=channel: channel.send(data),
            lambda text, floods=floods: floods.put(Flood.from_text(text)),
        )
        threading.Thread(target=_send_floods, args=(channel, floods), daemon=True).start()
        kept.append((end, channel))
        end.describe()
        end.apply()


def _send_floods(channel: DataChannel, floods: SimpleQueue[Flood]) -> None:
    low = threading.Event()
    channel.set_buffered_amount_low_threshold(HIGH_WATER_BYTES // 2)
    channel.on_buffered_amount_low(low.set)
    while True:
        flood = floods.get()
        payload = bytes(flood.size)
        for _ in range(flood.count):
            if channel.buffered_amount() > HIGH_WATER_BYTES:
                low.clear()
                # Check again, because the buffered amount may have become low before the event was cleared.
                if channel.buffered_amount() > HIGH_WATER_BYTES // 2:
                    low.wait()
            channel.send(payload)


def _join(address: str, on_channel: Callable[[DataChannel], None]) -> End:
    host, _, port = address.partition(":")
    end = End(socket.create_connection((host, int(port))))
    end.connection.on_data_channel(on_channel)
    end.apply()
    end.describe()
    return end


def consume(address: str, workload: Workload) -> None:
    """Connect, measure, and print the measurement."""
    exchange = measure(workload, time.perf_counter())
    result: SimpleQueue[str] = SimpleQueue()
    channels: list[DataChannel] = []

    def on_channel(channel: DataChannel) -> None:
        channels.append(channel)
        channel.on_message(on_message)
        first = next(exchange)
        assert first is not None
        channel.send(first)

    def on_message(message: str | bytes) -> None:
        try:
            reply = exchange.send(message)
        except StopIteration as stop:
            result.put(stop.value.to_json())
        else:
            if reply is not None:
                channels[0].send(reply)

    end = _join(address, on_channel)
    print(result.get(), flush=True)
    end.connection.close()


def pace(address: str, wanted: Pace) -> None:
    """Connect all sessions, send at the pace, and print the measurement."""
    pacing = Pacing(wanted)
    opened: SimpleQueue[DataChannel] = SimpleQueue()

    def on_channel(channel: DataChannel) -> None:
        channel.on_message(pacing.take)
        opened.put(channel)

    ends = [_join(address, on_channel) for _ in range(wanted.sessions)]
    channels = [opened.get() for _ in ends]
    print(pacing.send_all([channel.send for channel in channels]).to_json(), flush=True)
    for end in ends:
        end.connection.close()


if __name__ == "__main__":
    _role, _address, _workload = sys.argv[1:]
    if _role == "producer":
        produce()
    elif _role == "consumer":
        consume(_address, Workload.from_json(_workload))
    else:
        pace(_address, Pace.from_json(_workload))
