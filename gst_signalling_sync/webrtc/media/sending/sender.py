"""`MediaSender`: sends the frames of a source to the peer of one session, as RTP (RFC 3550). Lives on the loop.

aiortc's `RTCRtpSender` encodes for every session and has a task that waits for every frame. This sender takes ready payloads,
so that a session costs one header, one encryption and one system call per packet.
"""

from __future__ import annotations

import asyncio
import logging
import struct
import time
from collections.abc import Sequence
from typing import Final

from ....threads.loop_thread import LoopThread
from ...bwe.probing import Probe
from ...engine.codecs import RTCRtpCodecParameters, RTCRtpSendParameters
from ...engine.rtp import (
    RTCP_PSFB_APP,
    RTCP_PSFB_FIR,
    RTCP_PSFB_PLI,
    RTCP_RTPFB_NACK,
    AnyRtcpPacket,
    RtcpPsfbPacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSrPacket,
    unpack_remb_fci,
)
from ...engine.rtp_sender import RtpSender
from ...engine.rtp_transport import RTCDtlsTransport, transport_id, transport_stats
from ...engine.stats import OutboundStats, RTCStatsReport, current_datetime
from ..codecs import VIDEO
from ..encoded_frame import EncodedFrame, MediaKind
from ..failures import Failures
from .bitrate import LinkEstimate, SendRate
from .frame_queue import FrameQueue
from .header_extensions import HeaderExtensions
from .negotiated_codecs import NegotiatedCodecs
from .redundancy import Redundancy
from .rtp_stream import RtpStream
from .sender_reports import SenderReports
from .source import AnySource, Choice, EncodingFeed, Feed, Negotiated, ProtectedSource, StreamSource

__all__ = ["MediaSender"]

logger = logging.getLogger(__name__)

_INITIAL_ESTIMATE: Final = 100_000_000
"""First estimate in bit/s, beyond any limit: a link is trusted until its receiver reports less."""

_COLLAPSE: Final = 0.7
"""Share of the former bitrate of a link below which it has collapsed."""

_MAX_BACKLOG_SECONDS: Final = 0.3
"""Maximum time that the waiting frames may take on a link that has collapsed."""

