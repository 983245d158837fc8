"""`Timeline`: RTP timestamps of one track as numbers that only ever grow, whatever the peer does to them."""

from __future__ import annotations

from typing import Final

from ...wrapping import step

__all__ = ["Timeline"]

_TIMESTAMP_BITS: Final = 32
_TIMESTAMP_MASK: Final = (1 << _TIMESTAMP_BITS) - 1

_IMPLAUSIBLE_SECONDS: Final = 10.0
"""A timestamp that moves this much more, or less, than the time between arrivals belongs to a stream that began anew."""


class Timeline:
    """Unwraps the timestamps of one track, and carries on where a stream begins anew.

    Args:
        clock_rate: RTP ticks per second.
    """

    def __init__(self, clock_rate: int) -> None:
        self.clock_rate = clock_rate
        self._timestamp: int | None = None
        self._position = 0
        self._last = 0
        self._time = 0.0
        self._begins_anew = False

    @property
    def has_begun(self) -> bool:
        """Whether there was a frame."""
        return self._timestamp is not None

    def advance(self, timestamp: int, now: float) -> int:
        """Place the next frame.

        Args:
            timestamp: Of its packets.
            now: Seconds on any clock that does not jump.

        Returns:
            More than for the frame before, and equal to the timestamp modulo 2**32 as long as the stream does not jump.
        """
        if self._timestamp is None:
            self._position = self._last = timestamp
        else:
            moved = step(self._timestamp, timestamp, _TIMESTAMP_BITS)
            elapsed = int((now - self._time) * self.clock_rate)
            if self._begins_anew or abs(moved - elapsed) > _IMPLAUSIBLE_SECONDS * self.clock_rate:
                moved = max(elapsed, 1)
            self._position += moved
            self._last = max(self._position, self._last + 1)
        self._timestamp = timestamp
        self._time = now
        self._begins_anew = False
        return self._last

    def place(self, timestamp: int) -> int:
        """Where a timestamp near that of the last frame is, which may be before it."""
        assert self._timestamp is not None
        return self._position + step(self._timestamp, timestamp, _TIMESTAMP_BITS)

    def wire(self, placed: int) -> int:
        """The 32 bits that a frame's packets had as their timestamp, of a frame that came since the stream last jumped."""
        assert self._timestamp is not None
        return (placed - self._position + self._timestamp) & _TIMESTAMP_MASK

    def begin_anew(self, clock_rate: int) -> None:
        """Have the next timestamp, of another stream, follow the last one by the time that passed."""
        self.clock_rate = clock_rate
        self._begins_anew = True

    def go_on_from(self, before: Timeline) -> None:
        """Have the next timestamp follow the last one of another timeline, by the time that passed."""
        self._timestamp, self._time = before._timestamp, before._time
        self._position, self._last = before._position, before._last
        self._begins_anew = True
