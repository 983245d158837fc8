"""A `MediaReceiver` on a loop, with a fake transport. The test acts as its network."""

from __future__ import annotations

from collections.abc import Iterable

from aiortc.rtcrtpreceiver import RemoteStreamTrack
from aiortc.rtp import AnyRtcpPacket, HeaderExtensions, RtpPacket

from gst_signalling_sync.threads.loop_thread import LoopThread
from gst_signalling_sync.threads.waiting import Deadline
from gst_signalling_sync.webrtc.media.encoded_frame import EncodedFrame, MediaKind
from gst_signalling_sync.webrtc.media.receiving.media_receiver import MediaReceiver

from .rtp_streams import FakeTransport, Packet, parameters

__all__ = ["OWN_SSRC", "Received"]

SECONDS = 5.0

OWN_SSRC = 4711


class Received:
    """A receiver that has started, and its output.

    Args:
        loop: The loop on which it runs.
        kind: Kind of its track.
        codecs: The negotiated codecs, from those of `PAYLOAD_TYPES`.
        feedback: Whether retransmissions, keyframe requests and bitrates were negotiated too.
    """

    def __init__(self, loop: LoopThread, kind: MediaKind, codecs: Iterable[str], feedback: bool = True) -> None:
        self.loop = loop
        self.transport = FakeTransport()
        self.frames: list[EncodedFrame] = []

        async def start() -> MediaReceiver:
            receiver = MediaReceiver(kind, self.transport.as_transport)
            receiver.take_over(RemoteStreamTrack(kind), OWN_SSRC)
            receiver.add_tap(self.frames.append)
            await receiver.receive(parameters(*codecs, feedback=feedback))
            return receiver

        self.receiver = loop.run(start(), Deadline(SECONDS), "starting a receiver")

    def give(self, *packets: Packet | RtpPacket, ssrc: int = 1, send_time: int | None = None) -> None:
        """Have packets arrive, one immediately after another."""

        async def arrive() -> None:
            for packet in packets:
                rtp = packet.as_rtp(ssrc) if isinstance(packet, Packet) else packet
                rtp.extensions = HeaderExtensions(abs_send_time=send_time)
                self.receiver.on_rtp(rtp)

        self.loop.run(arrive(), Deadline(SECONDS), "receiving packets")

    def give_feedback(self, packet: AnyRtcpPacket) -> None:
        """Have an RTCP packet arrive."""

        async def arrive() -> None:
            self.receiver.on_rtcp(packet)

        self.loop.run(arrive(), Deadline(SECONDS), "receiving a report")

    def stop(self) -> None:
        """Stop the receiver, as aiortc does."""
        self.loop.run(self.receiver.stop(), Deadline(SECONDS), "stopping")
