"""RTP packets of invented frames, numbered as by a sender, and a fake transport."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, cast

from aiortc import RTCDtlsTransport
from aiortc.codecs.vpx import VpxPayloadDescriptor
from aiortc.rtcrtpparameters import (
    RTCRtcpFeedback,
    RTCRtpCodecParameters,
    RTCRtpReceiveParameters,
)
from aiortc.rtp import RtcpPacket, RtpPacket, is_rtcp
from aiortc.stats import RTCStatsReport

__all__ = ["PAYLOAD_TYPES", "RTX_PAYLOAD_TYPES", "FakeTransport", "Packet", "Stream", "parameters"]

TICKS_PER_FRAME: Final = 3000

PAYLOAD_TYPES: Final = {"VP8": 96, "H264": 98, "opus": 111, "PCMU": 0, "PCMA": 8, "G722": 9}
RTX_PAYLOAD_TYPES: Final = {"VP8": 97, "H264": 99}

_START_CODE: Final = b"\0\0\0\1"
_SPS: Final = b"\x67parameters of the sequence"
_PPS: Final = b"\x68of the frame"


@dataclass(frozen=True)
class Packet:
    """One packet, in the form that the code under test gets."""

    codec: str
    sequence_number: int
    timestamp: int
    marker: bool
    payload: bytes

    def as_rtp(self, ssrc: int = 1, rtx_sequence_number: int | None = None) -> RtpPacket:
        """The packet for a receiver. With a sequence number of its own it is a retransmission (RTX, RFC 4588)."""
        payload, payload_type, number = self.payload, PAYLOAD_TYPES[self.codec], self.sequence_number
        if rtx_sequence_number is not None:
            payload = number.to_bytes(2, "big") + payload
            payload_type, number = RTX_PAYLOAD_TYPES[self.codec], rtx_sequence_number
        return RtpPacket(payload_type, int(self.marker), number, self.timestamp, ssrc, payload)


class Stream:
    """Numbers the packets of one stream.

    Args:
        codec: ``"VP8"``, ``"H264"`` or a codec of sound.
        sequence_number: The first packet's. Defaults to 0.
        timestamp: The first frame's. Defaults to 0.
        ticks: RTP ticks from one frame to the next.
    """

    def __init__(
        self, codec: str = "VP8", sequence_number: int = 0, timestamp: int = 0, ticks: int = TICKS_PER_FRAME
    ) -> None:
        self.codec = codec
        self.sequence_number = sequence_number
        self.timestamp = timestamp
        self.ticks = ticks
        self._frames = 0

    def frame(self, keyframe: bool = False, parts: int = 3) -> list[Packet]:
        """The packets of the next frame, each different from all others."""
        self._frames += 1
        payloads = self._h264(keyframe, parts) if self.codec == "H264" else self._vp8(keyframe, parts)
        return self.packets(payloads)

    def audio(self, payload: bytes | None = None) -> Packet:
        """The packet of the next audio frame."""
        self._frames += 1
        (packet,) = self.packets([b"sound %d" % self._frames if payload is None else payload])
        return packet

    def packets(self, payloads: Iterable[bytes]) -> list[Packet]:
        """The packets of the next frame, with payloads of the caller."""
        payloads = list(payloads)
        packets = [self._packet(payload, marker=number == len(payloads) - 1) for number, payload in enumerate(payloads)]
        self.timestamp = (self.timestamp + self.ticks) & 0xFFFFFFFF
        return packets

    def padding(self) -> Packet:
        """A packet without a payload, such as browsers send between frames to probe the path."""
        self.timestamp -= self.ticks
        packet = self._packet(b"", marker=False)
        self.timestamp += self.ticks
        return packet

    def data_of(self, packets: Iterable[Packet]) -> bytes:
        """The access unit in a frame's packets."""
        payloads = [packet.payload for packet in packets]
        if self.codec == "VP8":
            return b"".join(VpxPayloadDescriptor.parse(payload)[1] for payload in payloads)
        data = b""
        if payloads[0][0] & 0x1F == 24:
            data = _START_CODE + _SPS + _START_CODE + _PPS
            payloads = payloads[1:]
        header = bytes([payloads[0][0] & 0x60 | payloads[0][1] & 0x1F])
        return data + _START_CODE + header + b"".join(payload[2:] for payload in payloads)

    def _packet(self, payload: bytes, marker: bool) -> Packet:
        packet = Packet(self.codec, self.sequence_number, self.timestamp & 0xFFFFFFFF, marker, payload)
        self.sequence_number = (self.sequence_number + 1) & 0xFFFF
        return packet

    def _vp8(self, keyframe: bool, parts: int) -> list[bytes]:
        payloads = []
        for part in range(parts):
            descriptor = VpxPayloadDescriptor(int(part == 0), 0, picture_id=self._frames & 0x7FFF)
            first = bytes([0x10 if keyframe else 0x11])
            payloads.append(bytes(descriptor) + first + b"part %d of frame %d" % (part, self._frames))
        return payloads

    def _h264(self, keyframe: bool, parts: int) -> list[bytes]:
        """A fragmented slice. In a keyframe, one packet with the parameter sets comes first."""
        kind = 5 if keyframe else 1
        payloads = []
        if keyframe:
            sets = b"".join(len(each).to_bytes(2, "big") + each for each in (_SPS, _PPS))
            payloads.append(b"\x78" + sets)
        for part in range(parts):
            flags = 0x80 * (part == 0) | 0x40 * (part == parts - 1)
            # The first bit of the slice header says that the slice begins with the first macroblock.
            first = b"\x88" if part == 0 else b"\x08"
            payloads.append(b"\x7c" + bytes([flags | kind]) + first + b"part %d of frame %d" % (part, self._frames))
        return payloads


