"""This library's SCTP instead of aiortc's."""

from __future__ import annotations

import asyncio
import sys

import pytest
from aiortc import RTCDataChannel

from gst_signalling_sync.threads.event_loops import AsyncioLoop
from gst_signalling_sync.webrtc.channel_options import ChannelOptions
from gst_signalling_sync.webrtc.engine.association_transport import AssociationTransport
from gst_signalling_sync.webrtc.engine.data import WireChannel
from gst_signalling_sync.webrtc.engine.peer_connection import PeerConnection
from gst_signalling_sync.webrtc.media.codecs import CAPABILITIES
from gst_signalling_sync.webrtc.message import Message
from gst_signalling_sync.webrtc.sctp import Association
from gst_signalling_sync.webrtc.sctp import Message as SctpMessage

from .pairs import SECONDS, Observer, connect, connected_pair, until


@pytest.mark.parametrize(
    "options",
    [
        ChannelOptions("data"),
        ChannelOptions("data", ordered=False),
        ChannelOptions("data", max_retransmits=2, protocol="p"),
        ChannelOptions("däta", ordered=False, max_packet_life_time=5000),
    ],
    ids=["reliable", "unordered", "retransmits", "lifetime"],
)
def test_messages_of_both_ends_arrive(options: ChannelOptions) -> None:
    async def main() -> None:
        async with connected_pair(options) as pair:
            messages: list[Message] = ["text", b"bytes", "", b"", bytes(60_000), *(f"{n}" for n in range(300))]
            for sending, receiving in ((pair.sending, pair.receiving), (pair.receiving, pair.sending)):
                sending.wire.transmit(messages)
                received = [await receiving.next() for _ in messages]
                if options.ordered:
                    assert received == messages
                else:
                    assert sorted(map(repr, received)) == sorted(map(repr, messages))
            assert pair.receiving.wire.label == options.label
            pair.receiving.wire.close()
            await asyncio.wait_for(pair.sending.closed.wait(), SECONDS)
            await asyncio.wait_for(pair.receiving.closed.wait(), SECONDS)

    asyncio.run(main())


def test_streams_are_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Association, "streams", 8)

    async def main() -> None:
        async with connected_pair() as pair:
            opened: asyncio.Queue[WireChannel] = asyncio.Queue()
            pair.answerer.on_channel(opened.put_nowait)
            used = set()
            for number in range(6):
                channel = Observer(pair.offerer.create_channel(ChannelOptions(f"channel {number}")))
                await asyncio.wait_for(channel.opened.wait(), SECONDS)
                other = Observer(await asyncio.wait_for(opened.get(), SECONDS))
                channel.wire.transmit([f"first of {number}", b"second"])
                assert [await other.next(), await other.next()] == [f"first of {number}", b"second"]
                used.add(channel.wire.id)
                channel.wire.close()
                await asyncio.wait_for(channel.closed.wait(), SECONDS)
                await asyncio.wait_for(other.closed.wait(), SECONDS)
            # One stream of the four that this end has is that of the channel that is there from the beginning.
            assert len(used) == 3

    asyncio.run(main())


def test_stream_that_was_reset_is_used_again_last() -> None:
    async def main() -> None:
        async with connected_pair() as pair:
            used: list[int | None] = []
            for number in range(3):
                channel = Observer(pair.offerer.create_channel(ChannelOptions(f"channel {number}")))
                await asyncio.wait_for(channel.opened.wait(), SECONDS)
                used.append(channel.wire.id)
                channel.wire.close()
                await asyncio.wait_for(channel.closed.wait(), SECONDS)
            assert used == [used[0], (used[0] or 0) + 2, (used[0] or 0) + 4]

    asyncio.run(main())


def test_end_of_one_is_told_to_the_other() -> None:
    async def main() -> None:
        async with connected_pair() as pair:
            await pair.answerer.close()

            await asyncio.wait_for(pair.sending.closed.wait(), SECONDS)
            assert pair.offerer.data is not None
            assert pair.offerer.data.goodbye == "abort"

    asyncio.run(main())


