"""`HeaderExtensions`: the RTP header extensions that a sender puts into its packets (RFC 8285)."""

from __future__ import annotations

import struct
import time
from typing import Final

from ...engine.codecs import RTCRtpSendParameters
from ...engine.header_extensions import ABS_CAPTURE_TIME, ABS_SEND_TIME, MID
from .sender_clock import ntp_time

__all__ = ["HeaderExtensions"]

_ONE_BYTE_EXTENSIONS: Final = 0xBEDE
"""The profile of header extensions with identifiers up to 14 (RFC 8285 section 4.2)."""

_CAPTURE_TIME_BYTES: Final = 8
_SEND_TIME_BYTES: Final = 3


class HeaderExtensions:
    """The RTP header extensions of a sender: the track's identifier, when a frame was captured, and when a packet is sent.

    Args:
        mid: The track's identifier, with its header; empty where it is not told.
        capture_time: The identifier of abs-capture-time; 0: it was not negotiated.
        send_time: The identifier of abs-send-time; 0: it was not negotiated.
    """

    def __init__(self, mid: bytes = b"", capture_time: int = 0, send_time: int = 0) -> None:
        self._has_send_time = bool(send_time)
        self._has_capture_time = bool(capture_time)
        captured = bytes([capture_time << 4 | _CAPTURE_TIME_BYTES - 1]) if capture_time else b""
        sent = bytes([send_time << 4 | _SEND_TIME_BYTES - 1]) if send_time else b""
        self._plain = _Layout(mid + sent, _SEND_TIME_BYTES if sent else 0)
        self._with_capture_time = _Layout(mid + captured, _CAPTURE_TIME_BYTES, sent, _SEND_TIME_BYTES if sent else 0)

    @classmethod
    def of(cls, parameters: RTCRtpSendParameters) -> HeaderExtensions:
        """Those of the extensions that were negotiated (RFC 8285 section 4.2)."""
        known = {extension.uri: extension.id for extension in parameters.headerExtensions if 0 < extension.id < 15}
        mid = parameters.muxId.encode()
        told = bytes([known[MID] << 4 | len(mid) - 1]) + mid if MID in known and 0 < len(mid) <= 16 else b""
        return cls(told, known.get(ABS_CAPTURE_TIME, 0), known.get(ABS_SEND_TIME, 0))

    def now(self, captured: float | None = None) -> bytes:
        """The extensions of a packet that is sent now, empty if there are none.

        Args:
            captured: When its frame was captured, on the clock of `time.monotonic`; None: this packet does not tell.
        """
        # Seconds in 24 bits, 18 of them behind the point, of the low bits of the NTP time.
        sent = (ntp_time(time.monotonic()) >> 14 & 0xFFFFFF).to_bytes(3, "big") if self._has_send_time else b""
        if captured is None or not self._has_capture_time:
            return self._plain.fill(sent)
        return self._with_capture_time.fill(ntp_time(captured).to_bytes(_CAPTURE_TIME_BYTES, "big"), sent)


class _Layout:
    """The extensions of a packet without their times.

    Args:
        *parts: What stands before each time, and how many bytes that has.
    """

    def __init__(self, *parts: bytes | int) -> None:
        size = sum(each if isinstance(each, int) else len(each) for each in parts)
        words = (size + 3) // 4
        head = struct.pack("!HH", _ONE_BYTE_EXTENSIONS, words) if words else b""
        texts = [each for each in parts if isinstance(each, bytes)]
        self._before = [head + texts[0], *texts[1:]]
        self._padding = bytes(words * 4 - size)

    def fill(self, *times: bytes) -> bytes:
        """The extensions with their times; an empty one where there is none."""
        before = self._before
        if len(times) == 1:
            return before[0] + times[0] + self._padding
        return b"".join((before[0], times[0], before[1], times[1], self._padding))
