"""One peer connection of an implementation, with data channels: ``python -m tests.peers.data_program NAME``.

Runs in a virtual environment that ``.ci/peers`` made. Every line on standard input is a command. The event ``answer`` (request,
result or error) on standard output answers it. The program ends when its standard input does.

Commands: ``create`` (label, ordered, max_retransmits, life_time, protocol, id: of a negotiated channel), ``offer``,
``answer`` (sdp), ``accept`` (sdp), ``flood`` (label, count, size: messages that begin with their number), ``close_channel``
(label).

Events: ``channel`` (label, ordered, max_retransmits, life_time, protocol) once open, ``channel_closed`` (label, received: the
number of messages, in_order: whether their numbers were in order). On a channel whose label begins with ``echo`` messages are
sent back, and not counted.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

_lock = threading.Lock()


def emit(event: str, **fields: Any) -> None:
    """Report an event to the test; callable from any thread."""
    with _lock:
        print(json.dumps({"event": event, **fields}), flush=True)


@dataclass
class Options:
    """The options of a new channel; `id` is that of a negotiated channel."""

    label: str
    ordered: bool
    max_retransmits: int | None
    life_time: int | None
    protocol: str
    id: int | None


class Tally:
    """Counts the messages of a channel.

    Args:
        label: The channel's.
    """

    def __init__(self, label: str) -> None:
        self.label = label
        self._received = 0
        self._in_order = True

    def count(self, message: str | bytes) -> None:
        """Count a message, which begins with its number."""
        assert isinstance(message, bytes)
        self._in_order = self._in_order and int.from_bytes(message[:4], "big") == self._received
        self._received += 1

    def tell_closed(self) -> None:
        """Report that the channel is closed."""
        emit("channel_closed", label=self.label, received=self._received, in_order=self._in_order)


class AsyncioPeer:
    """aiortc, or wrtc, which has the interface of aiortc. The methods are the commands of this program.

    Args:
        module: The implementation's name.
    """

    def __init__(self, module: str) -> None:
        self._names: Any = importlib.import_module(module)
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self._channels: dict[str, Any] = {}
        self._connection = self._run(self._connect())

    def _run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    async def _connect(self) -> Any:
        connection = self._names.RTCPeerConnection(self._names.RTCConfiguration(iceServers=[]))
        connection.on("datachannel", lambda channel: self._adopt(channel, True))
        return connection

    def _adopt(self, channel: Any, is_open: bool) -> None:
        label = channel.label
        tally = Tally(label)
        self._channels[label] = channel

        def opened() -> None:
            emit(
                "channel",
                label=label,
                ordered=channel.ordered,
                max_retransmits=channel.maxRetransmits,
                life_time=channel.maxPacketLifeTime,
                protocol=channel.protocol,
            )

        channel.on("message", channel.send if label.startswith("echo") else tally.count)
        channel.on("close", tally.tell_closed)
        if is_open:
            opened()
        else:
            channel.on("open", opened)

    def create(self, options: Options) -> None:
        async def create() -> None:
            channel = self._connection.createDataChannel(
                options.label,
                ordered=options.ordered,
                maxRetransmits=options.max_retransmits,
                maxPacketLifeTime=options.life_time,
                protocol=options.protocol,
                negotiated=options.id is not None,
                id=options.id,
            )
            # A negotiated channel is open immediately.
            self._adopt(channel, channel.readyState == "open")

        self._run(create())

    def offer(self) -> str:
        async def offer() -> str:
            await self._connection.setLocalDescription(await self._connection.createOffer())
            sdp: str = self._connection.localDescription.sdp
            return sdp

        return str(self._run(offer()))

    def answer(self, sdp: str) -> str:
        async def answer() -> str:
            await self._connection.setRemoteDescription(self._names.RTCSessionDescription(sdp=sdp, type="offer"))
            await self._connection.setLocalDescription(await self._connection.createAnswer())
            answered: str = self._connection.localDescription.sdp
            return answered

        return str(self._run(answer()))

    def accept(self, sdp: str) -> None:
        self._run(self._connection.setRemoteDescription(self._names.RTCSessionDescription(sdp=sdp, type="answer")))

    def flood(self, label: str, count: int, size: int) -> None:
        async def flood() -> None:
            for number in range(count):
                self._channels[label].send(number.to_bytes(4, "big").ljust(size, b"x"))

        self._run(flood())

    def close_channel(self, label: str) -> None:
        async def close() -> None:
            self._channels[label].close()

        self._run(close())


class LibdatachannelPeer:
    """libdatachannel, by libdatachannel-py. The methods are the commands of this program."""

    def __init__(self) -> None:
        self._names: Any = importlib.import_module("libdatachannel")
        self._channels: dict[str, Any] = {}
        self._gathered = threading.Event()
        configuration = self._names.Configuration()
        configuration.disable_auto_negotiation = True
        self._connection = self._names.PeerConnection(configuration)
        self._connection.on_gathering_state_change(self._on_gathering_state)
        self._connection.on_data_channel(lambda channel: self._adopt(channel, True))

    def _on_gathering_state(self, state: Any) -> None:
        if state == self._names.PeerConnection.GatheringState.Complete:
            self._gathered.set()

    def _adopt(self, channel: Any, is_open: bool) -> None:
        label = channel.label()
        tally = Tally(label)
        self._channels[label] = channel

        def opened() -> None:
            reliability = channel.reliability()
            life_time = reliability.max_packet_lifetime
            emit(
                "channel",
                label=label,
                ordered=not reliability.unordered,
                max_retransmits=reliability.max_retransmits,
                life_time=None if life_time is None else round(life_time.total_seconds() * 1000),
                protocol=channel.protocol(),
            )

        channel.on_message(channel.send if label.startswith("echo") else tally.count)
        channel.on_closed(tally.tell_closed)
        if is_open:
            opened()
        else:
            channel.on_open(opened)

    def create(self, options: Options) -> None:
        life_time = options.life_time
        reliability = self._names.Reliability()
        reliability.unordered = not options.ordered
        reliability.max_retransmits = options.max_retransmits
        reliability.max_packet_lifetime = None if life_time is None else timedelta(milliseconds=life_time)
        wanted = self._names.DataChannelInit()
        wanted.reliability = reliability
        wanted.protocol = options.protocol
        if options.id is not None:
            wanted.negotiated = True
            wanted.id = options.id
        self._adopt(self._connection.create_data_channel(options.label, wanted), False)

    def offer(self) -> str:
        return self._described(self._names.Description.Type.Offer)

    def answer(self, sdp: str) -> str:
        self._connection.set_remote_description(self._names.Description(sdp, "offer"))
        return self._described(self._names.Description.Type.Answer)

    def accept(self, sdp: str) -> None:
        self._connection.set_remote_description(self._names.Description(sdp, "answer"))

    def _described(self, kind: Any) -> str:
        self._connection.set_local_description(kind)
        self._gathered.wait()
        return str(self._connection.local_description())

    def flood(self, label: str, count: int, size: int) -> None:
        for number in range(count):
            self._channels[label].send(number.to_bytes(4, "big").ljust(size, b"x"))

    def close_channel(self, label: str) -> None:
        self._channels[label].close()


PEERS: dict[str, Callable[[], AsyncioPeer | LibdatachannelPeer]] = {
    "aiortc": lambda: AsyncioPeer("aiortc"),
    "wrtc": lambda: AsyncioPeer("webrtc.aiortc"),
    "libdatachannel": LibdatachannelPeer,
}


def main() -> None:
    """Execute the test's commands until standard input ends."""
    peer = PEERS[sys.argv[1]]()
    for line in sys.stdin:
        command = json.loads(line)
        request, name = command.pop("request"), command.pop("command")
        if name == "create":
            command = {"options": Options(**command)}
        try:
            emit("answer", request=request, result=getattr(peer, name)(**command))
        except (LookupError, OSError, RuntimeError, TypeError, ValueError) as error:
            emit("answer", request=request, error=repr(error))


if __name__ == "__main__":
    main()
