"""`NegotiatedCodecs`: the codecs of a section, with their payload types for RTX (RFC 4588) and RED (RFC 2198)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from ...engine.codecs import RTCRtpCodecParameters, is_rtx
from ..codecs import CODECS, REDUNDANCY
from ..codecs.codec import SendForm
from ..codecs.redundancy_codec import RedundancyCodec

__all__ = ["Carrier", "NegotiatedCodecs", "StreamCodec"]


class Carrier(NamedTuple):
    """A RED codec that may carry packets of another codec.

    Attributes:
        codec: The codec.
        payload_type: Payload type of its packets.
    """

    codec: RedundancyCodec
    payload_type: int


class StreamCodec(NamedTuple):
    """The codec of a stream.

    Attributes:
        payload_type: Payload type of the packets.
        clock_rate: RTP ticks per second.
        form: Form of the frames.
        retransmission_payload_type: Payload type of retransmissions (RTX); None: they repeat the original packets.
        carrier: RED codec for packets that repeat earlier ones; None: not negotiated.
    """

    payload_type: int
    clock_rate: int
    form: SendForm
    retransmission_payload_type: int | None
    carrier: Carrier | None


class NegotiatedCodecs:
    """The codecs on which both ends have agreed, the preferred one first.

    Args:
        codecs: The section's codecs, in the order of the description. Defaults to none: nothing is negotiated yet.
    """

    def __init__(self, codecs: Sequence[RTCRtpCodecParameters] = ()) -> None:
        self.codecs: list[RTCRtpCodecParameters] = []
        """Those that encode frames."""
        # By the payload type of the original packets.
        self._rtx: dict[object, int | None] = {}
        self._red: dict[object, RTCRtpCodecParameters] = {}
        for codec in codecs:
            if is_rtx(codec):
                self._rtx[codec.parameters.get("apt")] = codec.payloadType
            elif codec.name in REDUNDANCY:
                self._red |= dict.fromkeys(REDUNDANCY[codec.name].carried_in(codec.parameters), codec)
            else:
                self.codecs.append(codec)

    def __bool__(self) -> bool:
        return bool(self.codecs)

    def place_of(self, names: Collection[str]) -> int | None:
        """The place of the first codec with one of these names; None: there is none."""
        return next((place for place, codec in enumerate(self.codecs) if codec.name in names), None)

    def stream_codec(self, place: int) -> StreamCodec:
        """The codec at a place, for a stream."""
        codec = self.codecs[place]
        assert codec.payloadType is not None
        red = self._red.get(codec.payloadType)
        carrier = None
        if red is not None and red.payloadType is not None:
            carrier = Carrier(REDUNDANCY[red.name], red.payloadType)
        form = CODECS[codec.name].send_form(codec.parameters)
        return StreamCodec(codec.payloadType, codec.clockRate, form, self._rtx.get(codec.payloadType), carrier)
