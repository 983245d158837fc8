"""`RoundTrips`: the RTO from measured round trips (RFC 9260 section 6.3), and probe timeouts (RFC 9002 section 6.2.1)."""

from __future__ import annotations

from typing import Final

from .settings import Settings

__all__ = ["RoundTrips"]

_ALPHA: Final = 1 / 8
_BETA: Final = 1 / 4

_PROBE_SECONDS: Final = 0.015
"""Seconds by which a peer may delay an acknowledgement before it gets a probe. A peer with longer delays gets unnecessary
probes, of one packet each."""

_LINEAR_TIMEOUTS: Final = 2
"""Timeouts without backing off while a few packets are under way, as in Linux' ``tcp_thin_linear_timeouts``. A few packets do
not congest a link, and backing off would delay commands."""


class RoundTrips:
    """The smoothed round trip time and the timeouts that follow from it, in seconds.

    Args:
        settings: The settings of the association.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._variation = 0.0
        self.smoothed: float | None = None
        """``SRTT``; None before the first measurement."""

        self.minimum: float | None = None
        """The shortest measured round trip; None before the first measurement."""

        self.timeout = settings.initial_rto
        """``RTO``, without backing off."""

        self.probe_timeout = settings.initial_rto
        """Seconds that the last packet may be unacknowledged before a probe is sent."""

        self.timeouts = 0
        """The number of timeouts since the last acknowledgement."""

    def measured(self, seconds: float) -> None:
        """Add a measurement, which must not be that of a retransmitted chunk (Karn's algorithm)."""
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
        """The timeout after a number of timeouts in a row (RFC 9260 section 6.3.3, E2).

        Args:
            timeouts: The number of timeouts.
            is_thin: Whether only a few packets are under way. Defaults to False.
        """
        timeout = self.timeout
        doublings = max(0, timeouts - _LINEAR_TIMEOUTS) if is_thin else timeouts
        return min(timeout * 2.0 ** min(doublings, 16), max(timeout, self._settings.max_backoff))
