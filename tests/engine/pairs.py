"""Two peer connections of the engine that are connected to each other, on one event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from gst_signalling_sync.protocol.messages import SdpType
from gst_signalling_sync.webrtc.channel_options import ChannelOptions
from gst_signalling_sync.webrtc.engine.data import WireChannel
from gst_signalling_sync.webrtc.engine.peer_connection import PeerConnection
from gst_signalling_sync.webrtc.media.codecs import CAPABILITIES
from gst_signalling_sync.webrtc.message import Message

__all__ = ["SECONDS", "Observer", "Pair", "connect", "connected_pair", "until", "within"]

SECONDS = 30.0

T = TypeVar("T")

_ROOM_BELOW = 64 * 1024


class Observer:
    """The events of a channel, in queues and asyncio events.

    Args:
        wire: The channel to observe.
    """

    def __init__(self, wire: WireChannel) -> None:
        self.wire = wire
        self.opened = asyncio.Event()
        self.closed = asyncio.Event()
        self.sent_at: list[float | None] = []
        """When each message that arrived was sent, see `WireChannel.message_sent_at`."""
        self._messages: asyncio.Queue[Message] = asyncio.Queue()
        if wire.state == "open":
            self.opened.set()
        wire.observe(self, _ROOM_BELOW)

    async def next(self) -> Message:
        """Wait for the next message."""
        return await within(self._messages.get(), f"a message on {self._described()}")

    async def wait_open(self) -> None:
        """Wait until the channel is open."""
        await within(self.opened.wait(), f"{self._described()} opens")

    async def wait_closed(self) -> None:
        """Wait until the channel is closed."""
        await within(self.closed.wait(), f"{self._described()} closes")

    def _described(self) -> str:
        return f"channel {self.wire.label!r} (stream {self.wire.id})"

    def on_open(self) -> None:
        self.opened.set()

    def on_message(self, message: Message) -> None:
        self.sent_at.append(self.wire.message_sent_at)
        self._messages.put_nowait(message)

    def on_room(self) -> None:
        pass

    def on_close(self) -> None:
        self.closed.set()


@dataclass
class Pair:
    """Both peer connections, and both ends of a data channel between them."""

    offerer: PeerConnection
    answerer: PeerConnection
    sending: Observer
    receiving: Observer


async def within(waiting: Awaitable[T], what: str) -> T:
    """Wait for an awaitable; fail after some seconds, with what did not come."""
    try:
        return await asyncio.wait_for(waiting, SECONDS)
    except TimeoutError:
        raise AssertionError(f"not within {SECONDS:g} s: {what}") from None


async def until(condition: Callable[[], object], what: str) -> None:
    """Wait for a condition that no event reports; fail after some seconds."""
    deadline = asyncio.get_running_loop().time() + SECONDS
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, f"not within {SECONDS:g} s: {what}"
        await asyncio.sleep(0.002)


async def connect(offerer: PeerConnection, answerer: PeerConnection) -> None:
    """Exchange an offer and its answer, and wait until both ends are connected."""
    await offerer.offer()
    await answerer.apply(SdpType.OFFER, offerer.local_sdp)
    await answerer.answer(lambda sdp: sdp)
    await offerer.apply(SdpType.ANSWER, answerer.local_sdp)
    await until(lambda: offerer.state == answerer.state == "connected", "connected")


@asynccontextmanager
async def connected_pair(
    options: ChannelOptions | None = None,
    prepare: Callable[[PeerConnection, PeerConnection], None] | None = None,
) -> AsyncIterator[Pair]:
    """Connect two ends with a data channel between them. Closes both when the block ends.

    Args:
        options: The channel's options.
        prepare: Called with both ends before the offer is made.
    """
    offerer, answerer = PeerConnection(CAPABILITIES), PeerConnection(CAPABILITIES)
    try:
        accepted: asyncio.Queue[Observer] = asyncio.Queue()
        answerer.on_channel(lambda wire: accepted.put_nowait(Observer(wire)))
        sending = Observer(offerer.create_channel(options or ChannelOptions("data")))
        if prepare is not None:
            prepare(offerer, answerer)
        await connect(offerer, answerer)
        receiving = await within(accepted.get(), "the answerer is told of the channel")
        await sending.wait_open()
        yield Pair(offerer, answerer, sending, receiving)
    finally:
        await offerer.close()
        await answerer.close()
