"""`MediaReceiver`: receives one track of one session, from RTP packets to encoded frames: jitter buffer, NACK, PLI, REMB.

Everything lives on the loop, except for the methods that say otherwise.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from ...engine.codecs import RTCRtpReceiveParameters
from ...engine.header_extensions import capture_time_of
from ...engine.rtp import AnyRtcpPacket, RtcpSrPacket, RtpPacket
from ...engine.rtp_receiver import RtpReceiver
from ...engine.rtp_transport import RTCDtlsTransport, transport_id, transport_stats
from ...engine.stats import RTCStatsReport
from ..encoded_frame import AUDIO_CLOCK_RATE, VIDEO_CLOCK_RATE, EncodedFrame, MediaKind
from .bandwidth import Bandwidth
from .capture_times import CaptureTimes
from .feedback import Feedback
from .payload_formats import PayloadFormat, payload_formats, received_video
from .reassembly import RETRANSMISSION_SECONDS, VideoReassembly
from .reception import Reception
from .remote_clock import RemoteClock
from .reordering import AudioReordering
from .streams import Streams
from .taps import Tap, Taps
from .timeline import Timeline

__all__ = ["MediaReceiver"]

_KEYFRAME_SECONDS: Final = 0.25
"""Minimum time between two requests for a keyframe (PLI), repeated until one comes."""

_REORDERING_SECONDS: Final = 0.05
"""How long a missing video packet is waited for if the sender does not retransmit."""

_REPORT_SECONDS: Final = (0.5, 1.5)
_TIMER_SECONDS: Final = 0.001

_RTX_HEADER: Final = 2
"""Bytes before the payload of a retransmission: the original sequence number (RFC 4588 section 4)."""


class MediaReceiver(RtpReceiver):
    """Receives one track, and calls the taps with its frames.

    Args:
        kind: ``"audio"`` or ``"video"``.
        transport: The transport of the track.
    """

    def __init__(self, kind: MediaKind, transport: RTCDtlsTransport) -> None:
        super().__init__(kind, transport)
        self.kind: Final = kind
        clock_rate = VIDEO_CLOCK_RATE if kind == "video" else AUDIO_CLOCK_RATE
        self.clock = RemoteClock(clock_rate)
        self.packets_received = 0
        self.frames_received = 0
        self.codec: str | None = None
        """The codec of the last frame."""
        self.name = ""
        """The name by which the session knows the track: the name that the peer gave it, else the mid of its section."""
        self.mid = ""
        """The mid of its section."""
        self.is_paused = False
        """Whether the sender says that it has paused the track."""

        self._loop = asyncio.get_running_loop()
        self._formats: dict[int, PayloadFormat] = {}
        self._format: PayloadFormat | None = None
        self._timeline = Timeline(clock_rate)
        self._frames: VideoReassembly | AudioReordering
        self._frames = VideoReassembly(self._timeline) if kind == "video" else AudioReordering(self._timeline)
        self._streams = Streams()
        self._captures = CaptureTimes()
        self._reception = Reception()
        self._feedback = Feedback()
        self._bandwidth = Bandwidth()
        self._has_started = self._has_ended = False
        self._early_report: RtcpSrPacket | None = None

        self._wants_keyframe = False
        self._next_keyframe_request = 0.0
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at = 0.0
        self._report_alarm: asyncio.TimerHandle | None = None

        self._taps = Taps()

    @property
    def packets_lost(self) -> int:
        """Number of packets that never came."""
        return self._frames.packets_lost

    @property
    def packets_repaired(self) -> int:
        """Number of missing packets that were repaired."""
        return self._frames.packets_repaired

    def add_tap(self, tap: Tap) -> None:
        """Call a function with every frame from now on. Any thread.

        Args:
            tap: The function; called on the loop, in decoding order. It must not block.
        """
        self._taps.add(tap)

    def remove_tap(self, tap: Tap) -> None:
        """Stop calling a function. Any thread."""
        self._taps.remove(tap)

    def request_keyframe(self) -> None:
        """Request a keyframe from the sender, repeatedly until one comes, but not too often. Any thread; video only."""
        try:
            self._loop.call_soon_threadsafe(self._want_keyframe)
        except RuntimeError:
            if not self._loop.is_closed():
                raise

    def go_on_from(self, before: MediaReceiver) -> None:
        """Continue the timeline and the clock of a receiver of the same track, whose peer connection has ended.

        The next frames follow the last ones by the time that passed in between.

        Args:
            before: The receiver that ended.
        """
        rate = self._timeline.clock_rate
        self._timeline.go_on_from(before._timeline)
        self.clock = before.clock
        if self.clock.clock_rate != rate:
            self.clock.restart(rate)

    # The following methods are called by the engine.

    async def receive(self, parameters: RTCRtpReceiveParameters) -> None:
        """Begin to receive."""
        if self._has_started or self._has_ended:
            return
        self._has_started = True
        self._formats = payload_formats(parameters.codecs)
        if self.kind == "video":
            is_resent = any(each.has_retransmission for each in self._formats.values())
            patience = RETRANSMISSION_SECONDS if is_resent else _REORDERING_SECONDS
            self._frames = VideoReassembly(self._timeline, patience, received_video(parameters.codecs))
        self.register(parameters)
        self._schedule_report()

    async def stop(self) -> None:
        """Stop receiving; idempotent."""
        if self._has_started:
            self.unregister()
        self._end()

    async def getStats(self) -> RTCStatsReport:
        """The W3C's statistics of the track."""
        report = RTCStatsReport()
        self._reception.add_statistics(report, self.kind, transport_id(self.transport), id(self))
        report.update(transport_stats(self.transport))
        return report

    def on_feedback_ssrc(self, ssrc: int) -> None:
        """Set the SSRC with which feedback is sent."""
        self._feedback.ssrc = ssrc

    def on_disconnect(self) -> None:
        """Stop receiving, as the transport is closed."""
        self._end()

    def on_rtcp(self, packet: AnyRtcpPacket) -> None:
        """Handle a sender report."""
        if not isinstance(packet, RtcpSrPacket) or self._has_ended:
            return
        self._reception.add_sender_report(packet)
        if self._streams.current is None:
            self._early_report = packet
        elif packet.ssrc == self._streams.current:
            self._add_to_clock(packet)

    def on_rtp(self, packet: RtpPacket) -> None:
        """Handle a packet of the track."""
        form = self._formats.get(packet.payload_type)
        if form is None or not self.is_enabled or self._has_ended:
            return
        now = time.monotonic()
        self.packets_received += 1
        if not self._reception.knows(packet.ssrc):
            self._forget_routes()
        self._reception.add(packet, form.clock_rate, now, form.original is None)
        try:
            form, payload, earlier = form.opened(packet.payload, packet.timestamp)
        except ValueError:
            # The peer made it so; only this packet is lost.
            return
        if form.original is None:
            if packet.ssrc != self._streams.current and not self._switch_stream(packet.ssrc, now):
                return
            self._streams.heard = now
            if form is not self._format:
                self._switch_format(form)
            sequence_number = packet.sequence_number
            retransmitted = False
            if isinstance(self._frames, AudioReordering):
                repaired = self._frames.repair(sequence_number, earlier, now)
                if repaired:
                    self._hand_on(repaired)
        else:
            # Of any SSRC, since not every peer announces that of retransmissions. Padding that probes this link has no payload.
            if len(payload) < _RTX_HEADER or form.original is not self._format:
                return
            form = form.original
            sequence_number = payload[0] << 8 | payload[1]
            payload = payload[_RTX_HEADER:]
            retransmitted = True
        send_time = packet.extensions.abs_send_time
        # If packets are counted (TWCC), their sender estimates the bitrate itself.
        is_counted = packet.extensions.transport_sequence_number is not None
        if send_time is not None and form.has_bandwidth and not is_counted:
            self._estimate(send_time, len(packet.payload) + packet.padding_size, now)
        captured = capture_time_of(packet)
        if captured is not None:
            self._captures.note(packet.timestamp, captured)
        frames = self._frames.add(
            form.codec, sequence_number, packet.timestamp, bool(packet.marker), payload, now, retransmitted
        )
        if frames:
            self._hand_on(frames)
        if self._frames.is_waiting:
            self._chase(now)
        if self._frames.wants_keyframe or self._wants_keyframe:
            self._ask_for_keyframe(now)

    # The methods below are helpers.

    def _hand_on(self, frames: Sequence[EncodedFrame]) -> None:
        if self._early_report is not None:
            if self._early_report.ssrc == self._streams.current:
                self._add_to_clock(self._early_report)
            self._early_report = None
        for frame in frames:
            captured_at = self._captures.pop(self._timeline.wire(frame.timestamp))
            if captured_at is not None:
                frame = replace(frame, captured_at=captured_at)  # noqa: PLW2901 - the same frame
            self.frames_received += 1
            self.codec = frame.codec
            if frame.keyframe:
                self._wants_keyframe = False
            self._taps.hand_on(frame)

    def _chase(self, now: float) -> None:
        """Request missing packets (NACK), if they are due, and set the alarm for the next time."""
        missing = self._frames.missing(now)
        current = self._streams.current
        if missing and current is not None and self._format is not None and self._format.has_retransmission:
            self._feedback.request_packets(self.transport, current, missing)
        due_at = self._frames.due_at
        if due_at is not None:
            self._wake_at(due_at)

    def _want_keyframe(self) -> None:
        self._wants_keyframe = self.kind == "video"
        self._ask_for_keyframe(time.monotonic())

    def _ask_for_keyframe(self, now: float) -> None:
        """Request a keyframe (PLI), if it is due, and set the alarm for the next time."""
        current = self._streams.current
        if self._has_ended or current is None or self._format is None or not self._format.has_keyframe_requests:
            return
        if now >= self._next_keyframe_request:
            self._next_keyframe_request = now + _KEYFRAME_SECONDS
            self._feedback.request_keyframe(self.transport, current)
        self._wake_at(self._next_keyframe_request)

    def _wake_at(self, due_at: float) -> None:
        if self._alarm is not None:
            if self._alarm_at <= due_at:
                return
            self._alarm.cancel()
        self._alarm_at = due_at
        # uvloop counts whole milliseconds; woken too early, this would be called again and again.
        self._alarm = self._loop.call_later(max(0.0, due_at - time.monotonic()) + _TIMER_SECONDS, self._on_alarm)

    def _on_alarm(self) -> None:
        self._alarm = None
        now = time.monotonic()
        frames = self._frames.on_time(now)
        if frames:
            self._hand_on(frames)
        if self._frames.is_waiting:
            self._chase(now)
        if self._frames.wants_keyframe or self._wants_keyframe:
            self._ask_for_keyframe(now)

    def _estimate(self, send_time: int, size: int, now: float) -> None:
        current = self._streams.current
        assert current is not None
        bitrate = self._bandwidth.add(send_time, size, now)
        if bitrate is not None:
            self._feedback.limit_bitrate(self.transport, current, bitrate)

    def _switch_stream(self, ssrc: int, now: float) -> bool:
        """Switch to another stream, unless its packets are late ones of an earlier stream."""
        before = self._streams.current
        if not self._streams.switch(ssrc, now):
            return False
        if before is not None:
            self._reception.forget(before)
            self._frames.restart()
            self._timeline.restart(self._timeline.clock_rate)
        return True

    def _switch_format(self, form: PayloadFormat) -> None:
        self._format = form
        if form.clock_rate != self.clock.clock_rate:
            self.clock.restart(form.clock_rate)
            self._timeline.restart(form.clock_rate)

    def _add_to_clock(self, report: RtcpSrPacket) -> None:
        if not self._timeline.has_begun:
            self._early_report = report
            return
        self.clock.add_report(self._timeline.place(report.sender_info.rtp_timestamp), report.sender_info.ntp_timestamp)

    def _forget_routes(self) -> None:
        """Bound aiortc's table of this track's streams, to which every SSRC that a peer uses is added."""
        self._streams.prune(self.routes, self)

    def _schedule_report(self) -> None:
        self._report_alarm = self._loop.call_later(random.uniform(*_REPORT_SECONDS), self._report)

    def _report(self) -> None:
        # First, so that a report that fails is not the last one.
        self._schedule_report()
        self._feedback.report(self.transport, self._reception.reports())

    def _end(self) -> None:
        if self._has_ended:
            return
        self._has_ended = True
        for alarm in (self._alarm, self._report_alarm):
            if alarm is not None:
                alarm.cancel()
        self._frames.restart()
        self._bandwidth = Bandwidth()
        self.end_track()
