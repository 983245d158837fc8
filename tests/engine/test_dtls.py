from __future__ import annotations

import asyncio
from typing import cast

from aiortc import RTCRtpReceiver
from aiortc.rtcdtlstransport import RtpRouter

from gst_signalling_sync.webrtc.engine.dtls import receiver_of
from gst_signalling_sync.webrtc.engine.rtp import RtpPacket

from .pairs import connected_pair, until


def test_close_of_the_peer_is_told_in_band() -> None:
    async def main() -> None:
        async with connected_pair() as pair:
            assert pair.offerer.goodbye is None

            await pair.answerer.close()
            await until(lambda: pair.offerer.state == "closed", "closed")

            assert pair.offerer.goodbye is not None
            assert pair.answerer.goodbye is None

    asyncio.run(main())


def test_peer_that_is_cut_off_says_no_goodbye() -> None:
    async def main() -> None:
        async with connected_pair() as pair:
            await pair.answerer.paths[0].close()
            await pair.offerer.paths[0].close()
            await until(lambda: pair.offerer.state in ("failed", "closed"), "ended")

            assert pair.offerer.goodbye is None

    asyncio.run(main())


def packet(ssrc: int, mid: str | None) -> RtpPacket:
    made = RtpPacket(payload_type=97, ssrc=ssrc)
    made.extensions.mid = mid
    return made


def test_packets_go_to_the_section_that_they_name() -> None:
    router = RtpRouter()
    front, wrist = (cast(RTCRtpReceiver, object()) for _ in range(2))
    router.register_receiver(front, ssrcs=[1], payload_types=[97], mid="front")

    # The track's section is not described yet; aiortc would give the packet to the only other receiver.
    assert receiver_of(packet(2, "wrist"), router) is None
    assert receiver_of(packet(1, "front"), router) is front
    assert receiver_of(packet(1, None), router) is front

    router.register_receiver(wrist, ssrcs=[], payload_types=[97], mid="wrist")
    assert receiver_of(packet(2, "wrist"), router) is wrist
    assert receiver_of(packet(2, None), router) is wrist
