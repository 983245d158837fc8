"""A thousand data channels in one session."""

from __future__ import annotations

import asyncio
import time

from gst_signalling_sync.webrtc.channel_options import ChannelOptions

from ..figures import Figures
from .pairs import SECONDS, Observer, connected_pair, until

COUNT = 1000


def test_thousand_channels_are_opened_used_and_closed(figures: Figures) -> None:
    async def main() -> float:
        async with connected_pair() as pair:
            accepted: dict[str, Observer] = {}
            pair.answerer.on_channel(lambda wire: accepted.__setitem__(wire.label, Observer(wire)))
            began = time.process_time()
            ours = {
                label: Observer(pair.offerer.create_channel(ChannelOptions(label)))
                for label in (f"channel {number}" for number in range(COUNT))
            }
            for channel in ours.values():
                await asyncio.wait_for(channel.opened.wait(), SECONDS)
            await until(lambda: len(accepted) == COUNT, "all are there at the other end")
            for label, channel in ours.items():
                channel.wire.transmit([f"to {label}"])
                accepted[label].wire.transmit([f"from {label}"])
            for label, channel in ours.items():
                assert await accepted[label].next() == f"to {label}"
                assert await channel.next() == f"from {label}"
            for number, label in enumerate(ours):
                (ours if number % 2 else accepted)[label].wire.close()
            for each in (*ours.values(), *accepted.values()):
                await asyncio.wait_for(each.closed.wait(), SECONDS)

            # The session goes on.
            again = Observer(pair.offerer.create_channel(ChannelOptions("again")))
            await asyncio.wait_for(again.opened.wait(), SECONDS)
            pair.sending.wire.transmit(["still there"])
            assert await pair.receiving.next() == "still there"
            return time.process_time() - began

    figures.add(f"processor time of {COUNT} channels at both ends", asyncio.run(main()), 10.0)
