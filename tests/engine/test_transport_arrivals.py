from __future__ import annotations

import asyncio

from aiortc.rtcrtpparameters import RTCRtcpFeedback

from gst_signalling_sync.webrtc.bwe.transport_feedback import TransportFeedback
from gst_signalling_sync.webrtc.engine.codecs import RTCRtpCodecParameters, RTCRtpReceiveParameters
from gst_signalling_sync.webrtc.engine.transport_arrivals import TransportArrivals
from gst_signalling_sync.webrtc.engine.transport_departures import split_feedback

SECONDS = 10.0
OURS, THEIRS = 0x11111111, 0x22222222
"""The SSRCs of feedback and of the stream."""


def parameters(*feedback: str) -> RTCRtpReceiveParameters:
    """The parameters of a track with some kinds of feedback."""
    kinds = [RTCRtcpFeedback(type=kind) for kind in feedback]
    codec = RTCRtpCodecParameters(mimeType="video/VP8", clockRate=90000, payloadType=96, rtcpFeedback=kinds)
    return RTCRtpReceiveParameters(codecs=[codec])


def test_packets_are_reported_together() -> None:
    async def main() -> None:
        sent: asyncio.Queue[bytes] = asyncio.Queue()
        arrivals = TransportArrivals(sent.put)
        arrivals.begin(parameters("nack", "transport-cc"), OURS)
        for number in (7, 8, 10):
            arrivals.add(number, THEIRS, 1.0 + number / 1000)

        data = await asyncio.wait_for(sent.get(), SECONDS)

        assert (data[4:8], data[8:12]) == (OURS.to_bytes(4, "big"), THEIRS.to_bytes(4, "big"))
        rest, (message,) = split_feedback(data)
        assert rest == b""
        arrived = TransportFeedback.parse(message)
        assert [time is not None for time in arrived.arrivals] == [True, True, False, True]
        assert sent.empty()

    asyncio.run(main())


def test_nothing_is_reported_to_a_peer_that_did_not_negotiate_it() -> None:
    async def main() -> None:
        sent: asyncio.Queue[bytes] = asyncio.Queue()
        wanted, unwanted = TransportArrivals(sent.put), TransportArrivals(sent.put)
        wanted.begin(parameters("transport-cc"), OURS)
        unwanted.begin(parameters("nack"), OURS)
        unwanted.add(1, 0x33333333, 1.0)
        wanted.add(1, THEIRS, 1.0)

        data = await asyncio.wait_for(sent.get(), SECONDS)

        assert data[8:12] == THEIRS.to_bytes(4, "big")
        assert sent.empty()

    asyncio.run(main())


def test_nothing_is_reported_after_the_end() -> None:
    async def main() -> None:
        sent: asyncio.Queue[bytes] = asyncio.Queue()
        closed, other = TransportArrivals(sent.put), TransportArrivals(sent.put)
        for arrivals, ssrc in ((closed, 0x33333333), (other, THEIRS)):
            arrivals.begin(parameters("transport-cc"), OURS)
            arrivals.add(1, ssrc, 1.0)
        closed.close()
        closed.add(2, 0x33333333, 1.1)

        data = await asyncio.wait_for(sent.get(), SECONDS)

        assert data[8:12] == THEIRS.to_bytes(4, "big")
        assert sent.empty()

    asyncio.run(main())
