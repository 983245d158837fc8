"""aiortc's packets of RTP and RTCP (RFC 3550, RFC 4585)."""

from __future__ import annotations

from typing import Final

from aiortc.rtp import (
    RTCP_PSFB_APP,
    RTCP_PSFB_FIR,
    RTCP_PSFB_PLI,
    RTCP_RTPFB_NACK,
    RTP_HEADER_LENGTH,
    AnyRtcpPacket,
    RtcpByePacket,
    RtcpPsfbPacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSdesPacket,
    RtcpSenderInfo,
    RtcpSourceInfo,
    RtcpSrPacket,
    RtpPacket,
    pack_remb_fci,
    unpack_remb_fci,
)

__all__ = [
    "RTCP_PSFB_APP",
    "RTCP_PSFB_FIR",
    "RTCP_PSFB_PLI",
    "RTCP_RTPFB_NACK",
    "RTP_HEADER_LENGTH",
    "TRANSPORT_LAYER_FEEDBACK",
    "TRANSPORT_WIDE",
    "AnyRtcpPacket",
    "RtcpByePacket",
    "RtcpPsfbPacket",
    "RtcpReceiverInfo",
    "RtcpRrPacket",
    "RtcpRtpfbPacket",
    "RtcpSdesPacket",
    "RtcpSenderInfo",
    "RtcpSourceInfo",
    "RtcpSrPacket",
    "RtpPacket",
    "pack_remb_fci",
    "unpack_remb_fci",
]

TRANSPORT_LAYER_FEEDBACK: Final = 205
"""The packet type of transport-layer feedback (RTPFB, RFC 4585 section 6.1)."""

TRANSPORT_WIDE: Final = 15
"""The format of transport-wide feedback (TWCC), among those of transport-layer feedback."""
