"""`RtpReceiver`: an `RTCRtpReceiver` that hands packets on instead of decoding them. Lives on the loop."""

from __future__ import annotations

from aiortc import RTCRtpReceiver

from .codecs import RTCRtpReceiveParameters
from .dtls import RobustDtlsTransport
from .rtp import AnyRtcpPacket, RtpPacket
from .rtp_transport import RTCDtlsTransport, ssrc_routes

__all__ = ["RtpReceiver"]


class RtpReceiver(RTCRtpReceiver):
    """What takes the place of a transceiver's receiver (`Transceiver.replace`); a subclass does the receiving.

    Of aiortc's own, which hands a frame on only when the next one begins, asks once for a packet that is lost, and has a
    decoder whose thread the loop waits for, nothing is at work.

    Args:
        kind: ``"audio"`` or ``"video"``.
        transport: What the track comes by.
    """

    feedback_ssrc = 0
    """The synchronisation source that feedback is sent under."""

    def __init__(self, kind: str, transport: RTCDtlsTransport) -> None:
        super().__init__(kind, transport)
        # Thousands of objects that are not used here, and would be garbage in a cycle when the connection is closed: the
        # collector then stops all threads for longer than a frame lasts.
        self._RTCRtpReceiver__remote_bitrate_estimator = None
        self._RTCRtpReceiver__jitter_buffer = None

    @property
    def is_enabled(self) -> bool:
        """Whether the negotiated direction has the other end send."""
        return self._enabled

    @property
    def routes(self) -> dict[int, RTCRtpReceiver]:
        """The receivers of the streams by SSRC: aiortc's table, which grows by every SSRC that a peer thinks of."""
        return ssrc_routes(self.transport)

    def register(self, parameters: RTCRtpReceiveParameters) -> None:
        """Have packets come to `on_rtp` and `on_rtcp`."""
        self.transport._register_rtp_receiver(self, parameters)
        if isinstance(self.transport, RobustDtlsTransport):
            self.transport.arrivals.take(parameters, self.feedback_ssrc)

    def unregister(self) -> None:
        """Have no more packets come."""
        self.transport._unregister_rtp_receiver(self)

    def end_track(self) -> None:
        """End aiortc's track: whoever waits for a frame of it would wait forever."""
        if self._track is not None:
            self._track._queue.put_nowait(None)
            self._track.stop()

    def on_rtp(self, packet: RtpPacket) -> None:
        """Take a packet of the track."""
        raise NotImplementedError

    def on_rtcp(self, packet: AnyRtcpPacket) -> None:
        """Take a sender's report."""
        raise NotImplementedError

    def on_feedback_ssrc(self, ssrc: int) -> None:
        """Take the synchronisation source that feedback is sent under."""
        raise NotImplementedError

    def on_disconnect(self) -> None:
        """Take note that the transport is closed."""
        raise NotImplementedError

    async def _handle_rtp_packet(self, packet: RtpPacket, arrival_time_ms: int) -> None:
        self.on_rtp(packet)

    async def _handle_rtcp_packet(self, packet: AnyRtcpPacket) -> None:
        self.on_rtcp(packet)

    def _set_rtcp_ssrc(self, ssrc: int) -> None:
        self.feedback_ssrc = ssrc
        self.on_feedback_ssrc(ssrc)

    def _handle_disconnect(self) -> None:
        self.on_disconnect()
