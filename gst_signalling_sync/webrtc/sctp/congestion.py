"""`Congestion`: how much may be under way (RFC 9260 section 7.2)."""

from __future__ import annotations

from typing import Final

__all__ = ["Congestion"]

_INITIAL_PACKETS: Final = 10
"""The initial window of RFC 6928, which TCP has on the same paths. RFC 9260 section 7.2.1 has about four."""

_MIN_PACKETS: Final = 4
"""``ssthresh`` after a loss (RFC 9260 section 7.2.3)."""

_MAX_GROWTH: Final = 8
"""Packets by which an acknowledgement lets the window grow in slow start, if it acknowledges as many. RFC 3465 has two, too few
where packets that came together are acknowledged together, as Linux' TCP does; ``Max.Burst`` bounds what is sent at once."""


class Congestion:
    """The congestion window of the one path that there is.

    Args:
        packet: Maximum of a packet in bytes.
        peer_window: What the peer has room for at first (RFC 9260 section 7.2.1: the first ``ssthresh``).
    """

    def __init__(self, packet: int, peer_window: int) -> None:
        self._packet = packet
        self.window = _INITIAL_PACKETS * packet
        """``cwnd``: bytes that may be under way."""

        self._threshold = max(peer_window, _MIN_PACKETS * packet)
        self._acknowledged = 0
        self._recovery_exit: int | None = None

    @property
    def is_recovering(self) -> bool:
        """Whether a loss was found, and what was under way then is not acknowledged yet."""
        return self._recovery_exit is not None

    def on_acknowledged(self, size: int, cumulative_tsn: int, was_full: bool) -> None:
        """Grow (RFC 9260 sections 7.2.1 and 7.2.2).

        Args:
            size: Bytes that were acknowledged now.
            cumulative_tsn: Up to which everything is.
            was_full: Whether the window kept anything from being sent; one that is not used must not grow.
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
        """Shrink for a loss that acknowledgements have told, once per round trip (RFC 9260 section 7.2.4).

        Args:
            last_tsn: The last one that was sent.

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
        """Shrink to one packet, as nothing was acknowledged for a retransmission timeout (RFC 9260 section 7.2.3)."""
        self._recovery_exit = None
        self._threshold = max(self.window // 2, _MIN_PACKETS * self._packet)
        self.window = self._packet
        self._acknowledged = 0
