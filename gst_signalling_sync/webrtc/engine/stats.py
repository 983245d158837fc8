"""The W3C's statistics objects as aiortc has them."""

from __future__ import annotations

from aiortc.clock import current_datetime, datetime_from_ntp
from aiortc.stats import (
    RTCInboundRtpStreamStats,
    RTCOutboundRtpStreamStats,
    RTCRemoteInboundRtpStreamStats,
    RTCRemoteOutboundRtpStreamStats,
    RTCStatsReport,
)

__all__ = [
    "RTCInboundRtpStreamStats",
    "RTCOutboundRtpStreamStats",
    "RTCRemoteInboundRtpStreamStats",
    "RTCRemoteOutboundRtpStreamStats",
    "RTCStatsReport",
    "current_datetime",
    "datetime_from_ntp",
]
