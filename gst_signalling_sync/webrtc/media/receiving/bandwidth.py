"""`Bandwidth`: estimates the bitrate of the link to this end (REMB) by aiortc's estimator, at a fraction of its cost."""

from __future__ import annotations

from typing import Final

from ...engine.remb import RemoteBitrateEstimator
from ...engine.rtp import RTP_HEADER_LENGTH
from ...wrapping import step

__all__ = ["Bandwidth"]

_SEND_TIME_BITS: Final = 24
_BURST: Final = 5 * (1 << 18) // 1000
"""5 ms of send time, whose fraction of a second has 18 bits. The estimator itself groups packets within such a burst."""

_PAUSE_SECONDS: Final = 5.0
"""Pause after which a new estimator is made: the old one would step through every millisecond of the pause."""


class Bandwidth:
    """The estimate for one track. Lives on the loop."""

    def __init__(self) -> None:
        # Made for the first packet: it is more than a thousand objects, and most senders of video receive none.
        self._estimator: RemoteBitrateEstimator | None = None
        self._begin: int | None = None
        self._last = 0
        self._size = 0
        self._arrival = 0.0

    def add(self, send_time: int, size: int, now: float) -> int | None:
        """Add a packet.

        Args:
            send_time: Its abs-send-time: 24 bits, 18 of them the fraction of a second.
            size: Size of its payload in bytes.
            now: Seconds on any clock that does not jump.

        Returns:
            The estimate in bit/s, if the sender must be told now; else None.
        """
        if now - self._arrival > _PAUSE_SECONDS:
            self._estimator = RemoteBitrateEstimator()
            self._begin = None
        estimate = None
        if self._begin is None or step(self._begin, send_time, _SEND_TIME_BITS) > _BURST:
            estimate = self._estimate()
            self._begin = self._last = send_time
            self._size = 0
        if step(self._last, send_time, _SEND_TIME_BITS) > 0:
            self._last = send_time
        # With the header, because the estimator divides by the size that it gets.
        self._size += size + RTP_HEADER_LENGTH
        self._arrival = now
        return estimate

    def _estimate(self) -> int | None:
        """Pass the completed burst to the estimator."""
        if self._begin is None:
            return None
        if self._estimator is None:
            self._estimator = RemoteBitrateEstimator()
        # It never forgets an SSRC, and only lists them.
        result = self._estimator.add(
            arrival_time_ms=int(self._arrival * 1000), abs_send_time=self._last, payload_size=self._size, ssrc=0
        )
        return None if result is None else result[0]
