"""`RepairRate`: the rate of retransmissions (RTX, RFC 4588). No I/O and no clock."""

from __future__ import annotations

import math
from typing import Final

__all__ = ["RepairRate"]

_SECONDS: Final = 1.0
"""Time constant of the average."""

_MAX_SHARE: Final = 0.35
"""Maximum share of a link's bitrate for retransmissions. A link that has lost most of its rate loses most packets, and their
receiver requests them all: the answers would keep the frames from the link for seconds."""

_MAX_OBSOLETE_SHARE: Final = 0.1
"""The same for packets that precede a keyframe, which the receiver can do without."""


class RepairRate:
    """The rate of one transport's retransmissions, as an exponential average."""

    def __init__(self) -> None:
        self._bits = 0.0
        self._at = -math.inf

    def add(self, bits: int, now: float) -> None:
        """Record a retransmission.

        Args:
            bits: Length of the packet in bits, headers included.
            now: The time, in seconds of a clock that does not jump.
        """
        self._bits = self.rate(now) * _SECONDS + bits
        self._at = now

    def rate(self, now: float) -> float:
        """The rate of about the last second, in bit/s."""
        return self._bits / _SECONDS * math.exp((self._at - now) / _SECONDS)

    def has_room(self, link_rate: float, is_obsolete: bool, now: float) -> bool:
        """Whether another packet may be retransmitted.

        Args:
            link_rate: Bitrate of the link, in bit/s.
            is_obsolete: Whether a keyframe has followed the packet.
            now: Seconds on the clock of `add`.
        """
        return self.rate(now) < (_MAX_OBSOLETE_SHARE if is_obsolete else _MAX_SHARE) * link_rate

    def rest(self, link_rate: float, now: float) -> float:
        """The bitrate that retransmissions leave for frames, in bit/s. If frames took all, as many packets would be lost again.

        Args:
            link_rate: Bitrate of the link, in bit/s.
            now: Seconds on the clock of `add`.
        """
        return link_rate - min(self.rate(now), _MAX_SHARE * link_rate)
