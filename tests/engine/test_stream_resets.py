"""When the stream of a data channel may be reset (RFC 8831 section 6.7)."""

from __future__ import annotations

import asyncio
import math
from unittest.mock import sentinel

import pytest

from gst_signalling_sync.webrtc.channel_options import ChannelOptions
from gst_signalling_sync.webrtc.engine.stream_resets import HANDING_ON_SECONDS, StreamResets

from .pairs import SECONDS, Observer, connected_pair, until


@pytest.mark.parametrize(
    ("unacknowledged", "acknowledged_at", "now", "seconds"),
    [
        ([], None, 10.0, 0.0),
        (["other"], None, 10.0, 0.0),
        (["closing"], None, 10.0, math.inf),
        (["other", "closing"], 10.0, 10.0, math.inf),
        ([], 10.0, 10.0, HANDING_ON_SECONDS),
        ([], 10.0, 10.0 + HANDING_ON_SECONDS / 2, HANDING_ON_SECONDS / 2),
        ([], 10.0, 10.0 + HANDING_ON_SECONDS, 0.0),
    ],
    ids=["never used", "another waits", "not acknowledged", "acknowledged in part", "just", "half-way", "long ago"],
)
def test_reset_waits_until_the_messages_were_handed_on(
    unacknowledged: list[str], acknowledged_at: float | None, now: float, seconds: float
) -> None:
    resets = StreamResets()
    if acknowledged_at is not None:
        resets.acknowledged(sentinel.closing, acknowledged_at)
    resets.acknowledged(sentinel.other, now)

    waiting = (getattr(sentinel, name) for name in unacknowledged)
    assert resets.seconds_until([sentinel.closing], waiting, now) == pytest.approx(seconds)


def test_reset_waits_for_the_last_of_several_channels() -> None:
    resets = StreamResets()
    resets.acknowledged(sentinel.first, 10.0)
    resets.acknowledged(sentinel.second, 10.1)

    closing = [sentinel.first, sentinel.second, sentinel.unused]
    assert resets.seconds_until(closing, [], 10.1) == pytest.approx(HANDING_ON_SECONDS)
    resets.forget(sentinel.second)
    assert resets.seconds_until(closing, [], 10.1) == pytest.approx(HANDING_ON_SECONDS - 0.1)


def test_channel_whose_last_message_is_given_up_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with connected_pair(ChannelOptions("data", max_retransmits=0)) as pair:
            (path,) = pair.offerer.paths
            with monkeypatch.context() as link:
                link.setattr(path, "send_now", lambda data: None)
                pair.sending.wire.transmit([b"lost"])
            pair.sending.wire.close()

            await asyncio.wait_for(pair.sending.closed.wait(), SECONDS)
            assert pair.sending.wire.expired == 1

    asyncio.run(main())


def test_channel_of_a_foreign_peer_is_closed_after_it_had_time_to_hand_its_messages_on() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        async with connected_pair() as pair:
            sent = loop.time()
            pair.sending.wire.transmit([b"last"])
            pair.sending.wire.close()

            assert await pair.receiving.next() == b"last"
            await asyncio.wait_for(pair.receiving.closed.wait(), SECONDS)
            assert loop.time() - sent >= HANDING_ON_SECONDS

    asyncio.run(main())


def test_channel_that_is_closed_while_another_waits_is_closed_too() -> None:
    async def main() -> None:
        async with connected_pair() as pair:
            other = Observer(pair.offerer.create_channel(ChannelOptions("other")))
            await asyncio.wait_for(other.opened.wait(), SECONDS)
            pair.sending.wire.transmit([b"last"])
            await until(lambda: not pair.sending.wire.unacknowledged, "acknowledged")
            pair.sending.wire.close()
            await asyncio.sleep(0)
            other.wire.close()

            await asyncio.wait_for(pair.sending.closed.wait(), SECONDS)
            await asyncio.wait_for(other.closed.wait(), SECONDS)

    asyncio.run(main())


def test_connection_that_closes_while_a_reset_waits_closes_the_channel() -> None:
    async def main() -> None:
        async with connected_pair() as pair:
            pair.sending.wire.transmit([b"last"])
            await until(lambda: not pair.sending.wire.unacknowledged, "acknowledged")
            pair.sending.wire.close()
            await asyncio.sleep(0)
            await pair.offerer.close()
            assert pair.sending.closed.is_set()
            # The time in which its timer would raise.
            await asyncio.sleep(2 * HANDING_ON_SECONDS)

    asyncio.run(main())
