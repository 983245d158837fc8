"""Sending RTP and RTCP over a DTLS transport (SRTP, RFC 5764), and the transport's part in the statistics."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from aiortc import RTCDtlsTransport
from aiortc.rtcrtpreceiver import RTCRtpReceiver

from .stats import RTCStatsReport

__all__ = ["RTCDtlsTransport", "ssrc_routes", "transmit", "transport_id", "transport_stats"]


def transmit(transport: RTCDtlsTransport, data: bytes) -> Coroutine[Any, Any, None]:
    """Encrypt and send a packet of RTP, or packets of RTCP.

    Args:
        transport: What it goes by.
        data: As on the wire.

    Raises:
        ConnectionError: When awaited: the transport is not connected.
    """
    return transport._send_rtp(data)


def transport_id(transport: RTCDtlsTransport) -> str:
    """The identifier of a transport in the statistics."""
    return transport._stats_id


def transport_stats(transport: RTCDtlsTransport) -> RTCStatsReport:
    """The W3C's statistics of a transport."""
    return transport._get_stats()


def ssrc_routes(transport: RTCDtlsTransport) -> dict[int, RTCRtpReceiver]:
    """The table that aiortc keeps of which receiver gets the packets of which stream, by SSRC; it may be changed."""
    return transport._rtp_router.ssrc_table  # type: ignore[return-value]
