"""`Feedback`: the RTCP packets from a track's receiver to its sender: receiver reports, NACK, PLI, REMB (RFC 4585)."""

from __future__ import annotations

import asyncio

from ...engine.eager import run_eagerly
from ...engine.rtp import (
    RTCP_PSFB_APP,
    RTCP_PSFB_PLI,
    RTCP_RTPFB_NACK,
    AnyRtcpPacket,
    RtcpPsfbPacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    pack_remb_fci,
)
from ...engine.rtp_transport import RTCDtlsTransport, transmit

__all__ = ["Feedback"]


class Feedback:
    """Sends feedback over one transport. Lives on the loop; nothing is sent before `ssrc` is set."""

    def __init__(self) -> None:
        self.ssrc: int | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def report(self, transport: RTCDtlsTransport, reports: list[RtcpReceiverInfo]) -> None:
        """Send a receiver report."""
        if self.ssrc is not None and reports:
            self._send(transport, RtcpRrPacket(ssrc=self.ssrc, reports=reports))

    def request_packets(self, transport: RTCDtlsTransport, media_ssrc: int, sequence_numbers: list[int]) -> None:
        """Request packets again (NACK, RFC 4585 section 6.2.1).

        Args:
            transport: The transport to the sender.
            media_ssrc: SSRC of the stream.
            sequence_numbers: Sequence numbers, 16 bits each.
        """
        if self.ssrc is not None and sequence_numbers:
            # aiortc can only write ascending numbers, which a sequence that wraps is not.
            lost = sorted(sequence_numbers)
            self._send(
                transport, RtcpRtpfbPacket(fmt=RTCP_RTPFB_NACK, ssrc=self.ssrc, media_ssrc=media_ssrc, lost=lost)
            )

    def request_keyframe(self, transport: RTCDtlsTransport, media_ssrc: int) -> None:
        """Request a keyframe (Picture Loss Indication, RFC 4585 section 6.3.1)."""
        if self.ssrc is not None:
            self._send(transport, RtcpPsfbPacket(fmt=RTCP_PSFB_PLI, ssrc=self.ssrc, media_ssrc=media_ssrc))

    def limit_bitrate(self, transport: RTCDtlsTransport, media_ssrc: int, bitrate: int) -> None:
        """Send the estimated maximum bitrate in bit/s (REMB, draft-alvestrand-rmcat-remb-03)."""
        if self.ssrc is not None:
            fci = pack_remb_fci(bitrate, [media_ssrc])
            self._send(transport, RtcpPsfbPacket(fmt=RTCP_PSFB_APP, ssrc=self.ssrc, media_ssrc=0, fci=fci))

    def _send(self, transport: RTCDtlsTransport, packet: AnyRtcpPacket) -> None:
        task = run_eagerly(_transmit(transport, bytes(packet)))
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)


async def _transmit(transport: RTCDtlsTransport, data: bytes) -> None:
    try:
        await transmit(transport, data)
    except ConnectionError:
        # The session is ending, which other code notices and reports.
        return
