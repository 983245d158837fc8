"""`MediaSender`: sends the frames of a source to the peer of one session, as RTP (RFC 3550). Lives on the loop.

aiortc's `RTCRtpSender` encodes for every session and has a task that waits for every frame. This sender takes ready payloads,
so that a session costs one header, one encryption and one system call per packet.
"""

from __future__ import annotations

import asyncio
import logging
import random
import struct
import time
from collections import deque
from collections.abc import Sequence
from typing import Final

from ....threads.loop_thread import LoopThread
from ...bwe.probing import Probe
from ...engine.codecs import RTCRtpCodecParameters, RTCRtpSendParameters, is_rtx
from ...engine.eager import run_eagerly
from ...engine.rtp import (
    RTCP_PSFB_APP,
    RTCP_PSFB_FIR,
    RTCP_PSFB_PLI,
    RTCP_RTPFB_NACK,
    AnyRtcpPacket,
    RtcpByePacket,
    RtcpPsfbPacket,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSdesPacket,
    RtcpSenderInfo,
    RtcpSourceInfo,
    RtcpSrPacket,
    unpack_remb_fci,
)
from ...engine.rtp_sender import RtpSender
from ...engine.rtp_transport import RTCDtlsTransport, transport_id, transport_stats
from ...engine.stats import OutboundStats, RemoteInboundStats, RTCStatsReport, current_datetime
from ...sender_clock import ntp_time
from ..codecs import CODECS, REDUNDANCY, VIDEO
from ..encoded_frame import EncodedFrame, MediaKind
from ..failures import Failures
from .bitrate import LinkEstimate, SendRate
from .header_extensions import HeaderExtensions
from .redundancy import Redundancy
from .sent_packets import SentPacket, SentPackets
from .source import AnySource, Choice, EncodingFeed, Feed, Negotiated, ProtectedSource, StreamSource

__all__ = ["MediaSender"]

logger = logging.getLogger(__name__)

_MAX_QUEUE: Final = 30
"""Maximum number of frames that wait for a transport that does not take them at once, or for a link that is too thin."""

_BACKLOG: Final = 2
"""Number of waiting frames up to which the source is not told."""

_PADDING_BYTES: Final = 255
"""Size of the padding in a packet that only probes: the maximum of its last octet (RFC 3550 section 5.1)."""

_RESENT_AT_ONCE: Final = 64
"""Maximum number of packets that are retransmitted for one request: more would answer a loss by a flood."""

_INITIAL_ESTIMATE: Final = 100_000_000
"""First estimate in bit/s, beyond any limit: a link is trusted until its receiver reports less."""

_SECOND_KEYFRAME_SECONDS: Final = 0.5
"""Time of the second keyframe after the first, for receivers of a codec that `repeats_first_keyframe`."""

_ROUND_TRIP_WEIGHT: Final = 0.15

_PROBE_STEP_SECONDS: Final = 0.001
"""Resolution of timers."""


