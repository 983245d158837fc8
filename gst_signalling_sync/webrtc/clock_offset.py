"""`ClockOffset`: the offset of a peer's clock, measured by round trips as in NTP (RFC 5905). No I/O and no clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["ClockOffset", "OffsetBounds"]

_DRIFT: Final = 200e-6
"""Maximum drift of two clocks, in seconds per second. That of crystals is a quarter of it."""


@dataclass(frozen=True, slots=True)
class ClockOffset:
    """How far the clock of a peer is ahead of this machine's, as in `Session.clock_offset`.

    ::

        offset = session.clock_offset
        if offset is not None and frame.captured_at is not None:
            captured_at = frame.captured_at - offset.seconds  # by the clock of this machine

    Attributes:
        seconds: The peer's clock minus `time.time` of this machine, in seconds.
        uncertainty: Maximum error of `seconds`, in seconds. It covers any difference of the ways there and back.
    """

    seconds: float
    uncertainty: float


class OffsetBounds:
    """The bounds of the offset of a peer's clock.

    A question arrives after it was asked, and its answer after it was given, which gives two bounds. The tightest bounds of all
    round trips count. They widen with time, because clocks drift apart. RFC 5905 section 10 keeps the quickest round trip
    instead, whose two ways may differ.
    """

    def __init__(self) -> None:
        # Replaced as a whole, so that readers on other threads see a consistent tuple.
        self._bounds: tuple[float, float, float] | None = None

    def add(self, asked: float, received: float, answered: float, heard: float) -> None:
        """Add a round trip.

        Args:
            asked: When the question was asked, on this end's clock, in seconds.
            received: When the peer received it, on the peer's clock, in seconds.
            answered: When the peer answered it, on the peer's clock, in seconds.
            heard: When the answer arrived, on this end's clock, in seconds.
        """
        lower, upper = answered - heard, received - asked
        if not lower <= upper:
            # Such a round trip is impossible, so the peer's times are wrong.
            return
        # The offset may have changed since the question was received.
        drift = _DRIFT * (heard - asked)
        lower, upper = lower - drift, upper + drift
        before = self.at(heard)
        if before is not None:
            lower_before, upper_before = before
            # If they exclude each other, a clock was set meanwhile, and the former bounds no longer hold.
            if lower_before <= upper and lower <= upper_before:
                lower, upper = max(lower, lower_before), min(upper, upper_before)
        self._bounds = lower, upper, heard

    def at(self, now: float) -> tuple[float, float] | None:
        """The bounds of the peer's clock minus this end's; callable from any thread.

        Args:
            now: The time on this end's clock, in seconds.

        Returns:
            The minimum and the maximum offset, in seconds; None before the first round trip.
        """
        bounds = self._bounds
        if bounds is None:
            return None
        lower, upper, at = bounds
        drift = _DRIFT * max(0.0, now - at)
        return lower - drift, upper + drift
