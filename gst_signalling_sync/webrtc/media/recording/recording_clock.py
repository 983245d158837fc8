"""`RecordingClock`: where in a recording the frames of a track belong. No clock of its own.

Positions are counted in RTP ticks, which are even, and held to the clock of the sender, which is what keeps sound and picture
together: what its RTCP reports say is followed within seconds, a tenth of a second or more that is missing at once. Both are
believed only as far as they agree with the time of arrival, because the sender may be broken, or hostile.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from ..encoded_frame import EncodedFrame

__all__ = ["CaptureClock", "RecordingClock", "Zero"]

_PLAUSIBLE_SECONDS: Final = 5.0
"""Between the time from capture to capture and that from arrival to arrival: what a congested network may delay."""

_JUMP_SECONDS: Final = 0.1
"""Missing by the sender's clock: above, the position jumps ahead; below, or where it is ahead already, it gives way slowly."""

_SETTLING_SECONDS: Final = 5.0
"""After which a small deviation has shrunk to a third."""

_MAX_SLOWING: Final = 0.05
"""By how much positions may run slower or faster than ticks; a packet of 20 ms is then at most 1 ms off."""


class CaptureClock(Protocol):
    """What a recording reads off a `RemoteClock`; any thread."""

    def seconds(self, timestamp: int) -> float | None:
        """When the frame with that RTP timestamp was captured, on the sender's wall clock; None if not known."""


@dataclass(frozen=True, slots=True)
class Zero:
    """The beginning of a recording.

    Attributes:
        arrival: On `time.monotonic`.
        capture: On the sender's wall clock; None where not all tracks have it. Then the time of arrival counts for all.
    """

    arrival: float
    capture: float | None


class RecordingClock:
    """Positions the frames of one track; used by one thread.

    Args:
        zero: The beginning of the recording.
        clock: Of the track.
    """

    def __init__(self, zero: Zero, clock: CaptureClock) -> None:
        self._arrival = zero.arrival
        self._capture = zero.capture
        self._clock = clock
        self._timestamp: int | None = None
        self._position = 0.0
        self._skipped = 0.0

    def skip(self, seconds: float) -> None:
        """Leave out so many seconds of the recording, in which it paused."""
        self._skipped += seconds

    def position(self, frame: EncodedFrame, clock_rate: int) -> float:
        """Place the next frame.

        Args:
            frame: In the order of decoding.
            clock_rate: RTP ticks per second.

        Returns:
            Seconds from the beginning of the recording; negative before it.
        """
        arrival = frame.time - self._arrival
        reported = self._reported(frame)
        trusted = reported if reported is not None and _is_plausible(reported, arrival) else None
        elapsed = 0.0 if self._timestamp is None else (frame.timestamp - self._timestamp) / clock_rate
        position = self._position + elapsed
        if self._timestamp is None or not _is_plausible(position, arrival):
            position = arrival if trusted is None else trusted
        elif trusted is not None:
            position += _correction(trusted - position, max(0.0, elapsed))
        if self._capture is not None and reported is not None and trusted is None:
            # The sender's wall clock was set. Its pace still counts, from here on.
            self._capture += reported - position
        self._timestamp, self._position = frame.timestamp, position
        return position - self._skipped

    def _reported(self, frame: EncodedFrame) -> float | None:
        captured = self._clock.seconds(frame.timestamp)
        return None if captured is None or self._capture is None else captured - self._capture


def _correction(deviation: float, elapsed: float) -> float:
    if deviation > _JUMP_SECONDS:
        return deviation
    wanted = deviation * min(1.0, elapsed / _SETTLING_SECONDS)
    most = _MAX_SLOWING * elapsed
    return max(-most, min(most, wanted))


def _is_plausible(position: float, arrival: float) -> bool:
    return abs(position - arrival) <= _PLAUSIBLE_SECONDS
