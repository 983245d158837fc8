"""Data channels between this library's SCTP and others (dcsctp, usrsctp, aiortc's), whichever end offers."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final

import pytest

from gst_signalling_sync.protocol.messages import SdpType
from gst_signalling_sync.webrtc.channel_options import ChannelOptions
from gst_signalling_sync.webrtc.engine.channel import AiortcChannel
from gst_signalling_sync.webrtc.engine.peer_connection import PeerConnection
from gst_signalling_sync.webrtc.media.codecs import CAPABILITIES
from gst_signalling_sync.webrtc.message import Message

from ..peers.data_peers import DATA_PEERS, DataPeer, find_data_peer, start_data_peer
from ..peers.require import require
from .pairs import Observer, until, within

pytestmark = [pytest.mark.interop, pytest.mark.timeout(180)]

KINDS: Final = (
    ChannelOptions("echo"),
    ChannelOptions("echo ☃", ordered=False, protocol="p"),
    ChannelOptions("echo, 3 retransmits", max_retransmits=3),
    ChannelOptions("echo, unordered, no retransmits", ordered=False, max_retransmits=0),
    ChannelOptions("echo, 5 s", max_packet_life_time=5000),
    ChannelOptions("echo, unordered, 5 s", ordered=False, max_packet_life_time=5000),
)
NEGOTIATED_ID: Final = 12
SIZES: Final = (1, 2, 1083, 1084, 1085, 1200, 16_384, 65_535)
DEFAULT_MAX_MESSAGE_SIZE: Final = 65536
"""Default of the attribute max-message-size, in bytes (RFC 8841 section 6.1)."""


@pytest.fixture(params=DATA_PEERS)
def theirs(request: pytest.FixtureRequest) -> Iterator[DataPeer]:
    """A peer connection of another implementation, in a process of its own."""
    name: str = request.param
    require(name, find_data_peer(name), ".ci/peers")
    peer = start_data_peer(name)
    yield peer
    peer.close()


@pytest.fixture(params=[True, False], ids=["we offer", "they offer"])
def we_offer(request: pytest.FixtureRequest) -> bool:
    offers: bool = request.param
    return offers


class Ends:
    """Our end, and the process of the other one.

    Args:
        ours: Our peer connection.
        theirs: The other end.
    """

    def __init__(self, ours: PeerConnection, theirs: DataPeer) -> None:
        self.ours = ours
        self.max_message_size = DEFAULT_MAX_MESSAGE_SIZE
        self._theirs = theirs
        self._accepted: asyncio.Queue[Observer] = asyncio.Queue()
        ours.on_channel(lambda wire: self._accepted.put_nowait(Observer(wire)))

    async def connect(self, we_offer: bool) -> None:
        """Connect both ends, with a channel that the offering end has created."""
        options = ChannelOptions("first")
        if we_offer:
            first = Observer(self.ours.create_channel(options))
            await self.ours.offer()
            answer = await self.request("answer", sdp=self.ours.local_sdp)
            await self.ours.apply(SdpType.ANSWER, answer)
            described = answer
            await first.wait_open()
        else:
            await self.request("create", **fields_of(options))
            described = await self.request("offer")
            await self.ours.apply(SdpType.OFFER, described)
            await self.ours.answer(lambda sdp: sdp)
            await self.request("accept", sdp=self.ours.local_sdp)
            await within(self._accepted.get(), "a channel of the other end")
        await self.wait_for("channel", label="first")
        sizes = [re.search(r"a=max-message-size:(\d+)", sdp) for sdp in (described, self.ours.local_sdp)]
        # 0 means that messages may have any size.
        told = [int(size[1]) or DEFAULT_MAX_MESSAGE_SIZE for size in sizes if size is not None]
        self.max_message_size = min(told, default=DEFAULT_MAX_MESSAGE_SIZE)

    async def request(self, name: str, /, **fields: Any) -> Any:
        """Have the other end do something, and wait for its answer."""
        return await asyncio.to_thread(self._theirs.request, name, **fields)

    async def wait_for(self, event: str, **fields: Any) -> dict[str, Any]:
        """Wait for an event of the other end."""
        return await asyncio.to_thread(self._theirs.wait_for, event, **fields)

    async def create_ours(self, options: ChannelOptions) -> tuple[Observer, dict[str, Any]]:
        """Create a channel at our end. Returns it, and the other end's event about it."""
        channel = Observer(self.ours.create_channel(options))
        await channel.wait_open()
        return channel, await self.wait_for("channel", label=options.label)

    async def create_theirs(self, options: ChannelOptions) -> Observer:
        """Create a channel at the other end. Returns it as it is at our end."""
        await self.request("create", **fields_of(options))
        channel = await within(self._accepted.get(), "a channel of the other end")
        await self.wait_for("channel", label=options.label)
        return channel

    async def is_usable(self) -> bool:
        """Whether a new channel carries a message to the other end and back."""
        channel, _ = await self.create_ours(ChannelOptions("echo of the last"))
        channel.wire.transmit(["still there"])
        return await channel.next() == "still there"


