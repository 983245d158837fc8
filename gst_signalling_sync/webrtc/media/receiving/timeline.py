"""`Timeline`: unwraps the RTP timestamps of one track to growing numbers, whatever the peer does to them."""

from __future__ import annotations

from typing import Final

from ...wrapping import step

__all__ = ["Timeline"]

_TIMESTAMP_BITS: Final = 32
_TIMESTAMP_MASK: Final = (1 << _TIMESTAMP_BITS) - 1

_IMPLAUSIBLE_SECONDS: Final = 10.0
"""A timestamp that differs by more than this from the time between arrivals belongs to a stream that began again."""


class Timeline:
    """Unwraps the timestamps of one track, and continues if a stream begins again.

    Args:
        clock_rate: RTP ticks per second.
    """

    def __init__(self, clock_rate: int) -> None:
        self.clock_rate = clock_rate
        self._timestamp: int | None = None
        self._position = 0
        self._last = 0
        self._time = 0.0
        self._restarts = False

    @property
    def has_begun(self) -> bool:
        """Whether a frame was placed."""
        return self._timestamp is not None

    def advance(self, timestamp: int, now: float) -> int:
        """Place the next frame.

        Args:
            timestamp: RTP timestamp of its packets.
            now: Seconds on any clock that does not jump.

        Returns:
            A greater number than for the frame before, equal to the timestamp modulo 2**32 as long as the stream does not jump.
        """
        if self._timestamp is None:
            self._position = self._last = timestamp
        else:
            moved = step(self._timestamp, timestamp, _TIMESTAMP_BITS)
            elapsed = int((now - self._time) * self.clock_rate)
            if self._restarts or abs(moved - elapsed) > _IMPLAUSIBLE_SECONDS * self.clock_rate:
                moved = max(elapsed, 1)
            self._position += moved
            self._last = max(self._position, self._last + 1)
        self._timestamp = timestamp
        self._time = now
        self._restarts = False
        return self._last

    def place(self, timestamp: int) -> int:
        """Place a timestamp near that of the last frame, before or after it."""
        assert self._timestamp is not None
        return self._position + step(self._timestamp, timestamp, _TIMESTAMP_BITS)

    def wire(self, placed: int) -> int:
        """The 32-bit timestamp of a frame's packets, if the stream has not jumped since."""
        assert self._timestamp is not None
        return (placed - self._position + self._timestamp) & _TIMESTAMP_MASK

    def restart(self, clock_rate: int) -> None:
        """Let the next timestamp, of another stream, follow the last one by the time that passed."""
        self.clock_rate = clock_rate
        self._restarts = True

    def go_on_from(self, before: Timeline) -> None:
        """Let the next timestamp follow the last one of another timeline by the time that passed."""
        self._timestamp, self._time = before._timestamp, before._time
        self._position, self._last = before._position, before._last
        self._restarts = True