_SECOND_KEYFRAME_SECONDS: Final = 0.5
"""Time of the second keyframe after the first, for receivers of a codec that `repeats_first_keyframe`."""


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
        self._is_stopped = False
        self._loop_thread = loop
        self._codecs = NegotiatedCodecs()
        self._choice: Choice | None = None
        self._failures = Failures(logger, lambda: f"sender of {kind} {self.ssrc}", ())
        self._stream = RtpStream(self, kind)
        self._stream.redundancy = _redundancy_for(source)
        self._reports = SenderReports(self, self._stream, self._failures)

        self._second_keyframe: asyncio.TimerHandle | None = None
        self._awaits_keyframe = kind == "video"
        self._queue = FrameQueue(self._send_frame, self._tell_backlog, self._failures)
        self._probe: asyncio.Task[None] | None = None
        self._link_bitrate = 0
        self._estimate = LinkEstimate(_INITIAL_ESTIMATE)
        self._sent = SendRate()

    async def send(self, parameters: RTCRtpSendParameters) -> None:
        """Begin to send with the negotiated parameters; called by aiortc once the transport is connected."""
        if self._has_started or self._is_stopped:
            return
        self._has_started = True
        if not self._codecs:
            self._codecs = NegotiatedCodecs(parameters.codecs)
        self._stream.use(self._codecs.stream_codec(0))
        self._stream.extensions = HeaderExtensions.of(parameters)
        self._stream.is_counted = self.departures.is_counted(parameters)
        self._reports.cname = parameters.rtcp.cname or ""
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
            self._stream.redundancy = _redundancy_for(source)
        self._is_paused = is_paused
        self._sync()
        return source is None or self._can_send(source)

    def negotiated(self, codecs: Sequence[RTCRtpCodecParameters]) -> None:
        """Apply a description of the section on which both ends have agreed; called after each one.

        Args:
            codecs: The section's codecs, the preferred one first.
        """
        before, self._codecs = self._codecs, NegotiatedCodecs(codecs)
        if self._choice is not None and self._codecs.codecs != before.codecs:
            self._cease()
        self._sync()

    async def stop(self) -> None:
        """Stop forever; called by aiortc when the connection is closed."""
        if self._is_stopped:
            return
        self._is_stopped = True
        if not self._has_started:
            return
        self.unregister()
        self._sync()
        if isinstance(self.source, StreamSource):
            self.source.leave(self)
        if self._second_keyframe is not None:
            self._second_keyframe.cancel()
        if self._probe is not None:
            self._probe.cancel()
        self._queue.stop()
        if self.source is not None:
            await self._reports.send_goodbye()

    async def getStats(self) -> RTCStatsReport:
        """The W3C's statistics: the number of packets sent, and the peer's reports of them."""
        report = RTCStatsReport()
        if self.source is not None:
            feed = self._feed if isinstance(self._feed, EncodingFeed) else None
            encoder = None if feed is None else feed.encoder_of(self)
            report.add(
                OutboundStats(
                    timestamp=current_datetime(),
                    type="outbound-rtp",
                    id=f"outbound-rtp_{id(self)}",
                    ssrc=self.ssrc,
                    kind=self.kind,
                    transportId=transport_id(self.transport),
                    packetsSent=self._stream.packets,
                    bytesSent=self._stream.octets,
                    trackId=self.track_id,
                    encoderImplementation=None if encoder is None else encoder.name,
                    powerEfficientEncoder=None if encoder is None else encoder.is_hardware,
                    targetBitrate=None if feed is None else feed.target_of(self),
                )
            )
        if self._reports.remote is not None:
            report.add(self._reports.remote)
        report.update(transport_stats(self.transport))
        return report

    # What is sent.

    def _can_send(self, source: AnySource) -> bool:
        return not self._codecs or self._codecs.place_of(source.codecs) is not None

    def _sync(self) -> None:
        """Begin or stop sending, by the source and the negotiated codecs."""
        is_there = self._has_started and not self._is_stopped and self.source is not None
        sends = is_there and not self._is_paused and self.is_enabled
        if sends and self._choice is None and self.source is not None and self._can_send(self.source):
            if self._stream.is_counted:
                self.departures.add(self)
            self._begin(self._choose(self.source))
            if self._stream.is_counted:
                self.departures.start_rate()
        elif not sends:
            self._cease()
        # For a paused track too: receivers take a track without reports for one that has ended.
        if is_there:
            self._reports.start()
        else:
            self._reports.stop()

    def _choose(self, source: AnySource) -> Choice:
        if isinstance(source, StreamSource):
            negotiated = [Negotiated(each.name, each.parameters) for each in self._codecs.codecs]
            return source.choose(self, negotiated, self._loop_thread)
        place = self._codecs.place_of(source.codecs)
        assert place is not None
        return Choice(place, source)

    def _begin(self, choice: Choice) -> None:
        """Begin to send the frames of a feed."""
        codec = self._codecs.stream_codec(choice.place)
        self._choice = choice
        self._stream.use(codec)
        choice.feed.attach(self, codec.form, self._loop_thread)

    def _cease(self) -> None:
        """Stop sending the frames of the source."""
        choice, self._choice = self._choice, None
        if choice is None:
            return
        self._leave(choice.feed)
        if self._stream.is_counted:
            self.departures.remove(self)

    def _leave(self, feed: Feed) -> None:
        feed.detach(self)
        self._queue.reset()
        self._awaits_keyframe = self.kind == "video"

    @property
    def _feed(self) -> Feed | None:
        """The feed that delivers the frames; None: there is none yet."""
        return None if self._choice is None else self._choice.feed

    @property
    def _sends(self) -> bool:
        return self._choice is not None and not self._is_stopped and self.is_enabled

    # The following methods are called by feeds.

    def choose_again(self) -> None:
        """Take what the source now chooses for this link."""
        if self._is_stopped or self.source is None or self._choice is None:
            return
        choice = self._choose(self.source)
        if choice != self._choice:
            self._leave(self._choice.feed)
            self._begin(choice)

    def replay(self, frames: list[tuple[EncodedFrame, list[bytes]]]) -> None:
        """Send frames that others already had."""
        if not self._sends or frames[0][0].timestamp <= self._stream.newest_timestamp:
            return
        self._awaits_keyframe = False
        self._queue.put_all(frames)

    def deliver(self, frame: EncodedFrame, payloads: list[bytes]) -> None:
        """Send a frame."""
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
        if frame.keyframe and self._queue.is_behind:
            # No later frame refers to those that wait. They are many if the link goes to the encoding of the slow ones.
            self._queue.drop()
        if not self._queue.is_full:
            self._queue.put(frame, payloads)
        else:
            self._give_frames_up()

    def _give_frames_up(self) -> None:
        """Drop the waiting frames, and go on with a keyframe."""
        self._awaits_keyframe = self.kind == "video"
        self._ask_for_keyframe()
        self._queue.drop()

    def _needs_second_keyframe(self, codec: str) -> bool:
        if self._second_keyframe is not None or self._feed is None or not self._feed.makes_keyframes:
            return False
        return codec in VIDEO and VIDEO[codec].repeats_first_keyframe

    async def _send_frame(self, frame: EncodedFrame, payloads: list[bytes]) -> None:
        is_first = not self._stream.packets
        self._stream.round_trip = self._round_trip
        await self._stream.send(frame, payloads)
        if is_first:
            # Receivers know the time of this track from the first report on.
            await self._reports.send()
        if self._stream.is_counted:
            self.departures.poll()

    def _tell_backlog(self, is_behind: bool) -> None:
        if self._feed is not None:
            self._feed.report_backlog(self, is_behind)

    def _ask_for_keyframe(self) -> None:
        if self._feed is not None:
            self._feed.request_keyframe(self)

    # What the receiver says.

    async def on_rtcp(self, packet: AnyRtcpPacket) -> None:
        """Handle an RTCP packet of the peer about this stream."""
        if isinstance(packet, (RtcpRrPacket, RtcpSrPacket)):
            for report in packet.reports:
                if report.ssrc == self.ssrc:
                    self._on_report(report)
        elif isinstance(packet, RtcpRtpfbPacket):
            if packet.fmt == RTCP_RTPFB_NACK:
                self._stream.round_trip = self._round_trip
                await self._stream.resend(packet.lost)
        elif isinstance(packet, RtcpPsfbPacket):
            if packet.fmt in (RTCP_PSFB_PLI, RTCP_PSFB_FIR):
                self._ask_for_keyframe()
            elif packet.fmt == RTCP_PSFB_APP:
                self._on_receiver_estimate(packet)

    def _on_report(self, report: RtcpReceiverInfo) -> None:
        self._reports.on_report(report)
        self._stream.redundancy.on_report(report.fraction_lost / 256)
        if self._feed is not None and not self._follows_feedback:
            limits = self._feed.report_estimate(self, self._estimate.bitrate)
            self._estimate.on_loss(report.fraction_lost / 256, limits)
            self._feed.report_estimate(self, self._estimate.bitrate)

    def _on_receiver_estimate(self, packet: RtcpPsfbPacket) -> None:
        """Handle the receiver's estimate of the bitrate (REMB)."""
        try:
            bitrate, ssrcs = unpack_remb_fci(packet.fci)
        except (ValueError, struct.error):
            return
        if self.ssrc in ssrcs and self._feed is not None and not self._follows_feedback:
            self._estimate.on_receiver_estimate(bitrate, self._sent.rate(self._stream.octets, time.monotonic()))
            self._feed.report_estimate(self, self._estimate.bitrate)

    @property
    def _round_trip(self) -> float:
        """Round-trip time in seconds: the shorter one of the receiver's reports and of its feedback, which is delayed."""
        told = [self._reports.round_trip] if self._reports.round_trip else []
        if self._follows_feedback:
            told.append(self.departures.round_trip)
        return min(told, default=0.0)

    @property
    def _follows_feedback(self) -> bool:
        """Whether the transport's feedback (TWCC) says what the link carries."""
        return self._stream.is_counted and self.departures.has_feedback

    # The following methods are called by the transport.

    @property
    def needed(self) -> int | None:
        """Maximum that is sent, in bit/s; None: not known yet."""
        return None if self._feed is None else self._feed.needed_by(self)

    def on_link_estimate(self, bitrate: int, is_confirmed: bool) -> None:
        """Record the bitrate with which this track may be sent."""
        if self._feed is None or not self._follows_feedback:
            return
        has_collapsed = bitrate < _COLLAPSE * self._link_bitrate
        self._link_bitrate = bitrate
        self._feed.report_estimate(self, bitrate, is_confirmed)
        if has_collapsed and self._queue.bits > _MAX_BACKLOG_SECONDS * bitrate:
            # They were encoded for the former rate, and would fill the link's queue for long.
            self._give_frames_up()

    def send_probe(self, probe: Probe) -> bool:
        """Send a burst of padding.

        Returns:
            Whether it is sent.
        """
        if not self._stream.may_probe or not self.is_enabled or self._is_stopped:
            return False
        if self._probe is None or self._probe.done():
            self._probe = asyncio.ensure_future(self._stream.send_padding(probe))
        return True


def _redundancy_for(source: AnySource | None) -> Redundancy:
    return Redundancy(source.fec if isinstance(source, ProtectedSource) else None)
