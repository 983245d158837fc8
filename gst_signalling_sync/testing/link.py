"""`SimulatedLink`: a network link with rate, queue, delay, jitter, losses and reordering. No I/O and no clock.

::

    link = SimulatedLink(LinkProfile(rate=800_000, queue=0.2, delay=0.02), seed=1)
    arrival = link.send(1200, now=0.0)     # 0.032 s, or None where the packet is lost
"""

from __future__ import annotations

import random
from bisect import bisect_right
from dataclasses import dataclass
from typing import Final

__all__ = ["LinkProfile", "SimulatedLink"]

_REORDERED_SECONDS: Final = 0.01
"""Minimum by which an overtaken packet is late, in seconds."""


@dataclass(frozen=True)
class LinkProfile:
    """The properties of one direction of a link.

    Attributes:
        rate: Maximum rate in bit/s, with all headers. Defaults to None: no maximum.
        queue: Maximum time that a packet waits for those before it, in seconds. A packet that would wait longer is dropped.
            Defaults to 0.2.
        policed: Whether packets beyond the rate are dropped at once instead of queued, except in a burst of `queue` seconds.
            Defaults to False.
        delay: Delay of each packet, in seconds. Defaults to 0.
        jitter: Maximum difference of a packet's delay from `delay`, in seconds. Packets keep their order. Defaults to 0.
        loss: Fraction of packets that are lost independently, 0 to 1. Defaults to 0.
        burst_every: Mean time between two bursts in which all packets are lost, in seconds. Defaults to None: no bursts.
        burst_seconds: Length of a burst, in seconds. Defaults to 0.3.
        reordering: Fraction of packets that others overtake, 0 to 1. Defaults to 0.
        changes: Times in seconds after the first packet, ascending, each with the link's properties from then on. Defaults to
            no changes.
    """

    rate: float | None = None
    queue: float = 0.2
    policed: bool = False
    delay: float = 0.0
    jitter: float = 0.0
    loss: float = 0.0
    burst_every: float | None = None
    burst_seconds: float = 0.3
    reordering: float = 0.0
    changes: tuple[tuple[float, LinkProfile], ...] = ()

    def __post_init__(self) -> None:
        if self.rate is not None and self.rate <= 0:
            raise ValueError(f"rate must be more than 0 bit/s or None, not {self.rate}")
        for name in ("loss", "reordering"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be from 0 to 1, not {getattr(self, name)}")
        for name in ("queue", "delay", "jitter", "burst_seconds"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be 0 s or more, not {getattr(self, name)}")

    def at(self, seconds: float) -> LinkProfile:
        """The properties of the link a number of seconds after the first packet."""
        passed = bisect_right(self.changes, seconds, key=lambda change: change[0])
        return self.changes[passed - 1][1] if passed else self


class SimulatedLink:
    """One direction of a link. With the same seed, the same packets at the same times have the same results.

    Args:
        profile: The properties of the link.
        seed: Seed of its random numbers. Defaults to 1.
    """

    def __init__(self, profile: LinkProfile, seed: int = 1) -> None:
        self.profile = profile
        self.passed = 0
        """The number of packets that were or will be delivered."""
        self.dropped = 0
        """The number of packets that were lost."""
        self.bytes_passed = 0
        self._random = random.Random(seed)
        self._began: float | None = None
        # When the queue is empty; and for a policed link, how many bits may pass, and since when.
        self._free_at = 0.0
        self._allowance: float | None = None
        self._allowance_at = 0.0
        self._last_arrival = 0.0
        self._burst_begins: float | None = None

    def send(self, size: int, now: float) -> float | None:
        """Send a packet.

        Args:
            size: Size of the packet with all headers, in bytes.
            now: The time in seconds on any clock, which must not go back.

        Returns:
            When it arrives; None: it is lost.
        """
        if self._began is None:
            self._began = now
        profile = self.profile.at(now - self._began)
        departure = self._departure(profile, size, now)
        # A lost packet takes its place in the queue first.
        if departure is None or self._random.random() < profile.loss or self._is_in_burst(profile, now):
            self.dropped += 1
            return None
        self.passed += 1
        self.bytes_passed += size
        arrival = departure + max(0.0, profile.delay + self._random.uniform(-profile.jitter, profile.jitter))
        if self._random.random() < profile.reordering:
            return arrival + _REORDERED_SECONDS + self._random.random() * _REORDERED_SECONDS
        self._last_arrival = arrival = max(arrival, self._last_arrival)
        return arrival

    def _departure(self, profile: LinkProfile, size: int, now: float) -> float | None:
        """When the last bit of a packet is sent; None: the packet is dropped."""
        if profile.rate is None:
            return now
        if profile.policed:
            return now if self._is_allowed(profile.rate, profile.rate * profile.queue, size * 8, now) else None
        begin = max(now, self._free_at)
        if begin - now > profile.queue:
            return None
        self._free_at = begin + size * 8 / profile.rate
        return self._free_at

    def _is_allowed(self, rate: float, maximum: float, bits: int, now: float) -> bool:
        before = maximum if self._allowance is None else self._allowance
        self._allowance = min(maximum, before + (now - self._allowance_at) * rate)
        self._allowance_at = now
        if bits > self._allowance:
            return False
        self._allowance -= bits
        return True

    def _is_in_burst(self, profile: LinkProfile, now: float) -> bool:
        if profile.burst_every is None:
            return False
        if self._burst_begins is None:
            self._burst_begins = now + self._random.expovariate(1 / profile.burst_every)
        while now >= self._burst_begins + profile.burst_seconds:
            self._burst_begins += profile.burst_seconds + self._random.expovariate(1 / profile.burst_every)
        return now >= self._burst_begins