@asynccontextmanager
async def connected(theirs: DataPeer, we_offer: bool) -> AsyncIterator[Ends]:
    """Connect both ends, and close our end when the block ends."""
    ours = PeerConnection(CAPABILITIES)
    ends = Ends(ours, theirs)
    try:
        await ends.connect(we_offer)
        yield ends
    finally:
        await ours.close()


def fields_of(options: ChannelOptions, stream: int | None = None) -> dict[str, Any]:
    """The options of a channel as arguments of the command ``create``.

    Args:
        options: The channel's options.
        stream: Stream of a negotiated channel. Defaults to None: it is not negotiated.
    """
    return {
        "label": options.label,
        "ordered": options.ordered,
        "max_retransmits": options.max_retransmits,
        "life_time": options.max_packet_life_time,
        "protocol": options.protocol,
        "id": stream,
    }


async def exchange(channel: Observer, messages: list[Message], ordered: bool) -> None:
    """Send messages to an end that echoes, and assert that all of them come back."""
    channel.wire.transmit(messages)
    received = [await channel.next() for _ in messages]
    if ordered:
        assert received == messages
    else:
        assert sorted(map(repr, received)) == sorted(map(repr, messages))


def test_channels_of_every_kind_carry_every_message(theirs: DataPeer, we_offer: bool) -> None:
    async def main() -> None:
        async with connected(theirs, we_offer) as ends:
            sized: list[Message] = [bytes(size) for size in (*SIZES, ends.max_message_size)]
            for number, options in enumerate(KINDS):
                ours, told = await ends.create_ours(options)
                expected = fields_of(options)
                del expected["id"]
                assert expected.items() <= told.items()
                # aiortc announces a label with non-ASCII characters with a wrong length.
                their = await ends.create_theirs(replace(options, label=f"echo of theirs {number}"))
                wire = their.wire
                assert (wire.ordered, wire.max_retransmits, wire.max_packet_life_time, wire.protocol) == (
                    options.ordered,
                    options.max_retransmits,
                    options.max_packet_life_time,
                    options.protocol,
                )
                messages: list[Message] = ["text ☃", "", b"", b"bytes"]
                # More than a socket's buffer holds may be lost, and unreliable channels do not send it again.
                if options.max_retransmits is None:
                    messages += [*sized, "x" * ends.max_message_size]
                for channel in (ours, their):
                    await exchange(channel, messages, options.ordered)

    asyncio.run(main())


def test_negotiated_channel(theirs: DataPeer, we_offer: bool) -> None:
    async def main() -> None:
        async with connected(theirs, we_offer) as ends:
            negotiated = ends.ours.aiortc.createDataChannel("echo", negotiated=True, id=NEGOTIATED_ID)
            await ends.request("create", **fields_of(ChannelOptions("echo"), NEGOTIATED_ID))
            await ends.wait_for("channel", label="echo")
            channel = Observer(AiortcChannel(negotiated))
            await exchange(channel, ["text", b"bytes"], True)

    asyncio.run(main())