class FakeTransport:
    """Takes the place of aiortc's transport, and keeps what was sent."""

    def __init__(self) -> None:
        self.state = "connected"
        self.sent: list[Any] = []
        self.receivers: list[object] = []
        self.routes: dict[int, object] = {}
        self._rtp_router = self
        self._stats_id = "transport"

    @property
    def ssrc_table(self) -> dict[int, object]:
        """The table of aiortc's router."""
        return self.routes

    @property
    def as_transport(self) -> RTCDtlsTransport:
        """The object itself, for a caller that needs the real type."""
        return cast(RTCDtlsTransport, self)

    def of(self, kind: type[Any], fmt: int | None = None) -> list[Any]:
        """The packets of a kind, and of a format, that were sent."""
        return [each for each in self.sent if isinstance(each, kind) and fmt in (None, getattr(each, "fmt", None))]

    async def _send_rtp(self, data: bytes) -> None:
        if self.state != "connected":
            raise ConnectionError
        assert is_rtcp(data)
        self.sent.extend(RtcpPacket.parse(data))

    def _register_rtp_receiver(self, receiver: object, parameters: RTCRtpReceiveParameters) -> None:
        self.receivers.append(receiver)

    def _unregister_rtp_receiver(self, receiver: object) -> None:
        if receiver in self.receivers:
            self.receivers.remove(receiver)

    def _get_stats(self) -> RTCStatsReport:
        return RTCStatsReport()


def parameters(*codecs: str, feedback: bool = True) -> RTCRtpReceiveParameters:
    """A receiver's parameters for negotiated codecs, with or without retransmissions, keyframe requests and bitrates."""
    negotiated = []
    for codec in codecs:
        kind = "video" if codec in RTX_PAYLOAD_TYPES else "audio"
        clock_rate = {"video": 90000, "audio": 48000 if codec == "opus" else 8000}[kind]
        parameters = RTCRtpCodecParameters(f"{kind}/{codec}", clock_rate, payloadType=PAYLOAD_TYPES[codec])
        negotiated.append(parameters)
        if feedback and kind == "video":
            parameters.rtcpFeedback = [
                RTCRtcpFeedback("nack"),
                RTCRtcpFeedback("nack", "pli"),
                RTCRtcpFeedback("goog-remb"),
            ]
            rtx = RTCRtpCodecParameters("video/rtx", clock_rate, payloadType=RTX_PAYLOAD_TYPES[codec])
            rtx.parameters = {"apt": PAYLOAD_TYPES[codec]}
            negotiated.append(rtx)
    return RTCRtpReceiveParameters(codecs=negotiated)
