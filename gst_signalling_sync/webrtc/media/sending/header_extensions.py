"""`HeaderExtensions`: the RTP header extensions that a sender puts into each of its packets (RFC 8285)."""

from __future__ import annotations

import struct
import time
from typing import Final

from ...engine.codecs import RTCRtpSendParameters
from .sender_clock import ntp_time

__all__ = ["HeaderExtensions"]

_MID: Final = "urn:ietf:params:rtp-hdrext:sdes:mid"
_SEND_TIME: Final = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"

_ONE_BYTE_EXTENSIONS: Final = 0xBEDE
"""The profile of header extensions with identifiers up to 14 (RFC 8285 section 4.2)."""


class HeaderExtensions:
    """The RTP header extensions of a sender: the track's identifier, and when a packet is sent.

    Args:
        before: What stands before the time.
        after: What stands after it; None: there is no time.
    """

    def __init__(self, before: bytes = b"", after: bytes | None = None) -> None:
        self._before = before
        self._after = after
        self.length = len(before)

    @classmethod
    def of(cls, parameters: RTCRtpSendParameters) -> HeaderExtensions:
        """Those of the extensions that were negotiated (RFC 8285 section 4.2)."""
        identifiers = {extension.uri: extension.id for extension in parameters.headerExtensions}
        mid = parameters.muxId.encode()
        body = b""
        if 0 < identifiers.get(_MID, 0) < 15 and 0 < len(mid) <= 16:
            body += bytes([identifiers[_MID] << 4 | len(mid) - 1]) + mid
        has_time = 0 < identifiers.get(_SEND_TIME, 0) < 15
        if has_time:
            body += bytes([identifiers[_SEND_TIME] << 4 | 2])
        if not body:
            return cls()
        size = len(body) + (3 if has_time else 0)
        words = (size + 3) // 4
        padding = bytes(words * 4 - size)
        head = struct.pack("!HH", _ONE_BYTE_EXTENSIONS, words) + body
        return cls(head, padding) if has_time else cls(head + padding)

    def now(self) -> bytes:
        """The extensions of a packet that is sent now."""
        if self._after is None:
            return self._before
        # Seconds in 24 bits, 18 of them behind the point, of the low bits of the NTP time.
        ntp = (ntp_time(time.monotonic()) >> 14) & 0xFFFFFF
        return self._before + ntp.to_bytes(3, "big") + self._after
