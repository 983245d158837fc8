"""RTP header extensions (RFC 8285) of received packets: those that aiortc knows, and abs-capture-time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from aiortc.rtcrtpparameters import RTCRtpParameters
from aiortc.rtp import HeaderExtensions, HeaderExtensionsMap, RtpPacket, unpack_header_extensions

__all__ = [
    "ABS_CAPTURE_TIME",
    "ABS_SEND_TIME",
    "AUDIO_LEVEL",
    "MID",
    "PLAYOUT_DELAY",
    "TRANSPORT_SEQUENCE_NUMBER",
    "ExtensionsMap",
    "capture_time_of",
]

MID: Final = "urn:ietf:params:rtp-hdrext:sdes:mid"
"""The mid of the media section that a packet belongs to (RFC 9143 section 15)."""

AUDIO_LEVEL: Final = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
"""The audio level of a packet (RFC 6464). It is negotiated and not used."""

TRANSPORT_SEQUENCE_NUMBER: Final = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
"""The transport-wide sequence number (TWCC), which counts the packets of all streams of a transport."""

ABS_SEND_TIME: Final = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
"""When a packet was sent: 24 bits of the NTP time, of which 18 are a fraction of a second."""

ABS_CAPTURE_TIME: Final = "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time"
"""When a frame was captured: the NTP time of the capturer's clock, 64 bits. The 64 bits of an estimated offset are not used."""

PLAYOUT_DELAY: Final = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"
"""How long a receiver should hold a frame: a minimum and a maximum. It is sent, and ignored in what is received."""

_NTP_BYTES: Final = 8


@dataclass
class _Extensions(HeaderExtensions):
    abs_capture_time: int | None = None


class ExtensionsMap(HeaderExtensionsMap):
    """Reads the header extensions of one transport's packets, by the negotiated identifiers."""

    def __init__(self) -> None:
        super().__init__()
        self._capture_time_identifier: int | None = None

    def configure(self, parameters: RTCRtpParameters) -> None:
        """Record the negotiated identifiers; called by aiortc."""
        super().configure(parameters)
        for extension in parameters.headerExtensions:
            if extension.uri == ABS_CAPTURE_TIME:
                self._capture_time_identifier = extension.id

    def get(self, extension_profile: int, extension_value: bytes) -> HeaderExtensions:
        """Read the extensions of a packet; called by aiortc.

        Args:
            extension_profile: The profile, which distinguishes one-byte headers from two-byte headers.
            extension_value: The extensions.

        Raises:
            ValueError: An extension is truncated.
        """
        values = super().get(extension_profile, extension_value)
        # One packet of each frame has it. It is longer than all others together, so the length shows whether to look for it.
        if self._capture_time_identifier is not None and len(extension_value) > _NTP_BYTES:
            for identifier, value in unpack_header_extensions(extension_profile, extension_value):
                if identifier == self._capture_time_identifier and len(value) >= _NTP_BYTES:
                    return _Extensions(**vars(values), abs_capture_time=int.from_bytes(value[:_NTP_BYTES], "big"))
        return values


def capture_time_of(packet: RtpPacket) -> int | None:
    """The NTP time at which a packet's frame was captured, in units of 2^-32 s; None: the packet does not have it."""
    return packet.extensions.abs_capture_time if isinstance(packet.extensions, _Extensions) else None