def test_aiortcs_own_objects_go_on_working() -> None:
    async def main() -> None:
        offerer, answerer = PeerConnection(CAPABILITIES), PeerConnection(CAPABILITIES)
        received: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        negotiated = offerer.aiortc.createDataChannel("negotiated", negotiated=True, id=7)
        other = answerer.aiortc.createDataChannel("negotiated", negotiated=True, id=7)

        def on_channel(channel: RTCDataChannel) -> None:
            channel.on("message", received.set_result)

        answerer.aiortc.on("datachannel", on_channel)
        channel = offerer.aiortc.createDataChannel("data")
        channel.on("open", lambda: channel.send("hello"))
        try:
            await connect(offerer, answerer)
            assert await asyncio.wait_for(received, SECONDS) == "hello"
            await until(lambda: negotiated.readyState == other.readyState == "open", "the negotiated channel opened")
            with pytest.raises(ValueError, match="must be free"):
                offerer.aiortc.createDataChannel("again", negotiated=True, id=7)
            sctp = offerer.aiortc.sctp
            assert sctp is not None
            assert (sctp.state, sctp.maxChannels) == ("connected", 65535)
            with pytest.raises(ValueError, match="must have at most"):
                channel.send(bytes(300_000))
        finally:
            await offerer.close()
            await answerer.close()
        assert channel.readyState == negotiated.readyState == "closed"

    asyncio.run(main())


def test_malformed_messages_cost_nothing_but_themselves(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with connected_pair() as pair:
            transport = pair.offerer.data
            assert isinstance(transport, AssociationTransport)
            core = transport.association
            assert core is not None
            stream = pair.sending.wire.id
            assert stream is not None
            for on_stream, kind, data in (
                (stream, 51, b"\xff\xff"),
                (100, 50, b"\x03short"),
                (102, 51, b"nobody's"),
                (stream, 50, b"\x07"),
                (stream, 1000, b"of an unknown kind"),
            ):
                core.put(SctpMessage(on_stream, kind, data, tells_when_sent=False))
            pair.sending.wire.transmit(["well-formed"])

            assert await pair.receiving.next() == "well-formed"

    asyncio.run(main())
    warnings = [record for record in caplog.records if record.levelname == "WARNING"]
    assert len(warnings) == 1
    assert "malformed" in warnings[0].getMessage()


def test_receiver_that_raises_costs_nothing_but_its_call(caplog: pytest.LogCaptureFixture) -> None:
    def fail(message: object) -> None:
        raise RuntimeError(f"cannot take {message!r}")

    def prepare(_: PeerConnection, answerer: PeerConnection) -> None:
        answerer.aiortc.on("datachannel", lambda channel: channel.on("message", fail))

    async def main() -> None:
        async with connected_pair(prepare=prepare) as pair:
            pair.sending.wire.transmit(["first", "second"])

            assert [await pair.receiving.next() for _ in range(2)] == ["first", "second"]
            data = pair.offerer.data
            assert data is not None
            await until(lambda: data.is_acknowledged, "both were acknowledged")

    asyncio.run(main())
    assert [record.getMessage() for record in caplog.records if record.exc_info] == 2 * [
        "a receiver raised for Received of a data channel"
    ]


def test_both_receive_where_a_program_listens_to_the_channel_of_a_session() -> None:
    async def main() -> None:
        received: asyncio.Queue[Message] = asyncio.Queue()

        def prepare(_: PeerConnection, answerer: PeerConnection) -> None:
            answerer.aiortc.on("datachannel", lambda channel: channel.on("message", received.put_nowait))

        async with connected_pair(prepare=prepare) as pair:
            pair.sending.wire.transmit(["hello"])

            assert await pair.receiving.next() == "hello"
            assert await asyncio.wait_for(received.get(), SECONDS) == "hello"

    asyncio.run(main())


@pytest.mark.parametrize("size", [200_000, 1000])
def test_buffered_amount_is_what_the_network_has_not_got(size: int) -> None:
    async def main() -> None:
        async with connected_pair() as pair:
            wire = pair.sending.wire
            amounts: list[int] = []
            wire.transmit([bytes(size)])
            amounts.append(wire.buffered_amount)
            await pair.receiving.next()
            amounts.append(wire.buffered_amount)

            assert amounts == [size if size > 100_000 else 0, 0]

    asyncio.run(main())


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone joins datagrams")
@pytest.mark.parametrize("is_of_this_library", [True, False])
def test_packets_that_came_together_are_acknowledged_together(is_of_this_library: bool) -> None:
    async def main() -> None:
        async with connected_pair() as pair:
            (path,) = pair.offerer.paths
            assert pair.answerer.data is not None
            pair.answerer.data.peer_reads_dates = is_of_this_library
            before = path.bytes_in
            pair.sending.wire.transmit([bytes(50_000)] * 20)
            for _ in range(20):
                await pair.receiving.next()

            # Other peers acknowledge every second packet by itself; for some 950 packets that is 30 KB.
            assert (path.bytes_in - before < 20_000) is is_of_this_library

    with asyncio.Runner(loop_factory=AsyncioLoop) as runner:
        runner.run(main())
