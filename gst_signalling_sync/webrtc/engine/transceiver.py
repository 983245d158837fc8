"""`Transceiver`: an `RTCRtpTransceiver` whose sender and receiver can be replaced, and codecs restricted. On the loop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from aiortc import RTCDtlsTransport, RTCRtpReceiver, RTCRtpTransceiver

from .capabilities import Capabilities
from .codecs import RTCRtpCodecParameters
from .rtp_receiver import RtpReceiver
from .rtp_sender import RtpSender

if TYPE_CHECKING:
    from ..media.encoded_frame import MediaKind

__all__ = ["Transceiver"]


class Transceiver:
    """A transceiver of a peer connection; one object for each, which may be a key.

    Args:
        transceiver: aiortc's.
        capabilities: Of its connection.
    """

    def __init__(self, transceiver: RTCRtpTransceiver, capabilities: Capabilities) -> None:
        self._transceiver = transceiver
        self._capabilities = capabilities
        self.kind: MediaKind = "video" if transceiver.kind == "video" else "audio"

    def wraps(self, transceiver: RTCRtpTransceiver) -> bool:
        """Whether this is the object for one of aiortc's."""
        return transceiver is self._transceiver

    @property
    def transport(self) -> RTCDtlsTransport:
        """What its media comes and goes by."""
        return self._transceiver.receiver.transport

    @property
    def receiver(self) -> RTCRtpReceiver:
        """The receiver, aiortc's or what replaced it."""
        return self._transceiver.receiver

    @property
    def mid(self) -> str | None:
        """The identifier of its media section, None before there is one."""
        mid: str | None = self._transceiver.mid
        return mid

    @property
    def may_send(self) -> bool:
        """Whether the other end's offer would take media from this end."""
        return self._transceiver._offerDirection in ("sendrecv", "sendonly")

    @property
    def sends(self) -> bool:
        """Whether both ends have agreed that this one sends (``currentDirection``)."""
        return self._transceiver.currentDirection in ("sendrecv", "sendonly")

    @property
    def receives(self) -> bool:
        """Whether both ends have agreed that the other one sends."""
        return self._transceiver.currentDirection in ("sendrecv", "recvonly")

    @property
    def codecs(self) -> Sequence[RTCRtpCodecParameters]:
        """Those of the last description, the preferred one first: once that is answered, those that were negotiated."""
        return self._transceiver._codecs

    def has_codec(self, names: Sequence[str]) -> bool:
        """Whether one of these codecs is among `codecs`."""
        return any(codec.name in names for codec in self._transceiver._codecs)

    def set_direction(self, direction: str) -> None:
        """Set what the next description says; the W3C's ``RTCRtpTransceiverDirection``."""
        self._transceiver.direction = direction

    def prefer_codecs(self, names: Sequence[str], is_stream: bool = False) -> None:
        """Offer only these codecs, in this order, and retransmissions.

        Args:
            names: Of codecs.
            is_stream: Whether what is sent was encoded elsewhere.
        """
        self._transceiver._preferred_codecs = self._capabilities.preferences(self.kind, names, is_stream)

    def restrict_codecs(self, names: Sequence[str]) -> bool:
        """Answer with only these of the codecs that both ends have, in this order, and their retransmissions.

        Returns:
            Whether there is one; if not, nothing has changed.
        """
        codecs = self._transceiver._codecs
        if not any(codec.name in names for codec in codecs):
            return False
        self._transceiver._codecs = self._capabilities.preferred_codecs(
            codecs, self._capabilities.preferences(self.kind, names)
        )
        return True

    def replace(self, sender: RtpSender, receiver: RtpReceiver) -> None:
        """Put a sender and a receiver in the place of aiortc's, before these are started.

        Args:
            sender: Of this transceiver's `transport`; it takes over the identity that the descriptions tell.
            receiver: Likewise.
        """
        transceiver = self._transceiver
        old_sender, old_receiver = transceiver.sender, transceiver.receiver
        sender._ssrc, sender._rtx_ssrc = old_sender._ssrc, old_sender._rtx_ssrc
        sender._stream_id = old_sender._stream_id
        receiver._track = old_receiver._track
        receiver._set_rtcp_ssrc(sender._ssrc)
        transceiver._RTCRtpTransceiver__sender = sender  # type: ignore[attr-defined]
        transceiver._RTCRtpTransceiver__receiver = receiver  # type: ignore[attr-defined]

    def replace_receiver(self, receiver: RtpReceiver) -> None:
        """Put another receiver in the place of one that has ended; it is started when the other end sends again."""
        receiver._set_rtcp_ssrc(self._transceiver.sender._ssrc)
        self._transceiver._RTCRtpTransceiver__receiver = receiver  # type: ignore[attr-defined]
