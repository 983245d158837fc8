"""`RoundTrips`: retransmission timeouts from measured round trips (RFC 9260 section 6.3; probes: RFC 9002 section 6.2.1)."""

from __future__ import annotations

from typing import Final

from .settings import Settings

__all__ = ["RoundTrips"]

_ALPHA: Final = 1 / 8
_BETA: Final = 1 / 4

_PROBE_SECONDS: Final = 0.015
"""What a peer may delay an acknowledgement by before it is asked with a probe. One that delays it for longer gets probes that
were not necessary, each of a packet."""

_LINEAR_TIMEOUTS: Final = 2
"""Timeouts before they back off where a few packets are under way: they congest nothing, and what backs off for them makes a
command late (thin streams, as in Linux' ``tcp_thin_linear_timeouts``)."""


class RoundTrips:
    """The smoothed round trip time and what follows from it; seconds.

    Args:
        settings: Of the association.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._variation = 0.0
        self.smoothed: float | None = None
        """``SRTT``, None before the first measurement."""

        self.minimum: float | None = None
        """The shortest that was measured."""

        self.timeout = settings.initial_rto
        """``RTO``, without backing off."""

        self.probe_timeout = settings.initial_rto
        """How long the last packet may be unacknowledged before a probe is sent."""

        self.timeouts = 0
        """Timeouts since the last sign of life."""

    def measured(self, seconds: float) -> None:
        """Take a measurement; never of what was sent more than once (Karn's algorithm)."""
        seconds = max(seconds, 0.0)
        if self.smoothed is None or self.minimum is None:
            self.smoothed = self.minimum = seconds
            self._variation = seconds / 2
        else:
            self._variation += _BETA * (abs(self.smoothed - seconds) - self._variation)
            self.smoothed += _ALPHA * (seconds - self.smoothed)
            self.minimum = min(self.minimum, seconds)
        longest = self.smoothed + 4 * self._variation
        self.timeout = min(max(longest, self._settings.min_rto), self._settings.max_rto)
        self.probe_timeout = longest + _PROBE_SECONDS

    def backed_off(self, timeouts: int, is_thin: bool = False) -> float:
        """The timeout after some that were in vain (RFC 9260 section 6.3.3, E2).

        Args:
            timeouts: So many.
            is_thin: Whether a few packets are under way.
        """
        timeout = self.timeout
        doublings = max(0, timeouts - _LINEAR_TIMEOUTS) if is_thin else timeouts
        return min(timeout * 2.0 ** min(doublings, 16), max(timeout, self._settings.max_backoff))
