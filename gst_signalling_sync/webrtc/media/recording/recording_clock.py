"""`RecordingClock`: positions the frames of a track in a recording. It has no clock.

Positions advance by RTP ticks, which are regular, and follow the sender's clock, which keeps audio and video in sync: a
position that deviates from the clock of its RTCP sender reports returns to it within seconds; if 0.1 s or more is missing, at
once. Both are believed only as far as they agree with the time of arrival, because the sender may be broken or hostile.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from ..encoded_frame import EncodedFrame

__all__ = ["CaptureClock", "RecordingClock", "Zero"]

_PLAUSIBLE_SECONDS: Final = 5.0
"""Maximum difference between the time since the beginning by capture and by arrival: what a congested network may delay."""

_JUMP_SECONDS: Final = 0.1
"""If more than this is missing by the sender's clock, the position jumps ahead. Smaller or negative deviations shrink
slowly."""

_SETTLING_SECONDS: Final = 5.0
"""Time constant with which a small deviation shrinks."""

_MAX_SLOWING: Final = 0.05
"""Maximum by which positions run slower or faster than ticks; a packet of 20 ms is then at most 1 ms off."""

_MAX_DRIFT: Final = 500e-6
"""Maximum drift of the sender's clock from the clock of arrivals, in seconds per second: that of crystals is a fifth of it, and
NTP corrects clocks by as much. After half a day they are several seconds apart, and still both right."""


class CaptureClock(Protocol):
    """The part of a `RemoteClock` that a recording uses; any thread."""

    def seconds(self, timestamp: int) -> float | None:
        """Capture time of the frame with an RTP timestamp, by the sender's wall clock; None: not known."""


@dataclass(frozen=True, slots=True)
class Zero:
    """The beginning of a recording.

    Attributes:
        arrival: Time of arrival, from `time.monotonic`.
        capture: Capture time by the sender's wall clock; None: not all tracks have it, and the time of arrival is used for all.
    """

    arrival: float
    capture: float | None


class RecordingClock:
    """Positions the frames of one track; used by one thread.

    Args:
        zero: The beginning of the recording.
        clock: The track's clock.
    """

    def __init__(self, zero: Zero, clock: CaptureClock) -> None:
        self._arrival = zero.arrival
        self._capture = zero.capture
        self._clock = clock
        self._timestamp: int | None = None
        self._time = zero.arrival
        self._position = 0.0
        self._skipped = 0.0

    def skip(self, seconds: float) -> None:
        """Leave out a number of seconds, in which the recording was paused."""
        self._skipped += seconds

    def position(self, frame: EncodedFrame, clock_rate: int) -> float:
        """Place the next frame.

        Args:
            frame: The next frame in decoding order.
            clock_rate: RTP clock rate in Hz.

        Returns:
            Position in seconds from the beginning of the recording; negative before it.
        """
        arrival = frame.time - self._arrival
        drift = _MAX_DRIFT * max(0.0, frame.time - self._time)
        plausible = _PLAUSIBLE_SECONDS + drift
        reported = self._reported(frame)
        trusted = reported if reported is not None and abs(reported - arrival) <= plausible else None
        elapsed = 0.0 if self._timestamp is None else (frame.timestamp - self._timestamp) / clock_rate
        position = self._position + elapsed
        if self._timestamp is None or abs(position - arrival) > plausible:
            position = arrival if trusted is None else trusted
        elif trusted is not None:
            position += _correction(trusted - position, max(0.0, elapsed))
        if self._capture is not None and reported is not None and trusted is None:
            # The sender's wall clock was set. Its rate is still used, from here on.
            self._capture += reported - position
        # The beginning by arrival moves as the clocks drift apart.
        self._arrival += max(-drift, min(drift, arrival - position))
        self._timestamp, self._time, self._position = frame.timestamp, frame.time, position
        return position - self._skipped

    def _reported(self, frame: EncodedFrame) -> float | None:
        captured = self._clock.seconds(frame.timestamp)
        return None if captured is None or self._capture is None else captured - self._capture


def _correction(deviation: float, elapsed: float) -> float:
    if deviation > _JUMP_SECONDS:
        return deviation
    wanted = deviation * min(1.0, elapsed / _SETTLING_SECONDS)
    maximum = _MAX_SLOWING * elapsed
    return max(-maximum, min(maximum, wanted))
