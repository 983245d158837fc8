"""`FeedbackBudget`: bounds the work that transport-wide feedback (TWCC) causes. No clock.

A message of 26 bytes can report 65,535 packets. The receiver is not trusted: it may report each sent packet some times, as it
does where packets come late, and no more.
"""

from __future__ import annotations

from typing import Final

__all__ = ["FeedbackBudget"]

_REPORTS_PER_PACKET: Final = 32
"""A receiver that sends a message every 50 ms, and repeats half a second for each late packet, reports a packet ten times."""

_MAX_REPORTS: Final = 1 << 16
"""Maximum that is saved up: a message of the maximum size, which takes 20 ms."""


class FeedbackBudget:
    """The number of packets that the receiver of one transport may report."""

    def __init__(self) -> None:
        self._left = 0

    def sent(self) -> None:
        """Record a sent packet."""
        self._left = min(self._left + _REPORTS_PER_PACKET, _MAX_REPORTS)

    def spend(self, packets: int) -> bool:
        """Record a message.

        Args:
            packets: Number of packets that it reports.

        Returns:
            Whether it may be read.
        """
        if packets > self._left:
            return False
        self._left -= packets
        return True
