"""`Throughput`: the acknowledged bitrate of a link, by arrival times. No clock."""

from __future__ import annotations

import itertools
from collections import deque
from typing import Final

__all__ = ["Throughput"]

_SECONDS: Final = 0.5
_SHORT_SECONDS: Final = 0.15
_MIN_PACKETS: Final = 8
_MIN_SECONDS: Final = 0.02

_MAX_SECONDS: Final = 2.0
"""Window of a slow flow, which has too few packets in the shorter one."""

_MAX_PACKETS: Final = 8192
"""Maximum number of packets that are kept, even if their times stand still or go back."""


class Throughput:
    """The received bitrate of about the last half second, or longer where that has fewer than eight packets."""

    def __init__(self) -> None:
        self._came: deque[tuple[float, int]] = deque(maxlen=_MAX_PACKETS)

    def add(self, arrival: float, bits: int) -> None:
        """Record an arrival.

        Args:
            arrival: The time, in seconds of the receiver's clock.
            bits: Length of the packet in bits, headers included.
        """
        came = self._came
        came.append((arrival, bits))
        # Packets of a slow flow are kept for longer.
        while came[0][0] < arrival - (_SECONDS if len(came) > _MIN_PACKETS else _MAX_SECONDS):
            came.popleft()

    def __len__(self) -> int:
        """Number of packets that are kept."""
        return len(self._came)

    @property
    def rate(self) -> float | None:
        """The bitrate in bit/s; None: too few packets arrived."""
        return self._rate(_SECONDS)

    @property
    def recent_rate(self) -> float | None:
        """The bitrate of a shorter time: while a queue grows, it is the rate of the link, even if little was sent before."""
        return self._rate(_SHORT_SECONDS)

    @property
    def was_interrupted(self) -> bool:
        """Whether nothing arrived for half of the time of `recent_rate`, as in an outage."""
        times = [arrival for arrival, _ in self._newest(_SHORT_SECONDS)]
        gaps = [later - earlier for later, earlier in itertools.pairwise(times)]
        return bool(gaps) and max(gaps) > (times[0] - times[-1]) / 2

    def _newest(self, seconds: float) -> list[tuple[float, int]]:
        """The packets of the last seconds, or the last eight, the newest first."""
        came = self._came
        if not came:
            return []
        end = came[-1][0]
        recent = list(itertools.takewhile(lambda packet: packet[0] >= end - seconds, reversed(came)))
        return recent if len(recent) >= _MIN_PACKETS else list(itertools.islice(reversed(came), _MIN_PACKETS))

    def _rate(self, seconds: float) -> float | None:
        if len(self._came) < _MIN_PACKETS:
            return None
        recent = self._newest(seconds)
        span = recent[0][0] - recent[-1][0]
        # The first packet only marks the beginning of the time.
        return sum(bits for _, bits in recent[:-1]) / span if span > _MIN_SECONDS else None
