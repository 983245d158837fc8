"""The times in header extensions and sender reports, beyond the end of NTP's era in 2036."""

from __future__ import annotations

import time

import pytest

from gst_signalling_sync.webrtc.engine.rtp import RtcpSenderInfo
from gst_signalling_sync.webrtc.media.receiving.remote_clock import unix_time
from gst_signalling_sync.webrtc.media.sending.header_extensions import HeaderExtensions
from gst_signalling_sync.webrtc.sender_clock import ntp_time

SECONDS_TO_2040 = 2_208_988_800 - time.time()


@pytest.fixture
def in_2040() -> float:
    """A time of `time.monotonic`."""
    return time.monotonic() + SECONDS_TO_2040


def test_frame_of_2040_has_its_time(in_2040: float) -> None:
    extensions = HeaderExtensions(capture_time=14).now(in_2040)

    head, ntp = extensions[4], extensions[5:13]
    assert head == 14 << 4 | 7
    assert unix_time(int.from_bytes(ntp, "big")) == pytest.approx(time.time() + SECONDS_TO_2040, abs=5)


def test_sender_report_of_2040_has_its_time(in_2040: float) -> None:
    info = RtcpSenderInfo(ntp_timestamp=ntp_time(in_2040), rtp_timestamp=0, packet_count=0, octet_count=0)

    read = RtcpSenderInfo.parse(bytes(info))

    assert unix_time(read.ntp_timestamp) == pytest.approx(time.time() + SECONDS_TO_2040, abs=5)
