"""`LossLimit`: what a link bears by its losses, told from losses that have nothing to do with the rate."""

from __future__ import annotations

import math
from typing import Final

__all__ = ["LossLimit"]

_WINDOW_SECONDS: Final = 0.5
_WINDOW_PACKETS: Final = 30

_MAX_WINDOW_SECONDS: Final = 1.5
_MIN_PACKETS: Final = 6
"""A slow flow is judged by fewer packets, so that it is not slow forever."""

_HIGH: Final = 0.04
_LOW: Final = 0.02
_INCREASE_PER_SECOND: Final = 1.1
_UNLIMITED: Final = 1.5
"""A limit above this multiple of the estimate by delay is none."""

_OUTAGE_PACKETS: Final = 10
"""A longer run of lost packets is an outage of the link, such as a fading radio, and says nothing about its rate."""

_BORNE: Final = 0.98
_MIN_BORNE: Final = 0.9
"""Of what came through; bursts make it look like more."""

_TRIAL: Final = 0.8
_TRIAL_PACKETS: Final = 60
_MAX_OWN: Final = 0.25
_PROPORTIONAL: Final = 0.25
"""Of the way from what came through in proportion to what came through before: up to here it was in proportion."""

_FORGETTING: Final = 0.2
_FOLLOWING: Final = 0.1
_NOISE: Final = 1.5
"""Standard deviations of a share that was counted."""


class LossLimit:
    """The limit of one transport.

    A link that drops what is over its rate loses less when less is sent. One that loses as much afterwards loses by itself:
    that share is taken for its own from then on, and the rate is what it was before.
    """

    def __init__(self) -> None:
        self.rate = math.inf
        """Bits per second; infinite: there is no limit."""
        self.own_share = 0.0
        """What the link loses whatever is sent."""
        self.is_clean = True
        """Whether little more than that was lost since the limit was last changed."""
        self._heard = self._lost = 0
        self._run = 0
        self._since: float | None = None
        # The rate, the loss and what came through before the rate was lowered, and what was heard and lost since it is low
        # enough to compare.
        self._trial: tuple[float, float, float | None] | None = None
        self._trial_heard = self._trial_lost = 0

    def add(self, is_lost: bool) -> None:
        """Take note of a packet, in the order of sending."""
        if is_lost:
            self._run += 1
            return
        self._end_run()
        self._heard += 1

    def came_late(self) -> None:
        """Take note that a packet which was taken for lost came after all."""
        self._lost = max(0, self._lost - 1)

    def bears(self, rate: float) -> None:
        """Take note that a burst came through: the limit is no lower than its rate, in bits per second."""
        if rate > self.rate:
            self.rate = rate
            # What a burst shows may be the depth of a policer's bucket.
            self.is_clean = False

    def judge(self, current: float, delivered: float | None, now: float) -> bool:
        """Draw conclusions, if enough is known.

        Args:
            current: The estimate, bits per second.
            delivered: What came through, bits per second; None: unknown.
            now: Seconds.

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
            self._compare(current, delivered)
        excess = share - self.own_share
        lowered = excess > _HIGH + noise
        if lowered and delivered is not None and delivered > current:
            # More was sent than the estimate, so that the losses do not tell against it as such.
            self.rate = max(current * (1 - excess), min(current, delivered * _MIN_BORNE))
        elif lowered:
            if self._trial is None:
                self._trial = (current, share, delivered)
                self._trial_heard = self._trial_lost = 0
            self.rate = max(current * (1 - excess), min(current, (delivered or 0.0) * _BORNE))
            if share == self._trial[1]:
                # The first step is far enough to tell the two kinds of link apart.
                self.rate = min(self.rate, current * _TRIAL)
        elif excess < _LOW + noise:
            self.rate *= _INCREASE_PER_SECOND**elapsed
            if self.rate > _UNLIMITED * current:
                self.rate = math.inf
        self.is_clean = excess < _LOW + noise
        # Only down: a share that followed more losses up would take those of a rate that is too high for the link's own.
        if excess < 0:
            self.own_share += (_FOLLOWING if -excess <= noise + _LOW else _FORGETTING) * excess
        self._heard = self._lost = 0
        self._since = now
        return lowered

    def _end_run(self) -> None:
        if 0 < self._run <= _OUTAGE_PACKETS:
            self._heard += self._run
            self._lost += self._run
        self._run = 0

    def _compare(self, current: float, delivered: float | None) -> None:
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
        # What a link that drops only what is over its rate would lose now.
        expected = max(0.0, 1 - (1 - share) * rate / current)
        # As much comes through such a link at either rate; through one that loses by itself, less in the same proportion.
        is_proportional = (
            delivered is not None
            and delivered_before is not None
            and delivered < delivered_before * (current / rate + _PROPORTIONAL * (1 - current / rate))
        )
        if is_proportional and (share + expected) / 2 < found <= _MAX_OWN:
            self.own_share = max(self.own_share, found)
            self.rate = max(self.rate, rate)