def test_channel_that_we_close_while_we_send_carries_what_was_sent(theirs: DataPeer, we_offer: bool) -> None:
    async def main() -> None:
        async with connected(theirs, we_offer) as ends:
            channel, _ = await ends.create_ours(ChannelOptions("sink"))
            channel.wire.transmit([number.to_bytes(4, "big").ljust(4000) for number in range(500)])
            channel.wire.close()

            closed = await ends.wait_for("channel_closed", label="sink")
            assert (closed["received"], closed["in_order"]) == (500, True)
            await channel.wait_closed()
            assert await ends.is_usable()

    asyncio.run(main())


def test_channel_that_they_close_while_we_send_is_closed(theirs: DataPeer, we_offer: bool) -> None:
    async def main() -> None:
        async with connected(theirs, we_offer) as ends:
            channel, _ = await ends.create_ours(ChannelOptions("sink"))
            channel.wire.transmit([number.to_bytes(4, "big").ljust(4000) for number in range(500)])
            await ends.request("close_channel", label="sink")

            await channel.wait_closed()
            assert (await ends.wait_for("channel_closed", label="sink"))["in_order"]
            assert await ends.is_usable()

    asyncio.run(main())


def test_channel_that_we_close_while_they_send_is_closed(theirs: DataPeer, we_offer: bool) -> None:
    async def main() -> None:
        async with connected(theirs, we_offer) as ends:
            channel, _ = await ends.create_ours(ChannelOptions("sink"))
            flood = asyncio.create_task(ends.request("flood", label="sink", count=500, size=4000))
            first = await channel.next()
            channel.wire.close()

            await channel.wait_closed()
            await asyncio.gather(flood, return_exceptions=True)
            assert isinstance(first, bytes)
            await ends.wait_for("channel_closed", label="sink")
            assert await ends.is_usable()

    asyncio.run(main())


def test_channel_that_they_close_while_they_send_brings_what_it_brings_in_order(
    theirs: DataPeer, we_offer: bool
) -> None:
    async def main() -> None:
        async with connected(theirs, we_offer) as ends:
            channel, _ = await ends.create_ours(ChannelOptions("sink"))
            await ends.request("flood", label="sink", count=200, size=4000)
            await ends.request("close_channel", label="sink")

            await channel.wait_closed()
            received = [await channel.next() for _ in channel.sent_at]
            assert [int.from_bytes(message[:4], "big") for message in received if isinstance(message, bytes)] == list(
                range(len(received))
            )
            assert await ends.is_usable()

    asyncio.run(main())


def test_hundreds_of_channels(theirs: DataPeer, we_offer: bool) -> None:
    # libwebrtc has 1024 streams. Each end may open channels on half of them.
    count = 500

    async def main() -> None:
        async with connected(theirs, we_offer) as ends:
            channels = [Observer(ends.ours.create_channel(ChannelOptions(f"echo {number}"))) for number in range(count)]
            for number, channel in enumerate(channels):
                await channel.wait_open()
                channel.wire.transmit([f"message {number}"])
            assert [await channel.next() for channel in channels] == [f"message {number}" for number in range(count)]
            for channel in channels:
                channel.wire.close()
            for channel in channels:
                await channel.wait_closed()
            for number in range(count):
                await ends.wait_for("channel_closed", label=f"echo {number}")
            assert await ends.is_usable()

    asyncio.run(main())


@pytest.mark.parametrize("theirs", ["libdatachannel"], indirect=True)
def test_channels_for_which_the_peer_has_no_streams_are_closed(theirs: DataPeer, we_offer: bool) -> None:
    async def main() -> None:
        async with connected(theirs, we_offer) as ends:
            sctp = ends.ours.aiortc.sctp
            assert sctp is not None
            assert sctp.maxChannels is not None
            count = sctp.maxChannels
            assert count == 1024
            echo, _ = await ends.create_ours(ChannelOptions("echo"))
            labels = [f"sink {number}" for number in range(count // 2 + 10)]
            channels = [ends.ours.create_channel(ChannelOptions(label)) for label in labels]
            await until(lambda: all(each.state != "connecting" for each in channels), "all are settled")

            # Channels have every second stream at each end. Two streams are taken, or one at the end of the first channel.
            assert sum(each.state == "open" for each in channels) == count // 2 - (2 if we_offer else 1)
            await exchange(echo, ["still there"], True)

    asyncio.run(main())
