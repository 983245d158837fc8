"""`PayloadFormat`: what the negotiation made of each payload type of a track."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...engine.codecs import RTCRtpCodecParameters, is_rtx
from ..codecs import CODECS, VIDEO
from ..codecs.codec import VideoCodec

__all__ = ["PayloadFormat", "payload_formats", "received_video"]


class PayloadFormat:
    """One payload type.

    Args:
        parameters: As negotiated.
        original: Of retransmissions: what it is that is sent again.
    """

    __slots__ = ("clock_rate", "codec", "has_bandwidth", "has_keyframe_requests", "has_retransmission", "original")

    def __init__(self, parameters: RTCRtpCodecParameters, original: PayloadFormat | None) -> None:
        feedback = [(each.type, each.parameter or "") for each in parameters.rtcpFeedback]
        self.codec = parameters.name
        self.clock_rate = parameters.clockRate
        self.original = original
        self.has_retransmission = ("nack", "") in feedback
        self.has_keyframe_requests = ("nack", "pli") in feedback
        self.has_bandwidth = ("goog-remb", "") in feedback


def payload_formats(codecs: Sequence[RTCRtpCodecParameters]) -> dict[int, PayloadFormat]:
    """What the payload types mean, as far as they can be received."""
    formats: dict[int, PayloadFormat] = {}
    for codec in codecs:
        if not is_rtx(codec) and codec.name in CODECS and codec.payloadType is not None:
            formats[codec.payloadType] = PayloadFormat(codec, None)
    originals: dict[Any, PayloadFormat] = dict(formats)
    for codec in codecs:
        original = originals.get(codec.parameters.get("apt"))
        if is_rtx(codec) and original is not None and codec.payloadType is not None:
            formats[codec.payloadType] = PayloadFormat(codec, original)
    return formats


def received_video(codecs: Sequence[RTCRtpCodecParameters]) -> dict[str, VideoCodec]:
    """What parses the payloads of each codec of video, by name; of several payload types of one, as of the first."""
    found: dict[str, VideoCodec] = {}
    for codec in codecs:
        if codec.name in VIDEO:
            found.setdefault(codec.name, VIDEO[codec.name].received_as(codec.parameters))
    return found
