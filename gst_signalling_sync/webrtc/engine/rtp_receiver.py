"""`RtpReceiver`: an `RTCRtpReceiver` that passes packets on instead of decoding them. Lives on the loop."""

from __future__ import annotations

from aiortc import RTCRtpReceiver
from aiortc.rtcrtpreceiver import RemoteStreamTrack

from .codecs import RTCRtpReceiveParameters
from .dtls import RobustDtlsTransport
from .rtp import AnyRtcpPacket, RtpPacket
from .rtp_transport import RTCDtlsTransport, ssrc_routes

__all__ = ["RtpReceiver"]


class RtpReceiver(RTCRtpReceiver):
    """Base of receivers that replace a transceiver's receiver (`Transceiver.replace`).

    None of aiortc's own machinery runs. It delivers a frame only when the next one begins, requests a lost packet once, and has
    a decoder thread for which the loop waits.

    Args:
        kind: ``"audio"`` or ``"video"``.
        transport: The transport of the track.
    """

    feedback_ssrc = 0
    """The SSRC of feedback that is sent."""

    def __init__(self, kind: str, transport: RTCDtlsTransport) -> None:
        super().__init__(kind, transport)
        # These have thousands of objects that are not used here, in a reference cycle. When the connection is closed, the
        # garbage collector would stop all threads for longer than the duration of a frame.
        self._RTCRtpReceiver__remote_bitrate_estimator = None
        self._RTCRtpReceiver__jitter_buffer = None

    @property
    def is_enabled(self) -> bool:
        """Whether the negotiated direction has the other end send."""
        return self._enabled

    @property
    def routes(self) -> dict[int, RTCRtpReceiver]:
        """The receivers of the streams by SSRC. This is aiortc's table, to which each new SSRC of a peer is added."""
        return ssrc_routes(self.transport)

    def take_over(self, track: RemoteStreamTrack | None, ssrc: int) -> None:
        """Take the place of another receiver, before `register`.

        Args:
            track: The receiver's track.
            ssrc: The SSRC of feedback that is sent.
        """
        self._track = track
        self._set_rtcp_ssrc(ssrc)

    def register(self, parameters: RTCRtpReceiveParameters) -> None:
        """Receive packets from now on, by `on_rtp` and `on_rtcp`."""
        self.transport._register_rtp_receiver(self, parameters)
        if isinstance(self.transport, RobustDtlsTransport):
            self.transport.arrivals.begin(parameters, self.feedback_ssrc)

    def unregister(self) -> None:
        """Receive no more packets."""
        self.transport._unregister_rtp_receiver(self)

    def end_track(self) -> None:
        """End aiortc's track, so that code that waits for its frames does not wait forever."""
        if self._track is not None:
            self._track._queue.put_nowait(None)
            self._track.stop()

    def on_rtp(self, packet: RtpPacket) -> None:
        """Handle an RTP packet of the track."""
        raise NotImplementedError

    def on_rtcp(self, packet: AnyRtcpPacket) -> None:
        """Handle an RTCP packet of the sender."""
        raise NotImplementedError

    def on_feedback_ssrc(self, ssrc: int) -> None:
        """Handle that the SSRC of feedback is set."""
        raise NotImplementedError

    def on_disconnect(self) -> None:
        """Handle the end of the transport."""
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
