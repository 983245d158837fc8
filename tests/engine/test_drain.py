"""What a session waits for before it ends."""

from __future__ import annotations

import asyncio

from gst_signalling_sync.threads.waiting import Deadline
from gst_signalling_sync.webrtc.channel_options import ChannelOptions
from gst_signalling_sync.webrtc.drain import Drain
from gst_signalling_sync.webrtc.engine.peer_connection import PeerConnection
from gst_signalling_sync.webrtc.media.codecs import CAPABILITIES

from .pairs import SECONDS, connected_pair

MESSAGES = [b"x" * 1000] * 500


def test_everything_that_was_sent_is_waited_for() -> None:
    async def main() -> None:
        async with connected_pair() as pair:
            pair.sending.wire.transmit(MESSAGES)

            await Drain().run(pair.offerer, [], Deadline(SECONDS))

            assert pair.sending.wire.unacknowledged == []
            assert [await pair.receiving.next() for _ in MESSAGES] == MESSAGES

    asyncio.run(main())


def test_wait_ends_at_its_deadline() -> None:
    async def main() -> None:
        async with connected_pair() as pair:
            pair.sending.wire.transmit(MESSAGES)

            await Drain().run(pair.offerer, [], Deadline(0))

            assert pair.sending.wire.unacknowledged

    asyncio.run(main())


def test_wait_that_nobody_wants_any_more_ends() -> None:
    async def main() -> None:
        async with connected_pair() as pair:
            drain = Drain()
            pair.sending.wire.transmit(MESSAGES)
            draining = asyncio.ensure_future(drain.run(pair.offerer, [], Deadline(SECONDS)))
            await asyncio.sleep(0)

            drain.abandon()
            await asyncio.wait_for(draining, SECONDS / 2)

            assert pair.sending.wire.unacknowledged

    asyncio.run(main())


def test_connection_that_is_not_connected_is_not_waited_for() -> None:
    async def main() -> None:
        connection = PeerConnection(CAPABILITIES)
        connection.create_channel(ChannelOptions("data"))
        try:
            await asyncio.wait_for(Drain().run(connection, [], Deadline(SECONDS)), SECONDS / 2)
        finally:
            await connection.close()

    asyncio.run(main())
