"""`DelayTrend`: the delay-based overuse detector of GCC, a trendline filter (draft-ietf-rmcat-gcc-02 section 5). No clock."""

from __future__ import annotations

from collections import deque
from enum import Enum
from typing import Final

__all__ = ["DelayTrend", "Usage"]

_GROUP_SECONDS: Final = 0.005
"""Packets that are sent within this time are one group, because their spacing says nothing about the queue."""

_BURST_SECONDS: Final = 0.1
"""Maximum length of a group that was delayed and arrived at once."""

_WINDOW: Final = 20
_SMOOTHING: Final = 0.9
_GAIN: Final = 4.0
_MAX_DELTAS: Final = 60

_OVERUSE_SECONDS: Final = 0.01
_MAX_STEP_SECONDS: Final = 0.1
_FIRST_THRESHOLD: Final = 0.0125
_THRESHOLDS: Final = (0.006, 0.6)
_THRESHOLD_UP: Final = 8.7
_THRESHOLD_DOWN: Final = 39.0
_THRESHOLD_OUTLIER: Final = 0.015
"""The adaptive threshold of section 5.4, in seconds."""

_RECENT_GROUPS: Final = 6
_BASE_SECONDS: Final = 8.0
_MIN_QUEUE: Final = 0.01

_PAUSE_SECONDS: Final = 2.0
"""A pause after which earlier packets say nothing about the queue."""


class Usage(Enum):
    """The state of the link, by the trend of delays."""

    UNDER = "under"
    NORMAL = "normal"
    OVER = "over"


class _Group:
    """A group of packets that were sent together."""

    __slots__ = ("first_arrival", "first_sent", "last_arrival", "last_sent")

    def __init__(self, sent: float, arrival: float) -> None:
        self.first_sent = self.last_sent = sent
        self.first_arrival = self.last_arrival = arrival


class _Queue:
    """The queueing delay that all recent packets have; delays of only some of them are noise, as of a busy receiver."""

    def __init__(self) -> None:
        self._recent: deque[float] = deque(maxlen=_RECENT_GROUPS)
        self._minimum = self._minimum_before = float("inf")
        self._since: float | None = None

    def add(self, delay: float, now: float) -> None:
        """Add the delay of a group, by two clocks that may differ by a constant."""
        if self._since is None or now - self._since > _BASE_SECONDS:
            self._since = now
            self._minimum_before, self._minimum = self._minimum, float("inf")
        self._minimum = min(self._minimum, delay)
        self._recent.append(delay)

    @property
    def seconds(self) -> float:
        """The minimum delay of the last groups, above the minimum of a longer time."""
        return min(self._recent) - min(self._minimum, self._minimum_before)


class DelayTrend:
    """The trend of one transport."""

    def __init__(self) -> None:
        self.usage = Usage.NORMAL
        self._group: _Group | None = None
        self._before: _Group | None = None
        self._points: deque[tuple[float, float]] = deque(maxlen=_WINDOW)
        self._accumulated = self._smoothed = 0.0
        self._deltas = 0
        self._trend = 0.0
        self._over_since: float | None = None
        self._queue = _Queue()
        self._threshold = _FIRST_THRESHOLD
        self._threshold_at: float | None = None

    def add(self, sent: float, arrival: float) -> None:
        """Add a packet that arrived.

        Args:
            sent: When it was sent, in seconds of the sender's clock; ascending but for reordered packets.
            arrival: When it arrived, in seconds of the receiver's clock.
        """
        group = self._group
        if group is None or arrival - group.last_arrival > _PAUSE_SECONDS:
            self._begin()
            self._group = _Group(sent, arrival)
            return
        if sent < group.first_sent:
            return
        if sent - group.first_sent <= _GROUP_SECONDS or self._came_at_once(group, sent, arrival):
            group.last_sent = max(group.last_sent, sent)
            group.last_arrival = max(group.last_arrival, arrival)
            return
        if self._before is not None:
            self._compare(self._before, group)
        self._before, self._group = group, _Group(sent, arrival)

    def _begin(self) -> None:
        self._group = self._before = None
        self._points.clear()
        self._accumulated = self._smoothed = self._trend = 0.0
        self._deltas = 0
        self._over_since = None
        self._queue = _Queue()
        self.usage = Usage.NORMAL

    @staticmethod
    def _came_at_once(group: _Group, sent: float, arrival: float) -> bool:
        since_last = arrival - group.last_arrival
        return (
            since_last <= _GROUP_SECONDS
            and since_last < sent - group.last_sent
            and arrival - group.first_arrival < _BURST_SECONDS
        )

    def _compare(self, before: _Group, after: _Group) -> None:
        arrival = after.last_arrival
        self._queue.add(arrival - after.last_sent, arrival)
        self._accumulated += (arrival - before.last_arrival) - (after.last_sent - before.last_sent)
        self._smoothed = _SMOOTHING * self._smoothed + (1 - _SMOOTHING) * self._accumulated
        self._deltas = min(self._deltas + 1, _MAX_DELTAS)
        self._points.append((arrival, self._smoothed))
        if len(self._points) == _WINDOW:
            self._judge(self._slope() * self._deltas * _GAIN / 1000, arrival, after.last_sent - before.last_sent)

    def _slope(self) -> float:
        """Seconds of delay per second, by least squares."""
        mean_time = sum(time for time, _ in self._points) / _WINDOW
        mean_delay = sum(delay for _, delay in self._points) / _WINDOW
        spread = sum((time - mean_time) ** 2 for time, _ in self._points)
        if not spread:
            return self._trend
        return sum((time - mean_time) * (delay - mean_delay) for time, delay in self._points) / spread

    def _judge(self, trend: float, now: float, sent_delta: float) -> None:
        if trend > self._threshold:
            begun = self._over_since is None
            self._over_since = now - sent_delta / 2 if self._over_since is None else self._over_since
            # A single value may be noise, and a falling trend needs no reaction.
            is_lasting = not begun and now - self._over_since > _OVERUSE_SECONDS and trend >= self._trend
            if is_lasting and self._queue.seconds > _MIN_QUEUE:
                self.usage = Usage.OVER
        else:
            self._over_since = None
            self.usage = Usage.UNDER if trend < -self._threshold else Usage.NORMAL
        self._trend = trend
        self._adapt(abs(trend), now)

    def _adapt(self, trend: float, now: float) -> None:
        """Let the threshold follow the trend slowly, so that jitter or the traffic of others does not starve this flow."""
        elapsed = 0.0 if self._threshold_at is None else min(now - self._threshold_at, _MAX_STEP_SECONDS)
        self._threshold_at = now
        if trend > self._threshold + _THRESHOLD_OUTLIER:
            return
        gain = _THRESHOLD_DOWN if trend < self._threshold else _THRESHOLD_UP
        lowest, highest = _THRESHOLDS
        self._threshold = min(highest, max(lowest, self._threshold + gain * (trend - self._threshold) * elapsed))
