"""`Reception`: reception statistics, for RTCP receiver reports (RFC 3550 section 6.4.2) and the W3C's statistics."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Final

from ...engine.rtp import RtcpReceiverInfo, RtcpSenderInfo, RtcpSrPacket, RtpPacket
from ...engine.stats import (
    InboundStats,
    RTCRemoteOutboundRtpStreamStats,
    RTCStatsReport,
    current_datetime,
)
from ..encoded_frame import MediaKind
from .remote_clock import unix_time
from .stream_counts import StreamCounts

__all__ = ["Reception"]

_MAX_STREAMS: Final = 8
"""Maximum number of streams of one track in reports: its own, that of its retransmissions, and earlier ones."""

_MAX_DELAY_SECONDS: Final = 65536
_MAX_WORD: Final = 0xFFFFFFFF


class Reception:
    """The streams of one track, by SSRC. Lives on the loop."""

    def __init__(self) -> None:
        self._streams: dict[int, StreamCounts] = {}
        self._clock_rates: dict[int, int] = {}
        self._retransmissions: set[int] = set()
        self._senders: dict[int, tuple[RtcpSenderInfo, float]] = {}

    def knows(self, ssrc: int) -> bool:
        """Whether a packet of a stream has been counted."""
        return ssrc in self._streams

    def add(self, packet: RtpPacket, clock_rate: int, now: float, is_original: bool = True) -> None:
        """Count a packet.

        Args:
            packet: A packet of a stream.
            clock_rate: RTP clock rate of the stream, in Hz.
            now: Time of its arrival, from `time.monotonic`.
            is_original: Whether it is the track's own stream, not that of its retransmissions. Defaults to True.
        """
        stream = self._streams.get(packet.ssrc)
        if stream is None:
            while len(self._streams) >= _MAX_STREAMS:
                self.forget(next(iter(self._streams)))
            stream = self._streams[packet.ssrc] = StreamCounts(clock_rate)
            self._clock_rates[packet.ssrc] = clock_rate
            if not is_original:
                self._retransmissions.add(packet.ssrc)
        stream.add(packet.sequence_number, packet.timestamp, now)

    def forget(self, ssrc: int) -> None:
        """Stop reporting on a stream that has ended or begun again."""
        self._streams.pop(ssrc, None)
        self._clock_rates.pop(ssrc, None)
        self._retransmissions.discard(ssrc)
        self._senders.pop(ssrc, None)

    def add_sender_report(self, packet: RtcpSrPacket) -> None:
        """Record a sender report, whose sender measures the round-trip time by the answer."""
        if packet.ssrc in self._streams:
            self._senders[packet.ssrc] = (packet.sender_info, time.monotonic())

    def reports(self) -> list[RtcpReceiverInfo]:
        """The report blocks to send now (RFC 3550 section 6.4.1). The next ones begin where these end."""
        return [self._report(ssrc, stream) for ssrc, stream in self._streams.items()]

    def add_statistics(self, report: RTCStatsReport, kind: MediaKind, transport_id: str, owner: int) -> None:
        """Add the statistics of all streams to a report."""
        now = current_datetime()
        # Retransmissions are not a stream of their own in the W3C's statistics.
        originals = {ssrc: stream for ssrc, stream in self._streams.items() if ssrc not in self._retransmissions}
        for ssrc, stream in originals.items():
            report.add(
                InboundStats(
                    timestamp=now,
                    type="inbound-rtp",
                    id=f"inbound-rtp_{owner}_{ssrc}",
                    ssrc=ssrc,
                    kind=kind,
                    transportId=transport_id,
                    packetsReceived=stream.packets_received,
                    packetsLost=stream.packets_lost,
                    jitter=stream.jitter,
                    clockRate=self._clock_rates[ssrc],
                )
            )
        for ssrc, (sender, _) in self._senders.items():
            report.add(
                RTCRemoteOutboundRtpStreamStats(
                    timestamp=now,
                    type="remote-outbound-rtp",
                    id=f"remote-outbound-rtp_{owner}_{ssrc}",
                    ssrc=ssrc,
                    kind=kind,
                    transportId=transport_id,
                    packetsSent=sender.packet_count,
                    bytesSent=sender.octet_count,
                    remoteTimestamp=datetime.fromtimestamp(unix_time(sender.ntp_timestamp), UTC),
                )
            )

    def _report(self, ssrc: int, stream: StreamCounts) -> RtcpReceiverInfo:
        last_report = delay = 0
        if ssrc in self._senders:
            sender, received = self._senders[ssrc]
            seconds = time.monotonic() - received
            last_report = (sender.ntp_timestamp >> 16) & _MAX_WORD
            delay = int(min(seconds, _MAX_DELAY_SECONDS - 1) * 65536)
        return RtcpReceiverInfo(
            ssrc=ssrc,
            fraction_lost=stream.fraction_lost(),
            packets_lost=stream.packets_lost,
            highest_sequence=stream.highest_sequence,
            jitter=stream.jitter,
            lsr=last_report,
            dlsr=delay,
        )
