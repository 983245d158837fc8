"""`PayloadFormat`: the negotiated meaning of each payload type of a track (RTX, RFC 4588; RED, RFC 2198)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ...engine.codecs import RTCRtpCodecParameters, is_rtx
from ..codecs import CODECS, REDUNDANCY, VIDEO
from ..codecs.codec import VideoCodec
from ..codecs.redundancy_codec import RedundancyCodec

__all__ = ["Carried", "PayloadFormat", "payload_formats", "received_video"]


class Carried(NamedTuple):
    """The payload of an earlier packet that a packet repeats.

    Attributes:
        codec: Name of its codec.
        timestamp: RTP timestamp of the earlier packet, 32 bits.
        payload: The payload; may be empty.
    """

    codec: str
    timestamp: int
    payload: bytes


class PayloadFormat:
    """One payload type.

    Args:
        parameters: The negotiated parameters.
        original: Of a retransmission format: the format of the original packets; else None.
        redundancy: Of RED: the codec that unpacks the payloads. Defaults to None.
        carried: Of RED: the formats of its blocks by payload type. Defaults to None.
    """

    __slots__ = (
        "_carried",
        "_redundancy",
        "clock_rate",
        "codec",
        "has_bandwidth",
        "has_keyframe_requests",
        "has_retransmission",
        "original",
    )

    def __init__(
        self,
        parameters: RTCRtpCodecParameters,
        original: PayloadFormat | None,
        redundancy: RedundancyCodec | None = None,
        carried: Mapping[int, PayloadFormat] | None = None,
    ) -> None:
        feedback = [(each.type, each.parameter or "") for each in parameters.rtcpFeedback]
        self.codec = parameters.name
        self.clock_rate = parameters.clockRate
        self.original = original
        self._redundancy = redundancy
        self._carried = carried or {}
        self.has_retransmission = ("nack", "") in feedback
        self.has_keyframe_requests = ("nack", "pli") in feedback
        self.has_bandwidth = ("goog-remb", "") in feedback

    def opened(self, payload: bytes, timestamp: int) -> tuple[PayloadFormat, bytes, list[Carried]]:
        """Unpack a packet: its primary payload, and those of earlier packets that it repeats.

        Args:
            payload: Payload of any content.
            timestamp: RTP timestamp of the packet, 32 bits.

        Returns:
            Format and payload of the packet, and the earlier payloads, the oldest first.

        Raises:
            ValueError: The payload is damaged, or carries a payload type that was not negotiated.
        """
        if self._redundancy is None:
            return self, payload, []
        blocks, payload_type, primary = self._redundancy.unpack(payload)
        if payload_type not in self._carried:
            raise ValueError(f"{self.codec} carries the payload type {payload_type}, which was not negotiated")
        earlier = [
            Carried(self._carried[each.payload_type].codec, (timestamp - each.offset) & 0xFFFFFFFF, each.data)
            for each in blocks
            if each.payload_type in self._carried
        ]
        return self._carried[payload_type], primary, earlier


def payload_formats(codecs: Sequence[RTCRtpCodecParameters]) -> dict[int, PayloadFormat]:
    """The formats by payload type, as far as they can be received."""
    formats: dict[int, PayloadFormat] = {}
    for codec in codecs:
        if not is_rtx(codec) and codec.name in CODECS and codec.payloadType is not None:
            formats[codec.payloadType] = PayloadFormat(codec, None)
    originals: dict[Any, PayloadFormat] = dict(formats)
    for codec in codecs:
        redundancy = REDUNDANCY.get(codec.name)
        if redundancy is not None and codec.payloadType is not None:
            numbers = redundancy.carried_in(codec.parameters)
            carried = {number: originals[number] for number in numbers if number in originals}
            formats[codec.payloadType] = PayloadFormat(codec, None, redundancy, carried)
    for codec in codecs:
        original = originals.get(codec.parameters.get("apt"))
        if is_rtx(codec) and original is not None and codec.payloadType is not None:
            formats[codec.payloadType] = PayloadFormat(codec, original)
    return formats


def received_video(codecs: Sequence[RTCRtpCodecParameters]) -> dict[str, VideoCodec]:
    """The video codecs by name; of several payload types of one codec, that of the first."""
    found: dict[str, VideoCodec] = {}
    for codec in codecs:
        if codec.name in VIDEO:
            found.setdefault(codec.name, VIDEO[codec.name].received_as(codec.parameters))
    return found
