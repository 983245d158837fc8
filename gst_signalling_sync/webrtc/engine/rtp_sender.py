"""`RtpSender`: an `RTCRtpSender` that sends ready packets instead of encoding a track's frames. Lives on the loop."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from aiortc import RTCRtpSender

from .codecs import RTCRtpSendParameters
from .dtls import RobustDtlsTransport
from .rtp import AnyRtcpPacket
from .rtp_transport import transmit
from .transport_departures import TransportDepartures

__all__ = ["RtpSender"]


class RtpSender(RTCRtpSender):
    """Base of senders that replace a transceiver's sender (`Transceiver.replace`).

    None of aiortc's own machinery runs. It encodes for each session, and has a task that waits for each frame.
    """

    @property
    def ssrc(self) -> int:
        """The SSRC of the packets."""
        return self._ssrc

    @property
    def retransmission_ssrc(self) -> int:
        """The SSRC of retransmissions (RTX, RFC 4588 section 4)."""
        return self._rtx_ssrc

    @property
    def track_id(self) -> str:
        """The identifier of the track in descriptions and statistics. It is set before the first description."""
        return self._track_id

    @track_id.setter
    def track_id(self, track_id: str) -> None:
        self._track_id = track_id

    @property
    def is_enabled(self) -> bool:
        """Whether the negotiated direction lets this end send."""
        return self._enabled

    @property
    def departures(self) -> TransportDepartures:
        """The object that counts and paces the packets of the transport."""
        assert isinstance(self.transport, RobustDtlsTransport)
        return self.transport.departures

    def register(self, parameters: RTCRtpSendParameters) -> None:
        """Receive RTCP about the stream from now on, by `on_rtcp`."""
        self.transport._register_rtp_sender(self, parameters)

    def unregister(self) -> None:
        """Receive no more RTCP."""
        self.transport._unregister_rtp_sender(self)

    def transmit(self, data: bytes) -> Coroutine[Any, Any, None]:
        """Encrypt and send a packet.

        Raises:
            ConnectionError: The transport is not connected. This is raised when the result is awaited.
        """
        return transmit(self.transport, data)

    async def on_rtcp(self, packet: AnyRtcpPacket) -> None:
        """Handle an RTCP packet about the stream."""
        raise NotImplementedError

    async def _handle_rtcp_packet(self, packet: AnyRtcpPacket) -> None:
        await self.on_rtcp(packet)
