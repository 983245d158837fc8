"""`SenderReports`: the RTCP sender reports of one stream, and what its receiver reports (RFC 3550 section 6). On the loop."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import deque
from typing import Final

from ...engine.rtp import (
    AnyRtcpPacket,
    RtcpByePacket,
    RtcpReceiverInfo,
    RtcpSdesPacket,
    RtcpSenderInfo,
    RtcpSourceInfo,
    RtcpSrPacket,
)
from ...engine.rtp_sender import RtpSender
from ...engine.rtp_transport import transport_id
from ...engine.stats import RemoteInboundStats, current_datetime
from ...sender_clock import ntp_time
from ..failures import Failures
from .rtp_stream import RtpStream

__all__ = ["SenderReports"]

logger = logging.getLogger(__name__)

_ROUND_TRIP_WEIGHT: Final = 0.15

_MAX_UNANSWERED: Final = 16
"""Maximum number of reports whose answers are recognized: a slow link has several on their way."""


class SenderReports:
    """Sends the reports of a stream, and measures the round trip by the answers.

    Args:
        sender: Sends them on its transport.
        stream: The stream.
        failures: Gets failures to send one.
    """

    def __init__(self, sender: RtpSender, stream: RtpStream, failures: Failures) -> None:
        self.cname = ""
        """The canonical name of this end (RFC 3550 section 6.5.1)."""
        self.round_trip = 0.0
        """Round-trip time in seconds; 0: not known yet."""
        self.remote: RemoteInboundStats | None = None
        """What the receiver reported last."""
        self._sender = sender
        self._stream = stream
        self._failures = failures
        # The middle 32 bits of the NTP time of the last reports (LSR), and when each was sent.
        self._sent: deque[tuple[int, float]] = deque(maxlen=_MAX_UNANSWERED)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Send a report about every second; idempotent."""
        if self._task is None:
            self._task = asyncio.ensure_future(self._send_all())

    def stop(self) -> None:
        """Send no more reports; idempotent."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def send(self) -> None:
        """Send a report: the RTP timestamp of now, by the clock that all sources of this process share."""
        now = time.monotonic()
        ntp = ntp_time(now)
        info = RtcpSenderInfo(
            ntp_timestamp=ntp,
            rtp_timestamp=self._stream.timestamp_at(now),
            packet_count=self._stream.packets & 0xFFFFFFFF,
            octet_count=self._stream.octets & 0xFFFFFFFF,
        )
        ssrc = self._sender.ssrc
        name = RtcpSourceInfo(ssrc=ssrc, items=[(1, self.cname.encode())])
        self._sent.append(((ntp >> 16) & 0xFFFFFFFF, now))
        await self._transmit([RtcpSrPacket(ssrc=ssrc, sender_info=info), RtcpSdesPacket(chunks=[name])])

    async def send_goodbye(self) -> None:
        """Tell the receiver that the stream has ended (RTCP BYE)."""
        await self._transmit([RtcpByePacket(sources=[self._sender.ssrc])])

    def on_report(self, report: RtcpReceiverInfo) -> None:
        """Record a report block of the receiver about the stream."""
        sent = next((at for word, at in self._sent if word == report.lsr), None)
        if sent is not None and report.dlsr:
            sample = max(0.0, time.monotonic() - sent - report.dlsr / 65536)
            before = self.round_trip or sample
            self.round_trip = before + _ROUND_TRIP_WEIGHT * (sample - before)
        self.remote = RemoteInboundStats(
            timestamp=current_datetime(),
            type="remote-inbound-rtp",
            id=f"remote-inbound-rtp_{id(self._sender)}",
            ssrc=self._sender.ssrc,
            kind=self._sender.kind,
            transportId=transport_id(self._sender.transport),
            packetsReceived=self._stream.packets - report.packets_lost,
            packetsLost=report.packets_lost,
            jitter=report.jitter,
            roundTripTime=self.round_trip,
            fractionLost=report.fraction_lost,
            clockRate=self._stream.clock_rate,
        )

    async def _send_all(self) -> None:
        while True:
            # Random, so that the reports of many senders do not come at once (RFC 3550 section 6.2).
            await asyncio.sleep(0.5 + random.random())
            if self._stream.packets:
                try:
                    await self.send()
                except Exception as error:  # noqa: BLE001 - reported; without the next one the peer loses the time
                    self._failures.add("send a report", error, time.monotonic())

    async def _transmit(self, packets: list[AnyRtcpPacket]) -> None:
        try:
            await self._sender.transmit(b"".join(map(bytes, packets)))
        except ConnectionError:
            logger.debug("no RTCP of %s was sent: the transport is closed", self._sender.kind)
