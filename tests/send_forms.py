"""How a codec is sent to receivers that negotiated nothing special."""

from __future__ import annotations

from gst_signalling_sync.webrtc.media.codecs import CODECS
from gst_signalling_sync.webrtc.media.codecs.codec import SendForm

__all__ = ["send_form"]


def send_form(codec: str, packetization_mode: int = 1) -> SendForm:
    """The form of a codec.

    Args:
        codec: Its name.
        packetization_mode: Of H264 (RFC 6184 section 5.4).
    """
    return CODECS[codec].send_form({"packetization-mode": str(packetization_mode)})
