"""Sending RTP and RTCP over a DTLS transport (DTLS-SRTP, RFC 5764), and the transport's statistics."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from aiortc import RTCDtlsTransport
from aiortc.rtcrtpreceiver import RTCRtpReceiver

from .stats import RTCStatsReport

__all__ = ["RTCDtlsTransport", "ssrc_routes", "transmit", "transport_id", "transport_stats"]


def transmit(transport: RTCDtlsTransport, data: bytes) -> Coroutine[Any, Any, None]:
    """Encrypt and send an RTP packet or a compound RTCP packet.

    Args:
        transport: The transport.
        data: The packet.

    Raises:
        ConnectionError: The transport is not connected. This is raised when the result is awaited.
    """
    return transport._send_rtp(data)


def transport_id(transport: RTCDtlsTransport) -> str:
    """The identifier of a transport in the statistics."""
    return transport._stats_id


def transport_stats(transport: RTCDtlsTransport) -> RTCStatsReport:
    """The W3C's statistics of a transport."""
    return transport._get_stats()


def ssrc_routes(transport: RTCDtlsTransport) -> dict[int, RTCRtpReceiver]:
    """The table in which aiortc has the receivers of streams, by SSRC. The caller may change it."""
    return transport._rtp_router.ssrc_table  # type: ignore[return-value]
