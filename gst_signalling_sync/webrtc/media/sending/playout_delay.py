"""`PlayoutDelay`: how long a receiver should hold frames, so that those with retransmitted packets are on time. No I/O.

libwebrtc's receiver leaves frames that were completed by retransmissions out of its own estimate of the delay. Where a sender's
packets leave evenly, it so holds frames for a few milliseconds only: late ones arrive together with their successors, and only
the last of them is shown. The header extension playout-delay tells it a minimum.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Final

__all__ = ["PlayoutDelay", "PlayoutLimits"]

_SECONDS: Final = 10.0
"""Time for which a frame counts."""

_MAX_FRAMES: Final = 1200
"""Maximum number of frames that count."""

_MIN_FRAMES: Final = 15
"""Number of frames below which nothing is said: the first keyframe has many packets, and says little of the others."""

_ON_TIME: Final = 0.9
"""Share of the frames that should be on time."""

_MARGIN: Final = 0.01
"""Seconds from the last packet of a frame until it is decoded."""

_MAXIMUM: Final = 0.4
"""Maximum delay in seconds. For an operator who steers by the video, a longer delay is worse than video that stutters."""

_MAX_ROUND_TRIPS: Final = 2.0
"""Maximum delay in round trips, of an empty queue. Retransmissions that take longer wait in the queue of a thin link, as all
packets do."""

_EMPTY_SECONDS: Final = 60.0
"""Time after which the shortest round trip is forgotten: the path may be another one now."""

_JUDGE_SECONDS: Final = 0.5
_MIN_CHANGE: Final = 0.02
"""Each change of the delay shows for a moment, so a smaller one is not told."""

_UNITS_PER_SECOND: Final = 100
_NO_MAXIMUM: Final = 1000
"""Maximum of the delay in units of 10 ms, which is libwebrtc's default."""


@dataclass(frozen=True, slots=True)
class PlayoutLimits:
    """The minimum and maximum time between a frame's capture and its display, in units of 10 ms, 12 bits each.

    https://webrtc.googlesource.com/src/+/main/docs/native-code/rtp-hdrext/playout-delay/README.md

    Attributes:
        minimum: The minimum.
        maximum: The maximum.
    """

    minimum: int
    maximum: int = _NO_MAXIMUM

    def pack(self) -> bytes:
        """The element of the header extension: 3 bytes."""
        return (self.minimum << 12 | self.maximum).to_bytes(3, "big")


@dataclass(slots=True)
class _Frame:
    timestamp: int
    sent_at: float
    late: float = 0.0


class PlayoutDelay:
    """The delay that one receiver needs, by the retransmissions that it requests."""

    def __init__(self) -> None:
        self._frames: deque[_Frame] = deque(maxlen=_MAX_FRAMES)
        self._delay = 0.0
        # The shortest round trip, that of an empty queue, and when it was measured.
        self._shortest = self._shortest_at = math.inf
        self._has_told = False
        self._judged_at = 0.0

    def on_frame(self, timestamp: int, now: float, round_trip: float) -> None:
        """Record that a frame begins to be sent.

        Args:
            timestamp: Its RTP timestamp.
            now: The time, in seconds of a clock that does not jump.
            round_trip: Round-trip time in seconds; 0: not known.
        """
        while self._frames and self._frames[0].sent_at < now - _SECONDS:
            self._frames.popleft()
        self._frames.append(_Frame(timestamp, now))
        if round_trip and (round_trip <= self._shortest or now - self._shortest_at > _EMPTY_SECONDS):
            self._shortest, self._shortest_at = round_trip, now

    def on_repair(self, timestamp: int, late: float) -> None:
        """Record that a packet is retransmitted.

        Args:
            timestamp: RTP timestamp of its frame.
            late: Seconds since it was sent first.
        """
        for frame in reversed(self._frames):
            if frame.timestamp == timestamp:
                frame.late = max(frame.late, late)
                return

    def limits(self, now: float) -> PlayoutLimits | None:
        """The limits to tell the receiver; None: it needs none, and has been told none.

        Args:
            now: Seconds on the clock of `on_frame`.
        """
        if now - self._judged_at >= _JUDGE_SECONDS:
            self._judged_at = now
            self._judge()
        return PlayoutLimits(round(self._delay * _UNITS_PER_SECOND)) if self._has_told else None

    def _judge(self) -> None:
        if len(self._frames) < _MIN_FRAMES:
            return
        late = sorted(frame.late for frame in self._frames)[int(_ON_TIME * (len(self._frames) - 1))]
        wanted = min(min(late, _MAX_ROUND_TRIPS * self._shortest) + _MARGIN, _MAXIMUM) if late else 0.0
        if abs(wanted - self._delay) >= _MIN_CHANGE or not wanted:
            self._delay = wanted
        self._has_told = self._has_told or bool(wanted)
