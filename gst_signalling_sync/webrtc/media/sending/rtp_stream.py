"""`RtpStream`: the packets of one RTP stream (RFC 3550) and of its retransmissions (RTX, RFC 4588). Lives on the loop."""

from __future__ import annotations

import asyncio
import random
import struct
import time
from collections.abc import Sequence
from typing import Final

from ...bwe.probing import Probe
from ...engine.rtp_sender import RtpSender
from ..encoded_frame import EncodedFrame, MediaKind
from .header_extensions import HeaderExtensions
from .negotiated_codecs import StreamCodec
from .playout_delay import PlayoutDelay
from .redundancy import Redundancy
from .sent_packets import SentPacket, SentPackets

__all__ = ["RtpStream"]

_PADDING_BYTES: Final = 255
"""Size of the padding in a packet that only probes: the maximum of its last octet (RFC 3550 section 5.1)."""

_RESENT_AT_ONCE: Final = 64
"""Maximum number of packets that are retransmitted for one request: more would answer a loss by a flood."""

_MAX_WAIT_SECONDS: Final = 0.05
"""Maximum interval at which a packet that waits looks at the pace again."""

_PROBE_STEP_SECONDS: Final = 0.001
"""Resolution of timers."""


class RtpStream:
    """Numbers, sends and retransmits packets.

    Args:
        sender: Sends them on its transport.
        kind: Kind of the media.
    """

    def __init__(self, sender: RtpSender, kind: MediaKind) -> None:
        self.packets = 0
        """Number of packets sent, without retransmissions."""
        self.octets = 0
        """Number of their octets of payload."""
        self.newest_timestamp = -1
        """Timestamp of the last frame, in the ticks of its source."""
        self.redundancy = Redundancy(None)
        self.extensions = HeaderExtensions()
        self.round_trip = 0.0
        """Round-trip time in seconds; 0: not known."""
        self.is_counted = False
        """Whether the transport counts and paces the packets."""
        self._sender = sender
        self._is_video = kind == "video"
        self._codec: StreamCodec | None = None
        self._number = random.randrange(2**15)
        self._retransmission_number = random.randrange(2**15)
        self._timestamp_origin = random.randrange(2**32)
        self._timestamp = 0
        self._sent_packets = SentPackets()
        self._playout = PlayoutDelay()
        # Number of packets since the newest keyframe began, or since the beginning.
        self._since_keyframe = 0

    @property
    def clock_rate(self) -> int:
        """RTP ticks per second; 0: there is no codec yet."""
        return 0 if self._codec is None else self._codec.clock_rate

    @property
    def may_probe(self) -> bool:
        """Whether padding may be sent: only RTX has packets that a decoder does not get."""
        return self._codec is not None and self._codec.retransmission_payload_type is not None

    def use(self, codec: StreamCodec) -> None:
        """Send the next frames in a codec."""
        if self._codec is None or codec.payload_type != self._codec.payload_type:
            # Packets sent before are of another payload type, and so would be their retransmissions.
            self._sent_packets = SentPackets()
        self._codec = codec

    def timestamp_at(self, now: float) -> int:
        """The RTP timestamp of a moment of `time.monotonic`, by the clock that all sources of this process share."""
        return (int(now * self.clock_rate) + self._timestamp_origin) & 0xFFFFFFFF

    async def send(self, frame: EncodedFrame, payloads: Sequence[bytes]) -> None:
        """Send a frame, as fast as the transport's pace allows.

        Raises:
            ConnectionError: The transport is closed.
        """
        assert self._codec is not None
        codec = self._codec
        self.newest_timestamp = frame.timestamp
        timestamp = self._timestamp = (frame.timestamp + self._timestamp_origin) & 0xFFFFFFFF
        if self._is_video and frame.keyframe:
            self._since_keyframe = 0
        if self.extensions.have_playout_delay:
            self._playout.on_frame(timestamp, time.monotonic(), self.round_trip)
        # In audio, the marker would mean the beginning of a talkspurt (RFC 3551 section 4.1).
        last = len(payloads) - 1 if self._is_video else None
        for index, payload in enumerate(payloads):
            if self.is_counted and self._is_video:
                while wait := self._sender.departures.wait():
                    # The pace may rise meanwhile.
                    await asyncio.sleep(min(wait, _MAX_WAIT_SECONDS))
            number = self._number
            self._number = (number + 1) & 0xFFFF
            self._since_keyframe += 1
            marker = 0x80 if index == last else 0
            # One packet carries it for the whole frame.
            captured = frame.time if index == 0 and self._is_video else None
            packet = SentPacket(number, timestamp, marker, payload, captured, time.monotonic())
            self._sent_packets.add(packet)
            payload_type, sent = self._with_earlier(codec, frame.timestamp, payload)
            await self._transmit(payload_type | marker, number, self._sender.ssrc, sent, packet)
            self.packets += 1
            self.octets += len(sent)

    async def resend(self, numbers: Sequence[int]) -> None:
        """Retransmit packets that the receiver has requested (NACK, RFC 4585 section 6.2.1), as far as the link has room.

        Args:
            numbers: Their sequence numbers.
        """
        times = 2 if self.is_counted and self._sender.departures.repeats_repairs else 1
        for number in numbers[:_RESENT_AT_ONCE]:
            if self.is_counted and not self._sender.departures.may_repair(self._precedes_keyframe(number)):
                continue
            now = time.monotonic()
            packet = self._sent_packets.again(number, self.round_trip, now)
            if packet is not None:
                self._playout.on_repair(packet.timestamp, now - packet.sent_at)
                try:
                    for _ in range(times):
                        await self._retransmit(packet)
                except ConnectionError:
                    return

    def _precedes_keyframe(self, number: int) -> bool:
        """Whether a packet is older than the newest keyframe."""
        return (self._number - number) & 0xFFFF > self._since_keyframe

    async def send_padding(self, probe: Probe) -> None:
        """Send a burst of padding, as RTX packets without an original (RFC 4588)."""
        assert self._codec is not None and self._codec.retransmission_payload_type is not None  # noqa: PT018
        flags = self._codec.retransmission_payload_type
        departures, ssrc = self._sender.departures, self._sender.retransmission_ssrc
        began = time.monotonic()
        sent = packets = 0
        try:
            while sent < probe.bits or packets < probe.packets:
                ahead = sent / probe.rate - (time.monotonic() - began)
                if ahead > _PROBE_STEP_SECONDS:
                    await asyncio.sleep(ahead)
                counted = departures.next_number()
                extensions = self.extensions.now(None, counted)
                number = self._next_retransmission_number()
                header = struct.pack("!BBHLL", 0xB0, flags, number, self._timestamp, ssrc)
                data = b"".join((header, extensions, bytes(_PADDING_BYTES - 1), bytes([_PADDING_BYTES])))
                departures.sent(counted, len(data), probe.number)
                sent += (len(data) + 38) * 8
                packets += 1
                await self._sender.transmit(data)
        except ConnectionError:
            # The session is ending, which other code notices and reports.
            return

    def _with_earlier(self, codec: StreamCodec, timestamp: int, payload: bytes) -> tuple[int, bytes]:
        """Payload type and payload of a packet, with earlier ones added (RED) if the link loses packets."""
        if codec.carrier is not None:
            carried = self.redundancy.payload(codec.carrier.codec, codec.payload_type, timestamp, payload)
            if carried is not None:
                return codec.carrier.payload_type, carried
        return codec.payload_type, payload

    async def _retransmit(self, packet: SentPacket) -> None:
        assert self._codec is not None
        payload_type = self._codec.retransmission_payload_type
        if payload_type is None:
            flags = self._codec.payload_type | packet.marker
            await self._transmit(flags, packet.number, self._sender.ssrc, packet.payload, packet, is_repair=True)
            return
        # The original sequence number precedes the payload (RFC 4588 section 4).
        payload = struct.pack("!H", packet.number) + packet.payload
        number, ssrc = self._next_retransmission_number(), self._sender.retransmission_ssrc
        await self._transmit(payload_type | packet.marker, number, ssrc, payload, packet, is_repair=True)

    def _next_retransmission_number(self) -> int:
        number = self._retransmission_number
        self._retransmission_number = (number + 1) & 0xFFFF
        return number

    async def _transmit(
        self, flags: int, number: int, ssrc: int, payload: bytes, packet: SentPacket, is_repair: bool = False
    ) -> None:
        counted = self._sender.departures.next_number() if self.is_counted else None
        begins_frame = packet.captured is not None
        playout = self._playout.limits(time.monotonic()) if begins_frame else None
        extensions = self.extensions.now(packet.captured, counted, playout)
        header = struct.pack("!BBHLL", 0x90 if extensions else 0x80, flags, number, packet.timestamp, ssrc)
        data = b"".join((header, extensions, payload))
        if counted is not None:
            self._sender.departures.sent(counted, len(data), is_repair=is_repair)
        await self._sender.transmit(data)