class MediaSender(RtpSender):
    """The sender of one transceiver. Without a source it sends nothing.

    Args:
        kind: Kind of its media.
        transport: The transceiver's transport.
        loop: The loop that this runs on.
        source: The source; None: it sends nothing.
    """

    def __init__(
        self, kind: MediaKind, transport: RTCDtlsTransport, loop: LoopThread, source: AnySource | None
    ) -> None:
        super().__init__(kind, transport)
        self.media_kind: MediaKind = kind
        self.source = source
        self._is_paused = False
        self._has_started = False
        self._negotiated: list[RTCRtpCodecParameters] = []
        # Payload types of retransmissions (RTX), by those of the original packets.
        self._resent_as: dict[object, int | None] = {}
        # RED codecs, by the payload type of their blocks.
        self._carried_as: dict[object, RTCRtpCodecParameters] = {}
        self._carrier: RTCRtpCodecParameters | None = None
        self._redundancy = _redundancy_for(source)
        self._choice: Choice | None = None
        self._loop_thread = loop
        self._clock_rate = 0
        self._payload_type: int | None = None
        self._retransmission_payload_type: int | None = None
        self._cname = ""
        self._extensions = HeaderExtensions()
        self._reports: asyncio.Task[None] | None = None
        self._second_keyframe: asyncio.TimerHandle | None = None
        self._stopped = False
        self._awaits_keyframe = kind == "video"

        self._sequence_number = random.randrange(2**15)
        self._retransmission_sequence_number = random.randrange(2**15)
        self._timestamp_origin = random.randrange(2**32)
        self._sent_packets = SentPackets()
        self._queue: deque[tuple[EncodedFrame, list[bytes]]] = deque()
        self._longest_queue = _MAX_QUEUE
        self._sending: asyncio.Task[None] | None = None

        self._failures = Failures(logger, lambda: f"sender of {kind} {self.ssrc}", ())
        self._packets = 0
        self._octets = 0
        self._reported_loss: RemoteInboundStats | None = None
        self._last_report = (0, 0.0)
        self._round_trip = 0.0
        self._estimate = LinkEstimate(_INITIAL_ESTIMATE)
        self._is_counted = False
        self._is_behind = False
        self._probe: asyncio.Task[None] | None = None
        self._timestamp = 0
        self._newest_timestamp = -1
        self._sent = SendRate()

    async def send(self, parameters: RTCRtpSendParameters) -> None:
        """Begin to send with the negotiated parameters; called by aiortc once the transport is connected."""
        if self._has_started or self._stopped:
            return
        self._has_started = True
        if not self._negotiated:
            self._set_codecs(parameters.codecs)
        self._use(self._negotiated[0])
        self._cname = parameters.rtcp.cname or ""
        self._extensions = HeaderExtensions.of(parameters)
        self._is_counted = self.departures.is_counted(parameters)
        self.register(parameters)
        self._sync()

    def carry(self, source: AnySource | None, is_paused: bool = False) -> bool:
        """Send the frames of another source on the same stream: the W3C's ``replaceTrack``.

        Args:
            source: The source; None: nothing is sent.
            is_paused: Whether the track is paused. Defaults to False.

        Returns:
            Whether the source has a negotiated codec; if not, nothing is sent until `negotiated`.
        """
        if source is not self.source:
            self._cease()
            if isinstance(self.source, StreamSource):
                self.source.leave(self)
            self.source = source
            self._redundancy = _redundancy_for(source)
        self._is_paused = is_paused
        self._sync()
        return source is None or self._can_send(source)

    def negotiated(self, codecs: Sequence[RTCRtpCodecParameters]) -> None:
        """Apply a description of the section on which both ends have agreed; called after each one.

        Args:
            codecs: The section's codecs, the preferred one first.
        """
        before = self._negotiated
        self._set_codecs(codecs)
        if self._choice is not None and self._negotiated != before:
            self._cease()
        self._sync()

    def _set_codecs(self, codecs: Sequence[RTCRtpCodecParameters]) -> None:
        self._negotiated = []
        self._resent_as.clear()
        self._carried_as.clear()
        for codec in codecs:
            if is_rtx(codec):
                self._resent_as[codec.parameters.get("apt")] = codec.payloadType
            elif codec.name in REDUNDANCY:
                self._carried_as |= dict.fromkeys(REDUNDANCY[codec.name].carried_in(codec.parameters), codec)
            else:
                self._negotiated.append(codec)

    def _can_send(self, source: AnySource) -> bool:
        return not self._negotiated or any(codec.name in source.codecs for codec in self._negotiated)

    def _sync(self) -> None:
        """Begin or stop sending, by the source and the negotiated codecs."""
        is_there = self._has_started and not self._stopped and self.source is not None
        sends = is_there and not self._is_paused and self.is_enabled
        if sends and self._choice is None and self.source is not None and self._can_send(self.source):
            if self._is_counted:
                self.departures.add(self)
            self._attach(self._choose(self.source))
            if self._is_counted:
                self.departures.start_rate()
        elif not sends:
            self._cease()
        # For a paused track too: receivers take a track without reports for one that has ended.
        if is_there and self._reports is None:
            self._reports = asyncio.ensure_future(self._send_reports())
        elif not is_there and self._reports is not None:
            self._reports.cancel()
            self._reports = None

    def _cease(self) -> None:
        """Stop sending the frames of the source."""
        choice, self._choice = self._choice, None
        if choice is None:
            return
        choice.feed.detach(self)
        if self._is_counted:
            self.departures.remove(self)
        self._queue.clear()
        self._is_behind = False
        self._awaits_keyframe = self.kind == "video"

    async def stop(self) -> None:
        """Stop forever; called by aiortc when the connection is closed."""
        if self._stopped:
            return
        self._stopped = True
        if not self._has_started:
            return
        self.unregister()
        self._sync()
        if isinstance(self.source, StreamSource):
            self.source.leave(self)
        if self._second_keyframe is not None:
            self._second_keyframe.cancel()
        for task in (self._sending, self._probe):
            if task is not None:
                task.cancel()
        if self.source is not None:
            await self._transmit_reports([RtcpByePacket(sources=[self.ssrc])])

    def choose_again(self) -> None:
        """Take what the source now chooses for this link."""
        if self._stopped or self.source is None or self._choice is None:
            return
        choice = self._choose(self.source)
        if choice != self._choice:
            self._choice.feed.detach(self)
            self._queue.clear()
            self._is_behind = False
            self._awaits_keyframe = self.kind == "video"
            self._attach(choice)

    def replay(self, frames: list[tuple[EncodedFrame, list[bytes]]]) -> None:
        """Send frames that others already had. They may be many: they wait until the link has taken them."""
        if not self._sends or frames[0][0].timestamp <= self._newest_timestamp:
            return
        self._awaits_keyframe = False
        self._longest_queue = len(self._queue) + len(frames) + _MAX_QUEUE
        self._queue.extend(frames)
        self._begin_sending()

    def deliver(self, frame: EncodedFrame, payloads: list[bytes]) -> None:
        """Send a frame; called by its feed."""
        if not self._sends:
            self._awaits_keyframe = self.kind == "video"
            return
        if self._awaits_keyframe:
            if not frame.keyframe:
                return
            self._awaits_keyframe = False
            if self._needs_second_keyframe(frame.codec):
                loop = asyncio.get_running_loop()
                self._second_keyframe = loop.call_later(_SECOND_KEYFRAME_SECONDS, self._ask_for_keyframe)
        if self._sending is None or len(self._queue) < self._longest_queue:
            self._queue.append((frame, payloads))
            self._begin_sending()
        else:
            self._queue.clear()
            self._awaits_keyframe = self.kind == "video"
            self._ask_for_keyframe()
            self._tell_backlog()

    @property
    def _sends(self) -> bool:
        return self._choice is not None and not self._stopped and self.is_enabled

    def _needs_second_keyframe(self, codec: str) -> bool:
        if self._second_keyframe is not None or self._feed is None or not self._feed.makes_keyframes:
            return False
        return codec in VIDEO and VIDEO[codec].repeats_first_keyframe

    @property
    def _feed(self) -> Feed | None:
        """The feed that delivers the frames; None: there is none yet."""
        return None if self._choice is None else self._choice.feed

    def _choose(self, source: AnySource) -> Choice:
        if isinstance(source, StreamSource):
            negotiated = [Negotiated(each.name, each.parameters) for each in self._negotiated]
            return source.choose(self, negotiated, self._loop_thread)
        return Choice(
            next(place for place, codec in enumerate(self._negotiated) if codec.name in source.codecs), source
        )

    def _attach(self, choice: Choice) -> None:
        codec = self._negotiated[choice.place]
        self._choice = choice
        self._use(codec)
        choice.feed.attach(self, CODECS[codec.name].send_form(codec.parameters), self._loop_thread)

    def _use(self, codec: RTCRtpCodecParameters) -> None:
        if codec.payloadType != self._payload_type:
            # Packets sent before are of another payload type, and so would be their retransmissions.
            self._sent_packets = SentPackets()
        self._payload_type, self._clock_rate = codec.payloadType, codec.clockRate
        self._retransmission_payload_type = self._resent_as.get(codec.payloadType)
        self._carrier = self._carried_as.get(codec.payloadType)

    def _begin_sending(self) -> None:
        if self._sending is None:
            # Hardly any transport makes a datagram wait, so this usually sends all.
            self._sending = run_eagerly(self._send_queue())
            if self._sending is not None:
                self._sending.add_done_callback(self._on_sent)
        self._tell_backlog()

    async def getStats(self) -> RTCStatsReport:
        """The W3C's statistics: the number of packets sent, and the peer's reports of them."""
        report = RTCStatsReport()
        if self.source is not None:
            encoder = self._feed.encoder_of(self) if isinstance(self._feed, EncodingFeed) else None
            report.add(
                OutboundStats(
                    timestamp=current_datetime(),
                    type="outbound-rtp",
                    id=f"outbound-rtp_{id(self)}",
                    ssrc=self.ssrc,
                    kind=self.kind,
                    transportId=transport_id(self.transport),
                    packetsSent=self._packets,
                    bytesSent=self._octets,
                    trackId=self.track_id,
                    encoderImplementation=None if encoder is None else encoder.name,
                    powerEfficientEncoder=None if encoder is None else encoder.is_hardware,
                )
            )
        if self._reported_loss is not None:
            report.add(self._reported_loss)
        report.update(transport_stats(self.transport))
        return report

    def _on_sent(self, task: asyncio.Task[None]) -> None:
        self._sending = None
        if task.cancelled() or (error := task.exception()) is None:
            return
        if isinstance(error, Exception):
            self._failures.add("send a frame", error, time.monotonic())

    async def _send_queue(self) -> None:
        try:
            while self._queue:
                frame, payloads = self._queue.popleft()
                self._tell_backlog()
                await self._send_frame(frame, payloads)
                if self._is_counted:
                    self.departures.poll()
            self._longest_queue = _MAX_QUEUE
        except ConnectionError:
            # The transport closed first, which ends this sender too.
            self._queue.clear()

    async def _send_frame(self, frame: EncodedFrame, payloads: list[bytes]) -> None:
        assert self._payload_type is not None
        payload_type = self._payload_type
        self._newest_timestamp = frame.timestamp
        timestamp = (frame.timestamp + self._timestamp_origin) & 0xFFFFFFFF
        # In audio, the marker would mean the beginning of a talkspurt (RFC 3551 section 4.1).
        last = len(payloads) - 1 if self.kind == "video" else None
        is_first = not self._packets
        self._timestamp = timestamp
        for index, payload in enumerate(payloads):
            if self._is_counted and self.kind == "video":
                while wait := self.departures.wait():
                    await asyncio.sleep(wait)
            number = self._sequence_number
            self._sequence_number = (number + 1) & 0xFFFF
            marker = 0x80 if index == last else 0
            # One packet carries it for the whole frame.
            captured = frame.time if index == 0 and self.kind == "video" else None
            packet = SentPacket(number, timestamp, marker, payload, captured)
            self._sent_packets.add(packet)
            sent_as, sent = self._with_earlier(payload_type, frame.timestamp, payload)
            await self._send_packet(sent_as | marker, number, self.ssrc, sent, packet)
            self._packets += 1
            self._octets += len(sent)
        if is_first:
            # Receivers know the time of this track from the first report on.
            await self._send_report()

    def _with_earlier(self, payload_type: int, timestamp: int, payload: bytes) -> tuple[int, bytes]:
        """Payload type and payload of a packet, with earlier ones added (RED) if the link loses packets."""
        if self._carrier is None:
            return payload_type, payload
        carried = self._redundancy.payload(REDUNDANCY[self._carrier.name], payload_type, timestamp, payload)
        if carried is None or self._carrier.payloadType is None:
            return payload_type, payload
        return self._carrier.payloadType, carried

    async def _send_packet(
        self, flags: int, number: int, ssrc: int, payload: bytes, packet: SentPacket, is_repair: bool = False
    ) -> None:
        counted = self.departures.next_number() if self._is_counted else None
        extensions = self._extensions.now(packet.captured, counted)
        header = struct.pack("!BBHLL", 0x90 if extensions else 0x80, flags, number, packet.timestamp, ssrc)
        data = b"".join((header, extensions, payload))
        if counted is not None:
            self.departures.sent(counted, len(data), is_repair=is_repair)
        await self.transmit(data)

    async def on_rtcp(self, packet: AnyRtcpPacket) -> None:
        """Handle an RTCP packet of the peer about this stream."""
        if isinstance(packet, (RtcpRrPacket, RtcpSrPacket)):
            self._on_report(packet)
        elif isinstance(packet, RtcpRtpfbPacket):
            if packet.fmt == RTCP_RTPFB_NACK:
                await self._resend(packet.lost[:_RESENT_AT_ONCE])
        elif isinstance(packet, RtcpPsfbPacket):
            if packet.fmt in (RTCP_PSFB_PLI, RTCP_PSFB_FIR):
                self._ask_for_keyframe()
            elif packet.fmt == RTCP_PSFB_APP:
                self._on_receiver_estimate(packet)

    def _on_report(self, packet: RtcpRrPacket | RtcpSrPacket) -> None:
        for report in packet.reports:
            if report.ssrc != self.ssrc:
                continue
            last_report, sent = self._last_report
            if report.lsr == last_report and report.dlsr:
                sample = max(0.0, time.monotonic() - sent - report.dlsr / 65536)
                before = self._round_trip or sample
                self._round_trip = before + _ROUND_TRIP_WEIGHT * (sample - before)
            self._redundancy.on_report(report.fraction_lost / 256)
            self._reported_loss = RemoteInboundStats(
                timestamp=current_datetime(),
                type="remote-inbound-rtp",
                id=f"remote-inbound-rtp_{id(self)}",
                ssrc=self.ssrc,
                kind=self.kind,
                transportId=transport_id(self.transport),
                packetsReceived=self._packets - report.packets_lost,
                packetsLost=report.packets_lost,
                jitter=report.jitter,
                roundTripTime=self._round_trip,
                fractionLost=report.fraction_lost,
                clockRate=self._clock_rate,
            )
            if self._feed is not None and not self._follows_feedback:
                limits = self._feed.report_estimate(self, self._estimate.bitrate)
                self._estimate.on_loss(report.fraction_lost / 256, limits)
                self._feed.report_estimate(self, self._estimate.bitrate)

    def _on_receiver_estimate(self, packet: RtcpPsfbPacket) -> None:
        try:
            bitrate, ssrcs = unpack_remb_fci(packet.fci)
        except (ValueError, struct.error):
            return
        if self.ssrc in ssrcs and self._feed is not None and not self._follows_feedback:
            self._estimate.on_receiver_estimate(bitrate, self._sent.rate(self._octets, time.monotonic()))
            self._feed.report_estimate(self, self._estimate.bitrate)

    # The following methods are called by the transport.

    @property
    def needed(self) -> int | None:
        """Maximum that is sent, in bit/s; None: not known yet."""
        return None if self._feed is None else self._feed.needed_by(self)

    def on_link_estimate(self, bitrate: int, is_confirmed: bool) -> None:
        """Record the bitrate with which this track may be sent."""
        if self._feed is not None and self._follows_feedback:
            self._feed.report_estimate(self, bitrate, is_confirmed)

    def send_probe(self, probe: Probe) -> bool:
        """Send a burst of padding, as RTX packets without an original (RFC 4588)."""
        if self._retransmission_payload_type is None or not self.is_enabled or self._stopped:
            return False
        if self._probe is None or self._probe.done():
            self._probe = asyncio.ensure_future(self._send_padding(probe))
        return True

    @property
    def _follows_feedback(self) -> bool:
        return self._is_counted and self.departures.has_feedback

    async def _send_padding(self, probe: Probe) -> None:
        assert self._retransmission_payload_type is not None
        began = time.monotonic()
        sent = packets = 0
        try:
            while sent < probe.bits or packets < probe.packets:
                ahead = sent / probe.rate - (time.monotonic() - began)
                if ahead > _PROBE_STEP_SECONDS:
                    await asyncio.sleep(ahead)
                number = self._retransmission_sequence_number
                self._retransmission_sequence_number = (number + 1) & 0xFFFF
                counted = self.departures.next_number()
                extensions = self._extensions.now(None, counted)
                flags = self._retransmission_payload_type
                header = struct.pack("!BBHLL", 0xB0, flags, number, self._timestamp, self.retransmission_ssrc)
                data = b"".join((header, extensions, bytes(_PADDING_BYTES - 1), bytes([_PADDING_BYTES])))
                self.departures.sent(counted, len(data), probe.number)
                sent += (len(data) + 38) * 8
                packets += 1
                await self.transmit(data)
        except ConnectionError:
            # The session is ending, which other code notices and reports.
            return

    def _tell_backlog(self) -> None:
        is_behind = len(self._queue) > _BACKLOG
        if is_behind != self._is_behind and self._feed is not None:
            self._is_behind = is_behind
            self._feed.report_backlog(self, is_behind)

    def _ask_for_keyframe(self) -> None:
        if self._feed is not None:
            self._feed.request_keyframe(self)

    async def _resend(self, numbers: list[int]) -> None:
        for number in numbers:
            packet = self._sent_packets.again(number, self._known_round_trip, time.monotonic())
            if packet is not None:
                try:
                    await self._retransmit_packet(packet)
                except ConnectionError:
                    return

    @property
    def _known_round_trip(self) -> float:
        """Round-trip time in seconds: the shorter one of the receiver's reports and of its feedback, which is delayed."""
        told = [self._round_trip] if self._round_trip else []
        if self._follows_feedback:
            told.append(self.departures.round_trip)
        return min(told, default=0.0)

    async def _retransmit_packet(self, packet: SentPacket) -> None:
        assert self._payload_type is not None
        if self._retransmission_payload_type is None:
            flags = self._payload_type | packet.marker
            await self._send_packet(flags, packet.number, self.ssrc, packet.payload, packet, is_repair=True)
            return
        retransmission_number = self._retransmission_sequence_number
        self._retransmission_sequence_number = (retransmission_number + 1) & 0xFFFF
        # The original sequence number precedes the payload (RFC 4588 section 4).
        payload = struct.pack("!H", packet.number) + packet.payload
        flags = self._retransmission_payload_type | packet.marker
        ssrc = self.retransmission_ssrc
        await self._send_packet(flags, retransmission_number, ssrc, payload, packet, is_repair=True)

    async def _send_reports(self) -> None:
        while True:
            # Random, so that the reports of many senders do not come at once (RFC 3550 section 6.2).
            await asyncio.sleep(0.5 + random.random())
            if self._packets:
                try:
                    await self._send_report()
                except Exception as error:  # noqa: BLE001 - reported; without the next one the peer loses the time
                    self._failures.add("send a report", error, time.monotonic())

    async def _send_report(self) -> None:
        """Send an RTCP sender report: the RTP timestamp of now, by the clock that all sources of this process share."""
        now = time.monotonic()
        ntp = ntp_time(now)
        info = RtcpSenderInfo(
            ntp_timestamp=ntp,
            rtp_timestamp=(int(now * self._clock_rate) + self._timestamp_origin) & 0xFFFFFFFF,
            packet_count=self._packets & 0xFFFFFFFF,
            octet_count=self._octets & 0xFFFFFFFF,
        )
        name = RtcpSourceInfo(ssrc=self.ssrc, items=[(1, self._cname.encode())])
        self._last_report = ((ntp >> 16) & 0xFFFFFFFF, now)
        await self._transmit_reports([RtcpSrPacket(ssrc=self.ssrc, sender_info=info), RtcpSdesPacket(chunks=[name])])

    async def _transmit_reports(self, packets: list[AnyRtcpPacket]) -> None:
        try:
            await self.transmit(b"".join(map(bytes, packets)))
        except ConnectionError:
            logger.debug("no RTCP of %s was sent: the transport is closed", self.kind)


def _redundancy_for(source: AnySource | None) -> Redundancy:
    return Redundancy(source.fec if isinstance(source, ProtectedSource) else None)
