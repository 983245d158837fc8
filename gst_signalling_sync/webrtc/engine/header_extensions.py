"""RTP header extensions (RFC 8285) of received packets: those that aiortc knows, and abs-capture-time, per transport."""

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
    "TRANSPORT_SEQUENCE_NUMBER",
    "ExtensionsMap",
    "capture_time_of",
]

MID: Final = "urn:ietf:params:rtp-hdrext:sdes:mid"
"""Which media section a packet belongs to (RFC 9143 section 15)."""

AUDIO_LEVEL: Final = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
"""How loud a packet's sound is (RFC 6464); it is negotiated and not used."""

TRANSPORT_SEQUENCE_NUMBER: Final = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
"""Counts the packets of a transport, whichever stream they belong to (TWCC)."""

ABS_SEND_TIME: Final = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
"""When a packet was sent: 24 bits of the NTP time, of which 18 are a part of a second."""

ABS_CAPTURE_TIME: Final = "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time"
"""When a frame was captured, on the capturer's NTP clock: 64 bits, and 64 more of an estimated offset, which are not used."""

_NTP_BYTES: Final = 8


@dataclass
class _Extensions(HeaderExtensions):
    abs_capture_time: int | None = None


class ExtensionsMap(HeaderExtensionsMap):
    """Reads the header extensions of one transport's packets, by the identifiers that were negotiated for it."""

    def __init__(self) -> None:
        super().__init__()
        self._capture_time_identifier: int | None = None

    def configure(self, parameters: RTCRtpParameters) -> None:
        """Take note of the identifiers; called by aiortc."""
        super().configure(parameters)
        for extension in parameters.headerExtensions:
            if extension.uri == ABS_CAPTURE_TIME:
                self._capture_time_identifier = extension.id

    def get(self, extension_profile: int, extension_value: bytes) -> HeaderExtensions:
        """Read the extensions of a packet; called by aiortc.

        Args:
            extension_profile: Which tells of identifiers of one byte from those of two.
            extension_value: All of them.

        Raises:
            ValueError: One is cut off.
        """
        values = super().get(extension_profile, extension_value)
        # It is on one packet of each frame, and longer than all the others have together.
        if self._capture_time_identifier is not None and len(extension_value) > _NTP_BYTES:
            for identifier, value in unpack_header_extensions(extension_profile, extension_value):
                if identifier == self._capture_time_identifier and len(value) >= _NTP_BYTES:
                    return _Extensions(**vars(values), abs_capture_time=int.from_bytes(value[:_NTP_BYTES], "big"))
        return values


def capture_time_of(packet: RtpPacket) -> int | None:
    """The NTP time at which a packet's frame was captured, in units of 2^-32 s; None if the packet does not tell."""
    return packet.extensions.abs_capture_time if isinstance(packet.extensions, _Extensions) else None
