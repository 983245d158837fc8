"""`ClockOffset`: how far the clocks of two peers are apart, from round trips between them. No I/O and no clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["ClockOffset", "OffsetBounds"]

_DRIFT: Final = 200e-6
"""Seconds by which two clocks may drift apart in a second; crystals do by a quarter of that."""


@dataclass(frozen=True, slots=True)
class ClockOffset:
    """How far the clock of a peer is ahead of this machine's, as `Session.clock_offset` gives it.

    ::

        offset = session.clock_offset
        if offset is not None and frame.captured_at is not None:
            captured_at = frame.captured_at - offset.seconds  # by the clock of this machine

    Attributes:
        seconds: What the peer's clock shows, less what `time.time` gives here.
        uncertainty: Seconds. The truth is at most so far from `seconds`, however different the ways there and back are.
    """

    seconds: float
    uncertainty: float


class OffsetBounds:
    """Between which bounds the offset of a peer's clock is.

    A question arrives after it was asked, and its answer after it was given: each gives a bound, and the tightest of all round
    trips count, less sharp with time because clocks drift apart (RFC 5905 section 10 keeps the quickest round trip instead,
    whose two ways may differ).
    """

    def __init__(self) -> None:
        # One tuple, replaced as a whole, so that a reader on another thread never sees half of it.
        self._bounds: tuple[float, float, float] | None = None

    def add(self, asked: float, received: float, answered: float, heard: float) -> None:
        """Take note of a round trip.

        Args:
            asked: When the question was asked, on this end's clock, in seconds.
            received: When the peer received it, on the peer's clock.
            answered: When the peer answered it, on the peer's clock.
            heard: When the answer arrived, on this end's clock.
        """
        lower, upper = answered - heard, received - asked
        if not lower <= upper:
            # No such round trip is possible, hence nothing that the peer says here can be believed.
            return
        # The offset when the question was received may be another one by now.
        drift = _DRIFT * (heard - asked)
        lower, upper = lower - drift, upper + drift
        before = self.at(heard)
        if before is not None:
            lower_before, upper_before = before
            # Where they exclude each other, a clock was set in between, and what was known does not hold.
            if lower_before <= upper and lower <= upper_before:
                lower, upper = max(lower, lower_before), min(upper, upper_before)
        self._bounds = lower, upper, heard

    def at(self, now: float) -> tuple[float, float] | None:
        """The bounds of what the peer's clock shows, less what this end's does. Any thread.

        Args:
            now: On this end's clock.

        Returns:
            The lowest and the highest offset, in seconds; None before the first round trip.
        """
        bounds = self._bounds
        if bounds is None:
            return None
        lower, upper, at = bounds
        drift = _DRIFT * max(0.0, now - at)
        return lower - drift, upper + drift
