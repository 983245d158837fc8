"""aiortc's negotiated codecs."""

from __future__ import annotations

from aiortc.codecs import is_rtx
from aiortc.rtcrtpparameters import RTCRtpCodecParameters, RTCRtpReceiveParameters, RTCRtpSendParameters

__all__ = ["RTCRtpCodecParameters", "RTCRtpReceiveParameters", "RTCRtpSendParameters", "is_rtx"]
