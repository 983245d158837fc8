from __future__ import annotations

import asyncio
import random

from gst_signalling_sync.webrtc.channel_options import ChannelOptions
from gst_signalling_sync.webrtc.message import Message

from .pairs import SECONDS, connected_pair, until


def test_messages_arrive_in_order_and_with_their_type() -> None:
    async def main() -> None:
        async with connected_pair() as pair:
            messages: list[Message] = ["text", b"bytes", "", b"", "ümläut", bytes(50_000)]

            pair.sending.wire.transmit(messages)

            assert [await pair.receiving.next() for _ in messages] == messages

    asyncio.run(main())


def test_messages_of_all_sizes_arrive_whole_and_in_order() -> None:
    async def main() -> None:
        async with connected_pair() as pair:
            draw = random.Random(1)
            sizes = [draw.choice((1, 60, 900, 1060, 1061, 1100, 2500, draw.randrange(20_000))) for _ in range(300)]
            messages: list[Message] = [draw.randbytes(size) for size in sizes]

            pair.sending.wire.transmit(messages)

            assert [await pair.receiving.next() for _ in messages] == messages

    asyncio.run(main())


def test_channel_tells_what_it_was_created_with_at_both_ends() -> None:
    async def main() -> None:
        options = ChannelOptions("läbel", ordered=False, max_retransmits=3, protocol="prötocol")
        async with connected_pair(options) as pair:
            for wire in (pair.sending.wire, pair.receiving.wire):
                assert (wire.label, wire.protocol) == ("läbel", "prötocol")
                assert (wire.ordered, wire.max_retransmits, wire.max_packet_life_time) == (False, 3, None)
            assert pair.sending.wire.id == pair.receiving.wire.id

    asyncio.run(main())


def test_everything_is_acknowledged_after_a_while() -> None:
    async def main() -> None:
        async with connected_pair() as pair:
            pair.sending.wire.transmit([b"x" * 1000] * 200)
            data = pair.offerer.data
            assert data is not None
            assert not data.is_acknowledged
            assert pair.sending.wire.unacknowledged

            await until(lambda: data.is_acknowledged, "acknowledged")

            assert pair.sending.wire.unacknowledged == []

    asyncio.run(main())


def test_unacknowledged_messages_are_the_last_ones_also_after_the_end() -> None:
    async def main() -> None:
        async with connected_pair() as pair:
            messages: list[Message] = ["first", "", b"second", b"", *(f"message {number}" for number in range(5000))]
            pair.sending.wire.transmit(messages)
            arrived = [await pair.receiving.next() for _ in range(4)]
            await until(lambda: len(pair.sending.wire.unacknowledged) < len(messages), "some were acknowledged")

            await pair.offerer.close()
            left = [message for message, _ in pair.sending.wire.unacknowledged]

            assert arrived == messages[:4]
            assert 0 < len(left) < len(messages)
            assert left == messages[-len(left) :]

    asyncio.run(main())


def test_unacknowledged_messages_are_of_one_channel() -> None:
    async def main() -> None:
        async with connected_pair() as pair:
            other = pair.offerer.create_channel(ChannelOptions("other"))
            await until(lambda: other.state == "open", "the other channel opened")

            pair.sending.wire.transmit(["here"])
            other.transmit([b"there"])

            assert pair.sending.wire.unacknowledged == [("here", None)]
            assert other.unacknowledged == [(b"there", None)]

    asyncio.run(main())


def test_heartbeat_measures_the_round_trip() -> None:
    async def main() -> None:
        async with connected_pair() as pair:
            assert pair.offerer.data is not None

            round_trip = await pair.offerer.data.heartbeat(SECONDS)

            assert round_trip is not None
            assert 0 < round_trip < SECONDS

    asyncio.run(main())


def test_heartbeat_is_not_answered_by_a_peer_that_is_gone() -> None:
    async def main() -> None:
        async with connected_pair() as pair:
            assert pair.offerer.data is not None
            await pair.answerer.close()

            assert await pair.offerer.data.heartbeat(0.1) is None

    asyncio.run(main())


def test_abort_of_the_peer_is_told() -> None:
    async def main() -> None:
        async with connected_pair() as pair:
            data = pair.offerer.data
            assert data is not None
            told: list[str] = []
            data.on_goodbye = told.append

            await pair.answerer.close()
            await asyncio.wait_for(pair.sending.closed.wait(), SECONDS)

            assert told == ["abort"]
            assert data.goodbye == pair.offerer.goodbye or pair.offerer.goodbye == "close_notify"

    asyncio.run(main())


def test_channel_is_closed_at_both_ends_behind_its_messages() -> None:
    async def main() -> None:
        async with connected_pair() as pair:
            pair.sending.wire.transmit([b"x" * 1000] * 50)

            pair.sending.wire.close()
            await asyncio.wait_for(pair.receiving.closed.wait(), SECONDS)

            assert [await pair.receiving.next() for _ in range(50)] == [b"x" * 1000] * 50

    asyncio.run(main())


def test_channel_that_stopped_receiving_drops_what_arrives() -> None:
    async def main() -> None:
        async with connected_pair() as pair:
            pair.receiving.wire.stop_receiving()
            pair.sending.wire.transmit(["dropped"])
            data = pair.offerer.data
            assert data is not None
            await until(lambda: data.is_acknowledged, "acknowledged")
            pair.receiving.wire.transmit(["the other way"])

            assert await pair.sending.next() == "the other way"

    asyncio.run(main())


def test_released_channel_tells_its_observer_nothing_more() -> None:
    async def main() -> None:
        async with connected_pair() as pair:
            pair.receiving.wire.release()
            pair.sending.wire.transmit(["unheard"])
            data = pair.offerer.data
            assert data is not None
            await until(lambda: data.is_acknowledged, "acknowledged")
            await pair.answerer.close()

            assert pair.receiving.wire.state == "closed"
            assert not pair.receiving.closed.is_set()

    asyncio.run(main())
