"""`StreamCounts`: the counts of one received stream for receiver reports (RFC 3550 section 6.4.1 and appendix A). No clock."""

from __future__ import annotations

from typing import Final

from ...wrapping import step
from .stray_packets import MAX_AHEAD, StrayPackets

__all__ = ["StreamCounts"]

_SEQUENCE_BITS: Final = 16
_TIMESTAMP_BITS: Final = 32
_MAX_WORD: Final = 0xFFFFFFFF

_MAX_LOST: Final = 0x7FFFFF
_MIN_LOST: Final = -0x800000
"""Range of the cumulative number of packets lost, which has 24 bits."""

_MAX_FRACTION: Final = 0xFF

_JITTER_SHARE: Final = 16
"""Divisor of the smoothed jitter (RFC 3550 appendix A.8)."""

_IMPLAUSIBLE_SECONDS: Final = 5.0
"""A transit time that changes by more than this is that of a stream whose timestamps have jumped, and is not jitter."""


class StreamCounts:
    """The counts of one SSRC. Sequence numbers and timestamps may wrap, and may jump.

    Args:
        clock_rate: RTP ticks per second.
    """

    def __init__(self, clock_rate: int) -> None:
        self.packets_received = 0
        """Number of packets that came, repeated ones included."""
        self._clock_rate = clock_rate
        # Without wrapping; None before the first packet.
        self._highest: int | None = None
        self._expected = 0
        self._strays = StrayPackets()
        # Numbers of packets expected and received at the last report.
        self._reported = (0, 0)
        self._jitter = 0.0
        # Arrival in ticks and timestamp of the last packet in order.
        self._last: tuple[int, int] | None = None

    @property
    def highest_sequence(self) -> int:
        """The extended highest sequence number received, 32 bits."""
        return (self._highest or 0) & _MAX_WORD

    @property
    def packets_lost(self) -> int:
        """Number of packets expected less those received, 24 bits; negative if packets came twice."""
        return max(_MIN_LOST, min(self._expected - self.packets_received, _MAX_LOST))

    @property
    def jitter(self) -> int:
        """The smoothed jitter in RTP ticks."""
        return int(self._jitter)

    def add(self, sequence_number: int, timestamp: int, now: float) -> None:
        """Count a packet.

        Args:
            sequence_number: Its sequence number, 16 bits.
            timestamp: Its RTP timestamp, 32 bits.
            now: Seconds on any clock that does not jump.
        """
        self.packets_received += 1
        if self._highest is None:
            self._highest, ahead = sequence_number, 1
        else:
            ahead = step(self._highest, sequence_number, _SEQUENCE_BITS)
            if 0 < ahead <= MAX_AHEAD:
                self._highest += ahead
                self._strays.run = 0
            elif self._strays.have_moved(sequence_number, ahead, now):
                # The stream has begun again elsewhere. What is between is not lost.
                self._highest, ahead = sequence_number, 1
            else:
                return
        self._expected += ahead
        self._measure(timestamp, now)

    def fraction_lost(self) -> int:
        """The fraction of the packets since the last call that were lost, in 256ths, 8 bits."""
        expected, received = self._expected - self._reported[0], self.packets_received - self._reported[1]
        self._reported = self._expected, self.packets_received
        lost = expected - received
        return min((lost << 8) // expected, _MAX_FRACTION) if expected > 0 and lost > 0 else 0

    def _measure(self, timestamp: int, now: float) -> None:
        arrival = int(now * self._clock_rate)
        before, self._last = self._last, (arrival, timestamp)
        # The packets of a frame have one timestamp, and are sent one after another.
        if before is None or timestamp == before[1]:
            return
        moved = arrival - before[0] - step(before[1], timestamp, _TIMESTAMP_BITS)
        changed = abs(step(0, moved, _TIMESTAMP_BITS))
        if changed <= _IMPLAUSIBLE_SECONDS * self._clock_rate:
            self._jitter += (changed - self._jitter) / _JITTER_SHARE
