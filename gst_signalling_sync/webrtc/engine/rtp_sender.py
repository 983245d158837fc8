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
    """What takes the place of a transceiver's sender (`Transceiver.replace`); a subclass does the sending.

    Of aiortc's own, which encodes for every session and has a task that waits for every frame, nothing is at work.
    """

    @property
    def ssrc(self) -> int:
        """The synchronisation source of the packets."""
        return self._ssrc

    @property
    def retransmission_ssrc(self) -> int:
        """That of packets that are sent again (RFC 4588 section 4)."""
        return self._rtx_ssrc

    @property
    def track_id(self) -> str:
        """The identifier of the track, in descriptions and statistics; set before the first description."""
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
        """What counts and paces the packets of the transport."""
        assert isinstance(self.transport, RobustDtlsTransport)
        return self.transport.departures

    def register(self, parameters: RTCRtpSendParameters) -> None:
        """Have RTCP about the stream come to `on_rtcp`."""
        self.transport._register_rtp_sender(self, parameters)

    def unregister(self) -> None:
        """Have no more RTCP come."""
        self.transport._unregister_rtp_sender(self)

    def transmit(self, data: bytes) -> Coroutine[Any, Any, None]:
        """Encrypt and send a packet.

        Raises:
            ConnectionError: When awaited: the transport is not connected.
        """
        return transmit(self.transport, data)

    async def on_rtcp(self, packet: AnyRtcpPacket) -> None:
        """Take what the other end says of the stream."""
        raise NotImplementedError

    async def _handle_rtcp_packet(self, packet: AnyRtcpPacket) -> None:
        await self.on_rtcp(packet)
