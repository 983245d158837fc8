"""`Congestion`: the congestion window, which limits the bytes under way (RFC 9260 section 7.2)."""

from __future__ import annotations

from typing import Final

__all__ = ["Congestion"]

_INITIAL_PACKETS: Final = 10
"""Packets of the initial window, as in RFC 6928 for TCP. RFC 9260 section 7.2.1 has about four."""

_MIN_PACKETS: Final = 4
"""Minimum of ``ssthresh`` after a loss, in packets (RFC 9260 section 7.2.3)."""

_MAX_GROWTH: Final = 8
"""Maximum growth of the window by one acknowledgement in slow start, in packets. RFC 3465 has two, which is too few if packets
that come together are acknowledged together, as in Linux' TCP. ``Max.Burst`` limits what is sent at once."""


class Congestion:
    """The congestion window of the association's only path.

    Args:
        packet: Maximum of a packet, in bytes.
        peer_window: The peer's initial receive window in bytes, which is the initial ``ssthresh`` (RFC 9260 section 7.2.1).
    """

    def __init__(self, packet: int, peer_window: int) -> None:
        self._packet = packet
        self.window = _INITIAL_PACKETS * packet
        """``cwnd``: maximum of bytes under way."""

        self._threshold = max(peer_window, _MIN_PACKETS * packet)
        self._acknowledged = 0
        self._recovery_exit: int | None = None

    @property
    def is_recovering(self) -> bool:
        """Whether a loss was found, and chunks that were under way then are not acknowledged yet."""
        return self._recovery_exit is not None

    def on_acknowledged(self, size: int, cumulative_tsn: int, was_full: bool) -> None:
        """Grow (RFC 9260 sections 7.2.1 and 7.2.2).

        Args:
            size: Newly acknowledged bytes.
            cumulative_tsn: The peer's cumulative TSN.
            was_full: Whether the window was fully used. Otherwise it must not grow.
        """
        if self._recovery_exit is not None:
            if cumulative_tsn < self._recovery_exit:
                return
            self._recovery_exit = None
        if not was_full:
            return
        if self.window <= self._threshold:
            self.window += min(size, _MAX_GROWTH * self._packet)
            return
        self._acknowledged += size
        if self._acknowledged >= self.window:
            self._acknowledged -= self.window
            self.window += self._packet

    def on_loss(self, last_tsn: int) -> bool:
        """Shrink for a loss that acknowledgements showed, once per round trip (RFC 9260 section 7.2.4).

        Args:
            last_tsn: The last TSN that was sent.

        Returns:
            Whether it is the first loss of its round trip.
        """
        if self._recovery_exit is not None:
            return False
        self._recovery_exit = last_tsn
        self._threshold = max(self.window // 2, _MIN_PACKETS * self._packet)
        self.window = self._threshold
        self._acknowledged = 0
        return True

    def on_timeout(self) -> None:
        """Shrink to one packet, since nothing was acknowledged for a retransmission timeout (RFC 9260 section 7.2.3)."""
        self._recovery_exit = None
        self._threshold = max(self.window // 2, _MIN_PACKETS * self._packet)
        self.window = self._packet
        self._acknowledged = 0
