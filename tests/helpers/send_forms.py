"""The form in which a codec is sent to receivers that negotiated no options."""

from __future__ import annotations

from gst_signalling_sync.webrtc.media.codecs import CODECS
from gst_signalling_sync.webrtc.media.codecs.codec import SendForm

__all__ = ["send_form"]


def send_form(codec: str, packetization_mode: int = 1) -> SendForm:
    """The form of a codec.

    Args:
        codec: The codec's name.
        packetization_mode: Packetization mode of H264 (RFC 6184 section 5.4). Defaults to 1.
    """
    return CODECS[codec].send_form({"packetization-mode": str(packetization_mode)})
