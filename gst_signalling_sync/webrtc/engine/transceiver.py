"""`Transceiver`: an `RTCRtpTransceiver` whose sender, receiver and codecs can be changed. Lives on the loop."""

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
    """A transceiver of a peer connection. There is one object for each, which can be a key.

    Args:
        transceiver: The transceiver of aiortc.
        capabilities: The capabilities of the connection.
    """

    def __init__(self, transceiver: RTCRtpTransceiver, capabilities: Capabilities) -> None:
        self._transceiver = transceiver
        self._capabilities = capabilities
        self.kind: MediaKind = "video" if transceiver.kind == "video" else "audio"

    def wraps(self, transceiver: RTCRtpTransceiver) -> bool:
        """Whether this is the object for a transceiver of aiortc."""
        return transceiver is self._transceiver

    @property
    def transport(self) -> RTCDtlsTransport:
        """The transport of its media."""
        return self._transceiver.receiver.transport

    @property
    def receiver(self) -> RTCRtpReceiver:
        """The receiver, which is aiortc's or the one that replaced it."""
        return self._transceiver.receiver

    @property
    def mid(self) -> str | None:
        """The mid of its media section; None before there is one."""
        mid: str | None = self._transceiver.mid
        return mid

    @property
    def may_send(self) -> bool:
        """Whether the other end's offer lets this end send."""
        return self._transceiver._offerDirection in ("sendrecv", "sendonly")

    @property
    def sends(self) -> bool:
        """Whether this end sends, as negotiated (``currentDirection``)."""
        return self._transceiver.currentDirection in ("sendrecv", "sendonly")

    @property
    def receives(self) -> bool:
        """Whether this end receives, as negotiated (``currentDirection``)."""
        return self._transceiver.currentDirection in ("sendrecv", "recvonly")

    @property
    def codecs(self) -> Sequence[RTCRtpCodecParameters]:
        """The codecs of the last description, in order of preference. Once it is answered, these are the negotiated codecs."""
        return self._transceiver._codecs

    def has_codec(self, names: Sequence[str]) -> bool:
        """Whether `codecs` has one of these names."""
        return any(codec.name in names for codec in self._transceiver._codecs)

    def set_direction(self, direction: str) -> None:
        """Set the direction of the next description, one of the W3C's ``RTCRtpTransceiverDirection``."""
        self._transceiver.direction = direction

    def prefer_codecs(self, names: Sequence[str], is_stream: bool = False) -> None:
        """Offer only these codecs, in this order, and retransmissions.

        Args:
            names: Names of codecs.
            is_stream: Whether the source is encoded already. Defaults to False.
        """
        self._transceiver._preferred_codecs = self._capabilities.preferences(self.kind, names, is_stream)

    def restrict_codecs(self, names: Sequence[str]) -> bool:
        """Answer with only these of the common codecs, in this order, and their retransmissions.

        Returns:
            Whether there is such a codec. If not, nothing has changed.
        """
        codecs = self._transceiver._codecs
        if not any(codec.name in names for codec in codecs):
            return False
        self._transceiver._codecs = self._capabilities.preferred_codecs(
            codecs, self._capabilities.preferences(self.kind, names)
        )
        return True

    def replace(self, sender: RtpSender, receiver: RtpReceiver) -> None:
        """Replace aiortc's sender and receiver, before these are started.

        Args:
            sender: The sender, for the same `transport`. It takes over the SSRCs and the stream of the descriptions.
            receiver: The receiver, for the same `transport`. It takes over the track.
        """
        transceiver = self._transceiver
        old_sender, old_receiver = transceiver.sender, transceiver.receiver
        sender._ssrc, sender._rtx_ssrc = old_sender._ssrc, old_sender._rtx_ssrc
        sender._stream_id = old_sender._stream_id
        receiver.take_over(old_receiver._track, sender._ssrc)
        transceiver._RTCRtpTransceiver__sender = sender  # type: ignore[attr-defined]
        transceiver._RTCRtpTransceiver__receiver = receiver  # type: ignore[attr-defined]

    def replace_receiver(self, receiver: RtpReceiver) -> None:
        """Replace a receiver that has ended. The new one is started when the other end sends again."""
        receiver._set_rtcp_ssrc(self._transceiver.sender._ssrc)
        self._transceiver._RTCRtpTransceiver__receiver = receiver  # type: ignore[attr-defined]
