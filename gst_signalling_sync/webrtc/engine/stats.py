"""aiortc's statistics objects: jitter in RTP ticks, fractions in 256ths, times as `datetime`."""

from __future__ import annotations

from dataclasses import dataclass

from aiortc.clock import current_datetime
from aiortc.stats import (
    RTCInboundRtpStreamStats,
    RTCOutboundRtpStreamStats,
    RTCRemoteInboundRtpStreamStats,
    RTCRemoteOutboundRtpStreamStats,
    RTCStats,
    RTCStatsReport,
)

__all__ = [
    "InboundStats",
    "OutboundStats",
    "RTCRemoteOutboundRtpStreamStats",
    "RTCStats",
    "RTCStatsReport",
    "RemoteInboundStats",
    "current_datetime",
]


@dataclass
class InboundStats(RTCInboundRtpStreamStats):
    """A stream that is received.

    Attributes:
        clockRate: RTP clock rate in Hz, in whose ticks the jitter is.
    """

    clockRate: int


@dataclass
class OutboundStats(RTCOutboundRtpStreamStats):
    """A stream that is sent.

    Attributes:
        encoderImplementation: FFmpeg's name of the encoder; None: it is not known, or the source is encoded already.
        powerEfficientEncoder: Whether the encoder is hardware; None: the encoder is not known.
        targetBitrate: Target of the encoder in bit/s; None: it is not known.
    """

    encoderImplementation: str | None
    powerEfficientEncoder: bool | None
    targetBitrate: int | None


@dataclass
class RemoteInboundStats(RTCRemoteInboundRtpStreamStats):
    """A stream that is sent, as the other end receives it.

    Attributes:
        clockRate: RTP clock rate in Hz, in whose ticks the jitter is.
    """

    clockRate: int
