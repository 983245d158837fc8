"""Sender reports, and the round trip that their answers tell (RFC 3550 section 6.4)."""

from __future__ import annotations

import asyncio
import logging
from typing import cast

import pytest
from aiortc.rtp import RtcpPacket

from gst_signalling_sync.webrtc.engine.rtp import RtcpReceiverInfo, RtcpSrPacket
from gst_signalling_sync.webrtc.engine.rtp_sender import RtpSender
from gst_signalling_sync.webrtc.media.failures import Failures
from gst_signalling_sync.webrtc.media.sending.rtp_stream import RtpStream
from gst_signalling_sync.webrtc.media.sending.sender_reports import SenderReports

from ...helpers.rtp_streams import FakeTransport

SSRC = 1000


class Sender:
    """Keeps the sender reports that are sent."""

    kind = "video"
    ssrc = SSRC

    def __init__(self) -> None:
        self.transport = FakeTransport()
        self.reports: list[RtcpSrPacket] = []

    async def transmit(self, data: bytes) -> None:
        self.reports += [packet for packet in RtcpPacket.parse(data) if isinstance(packet, RtcpSrPacket)]


def answer_to(report: RtcpSrPacket) -> RtcpReceiverInfo:
    """A receiver's report block after a sender report, with the shortest delay that it can have."""
    word = report.sender_info.ntp_timestamp >> 16 & 0xFFFFFFFF
    return RtcpReceiverInfo(SSRC, 0, 0, 0, 0, lsr=word, dlsr=1)


@pytest.fixture
def sender() -> Sender:
    return Sender()


@pytest.fixture
def reports(sender: Sender) -> SenderReports:
    of = cast(RtpSender, sender)
    failures = Failures(logging.getLogger(__name__), lambda: "the sender", ())
    return SenderReports(of, RtpStream(of, "video"), failures)


@pytest.mark.parametrize("answered", [-1, -2, -5])
def test_round_trip_is_known_where_several_reports_are_on_their_way(
    sender: Sender, reports: SenderReports, answered: int
) -> None:
    for _ in range(5):
        asyncio.run(reports.send())

    reports.on_report(answer_to(sender.reports[answered]))

    assert 0 < reports.round_trip < 5


@pytest.mark.parametrize("lsr", [0, 12345])
def test_answer_to_no_report_tells_no_round_trip(sender: Sender, reports: SenderReports, lsr: int) -> None:
    asyncio.run(reports.send())

    reports.on_report(RtcpReceiverInfo(SSRC, 0, 0, 0, 0, lsr=lsr, dlsr=1000))

    assert reports.round_trip == 0


def test_counts_of_weeks_fit_their_fields(sender: Sender, reports: SenderReports) -> None:
    stream = RtpStream(cast(RtpSender, sender), "video")
    stream.packets, stream.octets = (1 << 32) + 5, (1 << 40) + 7
    weeks = SenderReports(cast(RtpSender, sender), stream, Failures(logging.getLogger(__name__), lambda: "", ()))

    asyncio.run(weeks.send())

    assert sender.reports[-1].sender_info.packet_count == 5
    assert sender.reports[-1].sender_info.octet_count == 7
