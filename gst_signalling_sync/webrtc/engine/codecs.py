"""Negotiated codecs, and RTP payloads of VP8 (RFC 7741), H264 (RFC 6184) and Opus (RFC 7587), as aiortc has them."""

from __future__ import annotations

from fractions import Fraction

import av
from aiortc.codecs import get_encoder, is_rtx
from aiortc.codecs.h264 import LENGTH_FIELD_SIZE, NAL_TYPE_FU_A, NAL_TYPE_STAP_A, h264_depayload
from aiortc.codecs.vpx import vp8_depayload
from aiortc.rtcrtpparameters import RTCRtpCodecParameters, RTCRtpReceiveParameters, RTCRtpSendParameters

__all__ = [
    "LENGTH_FIELD_SIZE",
    "NAL_TYPE_FU_A",
    "NAL_TYPE_STAP_A",
    "Packetizer",
    "RTCRtpCodecParameters",
    "RTCRtpReceiveParameters",
    "RTCRtpSendParameters",
    "h264_depayload",
    "is_rtx",
    "vp8_depayload",
]


class Packetizer:
    """Cuts encoded frames of one codec into RTP payloads; used by one thread.

    Args:
        mime_type: Such as ``"video/VP8"``.
        clock_rate: Of its timestamps, in Hz.
    """

    def __init__(self, mime_type: str, clock_rate: int) -> None:
        self._time_base = Fraction(1, clock_rate)
        self._encoder = get_encoder(RTCRtpCodecParameters(mimeType=mime_type, clockRate=clock_rate, payloadType=0))

    def pack(self, data: bytes, timestamp: int) -> list[bytes]:
        """The payloads of a frame.

        Args:
            data: The encoded frame.
            timestamp: In units of the clock rate.
        """
        packet = av.Packet(data)
        packet.pts = timestamp
        packet.time_base = self._time_base
        payloads, _ = self._encoder.pack(packet)
        return payloads
