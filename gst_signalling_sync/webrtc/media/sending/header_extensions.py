"""`HeaderExtensions`: the RTP header extensions that a sender puts into its packets (RFC 8285)."""

from __future__ import annotations

import struct
import time
from typing import Final

from ...engine.codecs import RTCRtpSendParameters
from ...engine.header_extensions import ABS_CAPTURE_TIME, ABS_SEND_TIME, MID, PLAYOUT_DELAY, TRANSPORT_SEQUENCE_NUMBER
from ...sender_clock import ntp_time
from .playout_delay import PlayoutLimits

__all__ = ["HeaderExtensions"]

_ONE_BYTE_EXTENSIONS: Final = 0xBEDE
"""The profile of header extensions with identifiers up to 14 (RFC 8285 section 4.2)."""

_CAPTURE_TIME_BYTES: Final = 8
_SEND_TIME_BYTES: Final = 3
_NUMBER_BYTES: Final = 2
_PLAYOUT_BYTES: Final = 3


class HeaderExtensions:
    """The RTP header extensions of a sender: the mid of its track, each packet's number and times, and its frame's limits.

    Args:
        mid: The element with the track's mid, with its header. Defaults to an empty one: the mid is not sent.
        capture_time: Identifier of abs-capture-time. Defaults to 0: not negotiated.
        send_time: Identifier of abs-send-time. Defaults to 0: not negotiated.
        sequence_number: Identifier of the transport-wide sequence number (TWCC). Defaults to 0: not negotiated.
        playout: Identifier of playout-delay. Defaults to 0: not negotiated.
    """

    def __init__(
        self, mid: bytes = b"", capture_time: int = 0, send_time: int = 0, sequence_number: int = 0, playout: int = 0
    ) -> None:
        self._mid = mid
        self._captured = _head(capture_time, _CAPTURE_TIME_BYTES)
        self._sent = _head(send_time, _SEND_TIME_BYTES)
        self._number = _head(sequence_number, _NUMBER_BYTES)
        self._playout = _head(playout, _PLAYOUT_BYTES)

    @classmethod
    def of(cls, parameters: RTCRtpSendParameters) -> HeaderExtensions:
        """Make those that were negotiated (RFC 8285 section 4.2)."""
        known = {extension.uri: extension.id for extension in parameters.headerExtensions if 0 < extension.id < 15}
        mid = parameters.muxId.encode()
        told = bytes([known[MID] << 4 | len(mid) - 1]) + mid if MID in known and 0 < len(mid) <= 16 else b""
        return cls(
            told,
            known.get(ABS_CAPTURE_TIME, 0),
            known.get(ABS_SEND_TIME, 0),
            known.get(TRANSPORT_SEQUENCE_NUMBER, 0),
            known.get(PLAYOUT_DELAY, 0),
        )

    @property
    def have_playout_delay(self) -> bool:
        """Whether the receiver takes limits of the time until display."""
        return bool(self._playout)

    def now(
        self, captured: float | None = None, number: int | None = None, playout: PlayoutLimits | None = None
    ) -> bytes:
        """The extensions of a packet that is sent now, empty if there are none.

        Args:
            captured: Capture time of the packet's frame, from `time.monotonic`. Defaults to None: the packet does not carry it.
            number: Transport-wide sequence number. Defaults to None: the packet has none.
            playout: Limits of the time until its frame is displayed. Defaults to None: the packet does not carry them.
        """
        parts = [self._mid]
        if captured is not None and self._captured:
            parts += (self._captured, ntp_time(captured).to_bytes(_CAPTURE_TIME_BYTES, "big"))
        if number is not None and self._number:
            parts += (self._number, number.to_bytes(_NUMBER_BYTES, "big"))
        if playout is not None and self._playout:
            parts += (self._playout, playout.pack())
        if self._sent:
            # 24 bits in seconds, 18 of them after the point, from the middle of the NTP timestamp.
            sent = ntp_time(time.monotonic()) >> 14 & 0xFFFFFF
            parts += (self._sent, sent.to_bytes(_SEND_TIME_BYTES, "big"))
        told = b"".join(parts)
        if not told:
            return b""
        words = (len(told) + 3) // 4
        return struct.pack("!HH", _ONE_BYTE_EXTENSIONS, words) + told + bytes(words * 4 - len(told))


def _head(identifier: int, size: int) -> bytes:
    return bytes([identifier << 4 | size - 1]) if identifier else b""
