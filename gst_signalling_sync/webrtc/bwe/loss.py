"""`LossLimit`: the loss-based limit of the estimate (GCC), without losses that do not depend on the rate. No clock."""

from __future__ import annotations

import math
from typing import Final

__all__ = ["LossLimit"]

_WINDOW_SECONDS: Final = 0.5
_WINDOW_PACKETS: Final = 30

_MAX_WINDOW_SECONDS: Final = 1.5
_MIN_PACKETS: Final = 6
"""Minimum number of packets after a longer time, so that a slow flow does not stay slow forever."""

_HIGH: Final = 0.04
_LOW: Final = 0.02
_INCREASE_PER_SECOND: Final = 1.1
_NEAR: Final = (0.92, 1.05)
"""Range, as multiples of the throughput of a link that dropped packets, in which the limit rises slowly. A policer gives no
other sign of its rate than the next losses."""

_SLOW_INCREASE_PER_SECOND: Final = 1.01
_UNLIMITED: Final = 1.5
"""A limit above this multiple of the estimate is removed."""

_OUTAGE: Final = (10, 0.15)
"""Packets and seconds. A run of lost packets that is longer, by both, is an outage of the link, as of a fading radio, and says
nothing about its rate. Policers drop as many packets of one burst, but within a shorter time."""

_BORNE: Final = 0.98
_MIN_BORNE: Final = 0.9
"""Share of the measured throughput, which bursts make look higher than it is."""

_TRIAL: Final = 0.8
_TRIAL_PACKETS: Final = 60
_MAX_OWN: Final = 0.25
_PROPORTIONAL: Final = 0.25
"""Position between a proportional and an unchanged throughput, up to which the throughput counts as proportional."""

_HARDLY: Final = 0.25
"""Share of the former losses, up to which a lower rate has ended them."""

_FORGETTING: Final = 0.2
_FOLLOWING: Final = 0.1
_NOISE: Final = 1.5
"""Number of standard deviations by which a counted share may be wrong."""


class LossLimit:
    """The limit of one transport.

    A link that drops packets above its rate loses fewer when less is sent. A link that loses the same share at a lower rate has
    losses of its own: that share is ignored from then on, and the former rate is restored.
    """

    def __init__(self) -> None:
        self.rate = math.inf
        """The limit in bit/s; infinite: there is no limit."""
        self.own_share = 0.0
        """The share of packets that the link loses at any rate."""
        self.is_clean = True
        """Whether little more than that was lost since the last change of the limit."""
        self._heard = self._lost = 0
        # Lost packets since one arrived, and when that was sent.
        self._run = 0
        self._arrived = math.inf
        self._since: float | None = None
        # What the link carried when it dropped packets, if it was shown to drop only those above its rate; else infinite.
        self._carried = math.inf
        self._was_lowered = False
        self._was_probed = False
        # Rate, loss and throughput before the rate was lowered, and the packets reported and lost since it is low enough to
        # compare.
        self._trial: tuple[float, float, float | None] | None = None
        self._trial_heard = self._trial_lost = 0

    def add(self, sent: float, is_lost: bool) -> None:
        """Record the outcome of a packet, in the order of sending.

        Args:
            sent: When it was sent, in seconds.
            is_lost: Whether it was lost.
        """
        if is_lost:
            self._run += 1
            return
        self._end_run(sent - self._arrived)
        self._arrived = sent
        self._heard += 1

    def came_late(self) -> None:
        """Record that a packet which was reported as lost has arrived."""
        self._lost = max(0, self._lost - 1)

    def bears(self, rate: float) -> None:
        """Raise the limit to the rate of a probe that came through, in bit/s."""
        self._was_probed = True
        if rate > self.rate:
            self.rate = rate
            self._carried = math.inf
            # The probe may have shown only the depth of a policer's token bucket.
            self.is_clean = False

    def judge(self, current: float, delivered: float | None, has_queue: bool, now: float) -> bool:
        """Update the limit, if enough packets were reported.

        Args:
            current: The estimate in bit/s.
            delivered: The throughput in bit/s; None: unknown.
            has_queue: Whether the link has shown a queue, so that its next limit will be noticed without losses.
            now: The time, in seconds.

        Returns:
            Whether the limit was lowered.
        """
        if self._since is None:
            self._since = now
        elapsed = now - self._since
        wanted = _WINDOW_PACKETS if elapsed < _MAX_WINDOW_SECONDS else _MIN_PACKETS
        if elapsed < _WINDOW_SECONDS or self._heard < wanted:
            return False
        share = self._lost / self._heard
        noise = _NOISE * math.sqrt(max(share, 0.01) / self._heard)
        if self._trial is not None:
            self._compare(current, delivered, has_queue)
        excess = share - self.own_share
        lowered = excess > _HIGH + noise
        if lowered and delivered is not None and not math.isinf(self._carried):
            # Losses of the former rate are reported for some time after it was lowered, when less is delivered.
            self._carried = max(self._carried, delivered) if self._was_lowered else delivered
        self._was_lowered = lowered
        if lowered and delivered is not None and delivered > current:
            # More was sent than the estimate, so the losses do not disprove the estimate itself.
            self.rate = max(current * (1 - excess), min(current, delivered * _MIN_BORNE))
        elif lowered:
            if self._trial is None and not self._was_probed:
                self._trial = (current, share, delivered)
                self._trial_heard = self._trial_lost = 0
            self.rate = max(current * (1 - excess), min(current, (delivered or 0.0) * _BORNE))
            if self._trial is not None and share == self._trial[1]:
                # The first step is large enough to tell the two kinds of link apart.
                self.rate = min(self.rate, current * _TRIAL)
        elif excess < _LOW + noise:
            self._raise(elapsed)
            if self.rate > _UNLIMITED * current:
                self.rate = math.inf
        self.is_clean = excess < _LOW + noise
        # Only down: if the share followed losses up, it would absorb those of a rate that is too high.
        if excess < 0:
            self.own_share += (_FOLLOWING if -excess <= noise + _LOW else _FORGETTING) * excess
        self._heard = self._lost = 0
        # A policer lets a probe's burst through, so that the throughput seems to fall with the rate afterwards.
        self._was_probed = False
        self._since = now
        return lowered

    def _raise(self, elapsed: float) -> None:
        near, beyond = _NEAR
        if self.rate > beyond * self._carried:
            self._carried = math.inf
        is_near = self.rate >= near * self._carried
        self.rate *= (_SLOW_INCREASE_PER_SECOND if is_near else _INCREASE_PER_SECOND) ** elapsed

    def _end_run(self, elapsed: float) -> None:
        packets, seconds = _OUTAGE
        if self._run and (self._run <= packets or elapsed <= seconds):
            self._heard += self._run
            self._lost += self._run
        self._run = 0

    def _compare(self, current: float, delivered: float | None, has_queue: bool) -> None:
        assert self._trial is not None
        rate, share, delivered_before = self._trial
        if current > rate * (_TRIAL + 0.1):
            return
        self._trial_heard += self._heard
        self._trial_lost += self._lost
        if self._trial_heard < _TRIAL_PACKETS:
            return
        found = self._trial_lost / self._trial_heard
        self._trial = None
        # The loss now of a link that drops only packets above its rate.
        expected = max(0.0, 1 - (1 - share) * rate / current)
        # Such a link has the same throughput at both rates; one with losses of its own has less, in proportion to the rate.
        is_proportional = (
            delivered is not None
            and delivered_before is not None
            and delivered < delivered_before * (current / rate + _PROPORTIONAL * (1 - current / rate))
        )
        if is_proportional and (share + expected) / 2 < found <= _MAX_OWN:
            self.own_share = max(self.own_share, found)
            self.rate = max(self.rate, rate)
            self._carried = math.inf
        elif found <= _HARDLY * share and delivered_before is not None and not has_queue:
            self._carried = delivered_before
