"""`LinkProfile`, `SimulatedLink`: a network link with rate, queue, delay, jitter, losses and reordering. No I/O, no clock.

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
"""By which a packet that is overtaken is later, at least."""


@dataclass(frozen=True)
class LinkProfile:
    """What one direction of a link does to packets.

    Attributes:
        rate: Bits per second, with all headers; None: no limit.
        queue: Seconds that a packet waits at most until those before it are sent; one that would wait longer is dropped.
        policed: Whether nothing waits: what exceeds the rate is dropped at once, but for a burst of `queue` seconds.
        delay: Seconds that each packet takes.
        jitter: Seconds by which a packet takes more or less than `delay`, at most; packets keep their order.
        loss: Share of the packets that are lost, each by itself, 0 to 1.
        burst_every: Mean number of seconds between two bursts, in which all packets are lost; None: there are none.
        burst_seconds: How long a burst lasts.
        reordering: Share of the packets that others overtake.
        changes: Seconds after the first packet, ascending, and what the link is from then on.
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
        """What the link is some time after the first packet."""
        passed = bisect_right(self.changes, seconds, key=lambda change: change[0])
        return self.changes[passed - 1][1] if passed else self


class SimulatedLink:
    """One direction of a link. The same packets at the same times fare the same with the same seed.

    Args:
        profile: What it does.
        seed: Of its random numbers.
    """

    def __init__(self, profile: LinkProfile, seed: int = 1) -> None:
        self.profile = profile
        self.passed = 0
        """Packets that were or will be delivered."""
        self.dropped = 0
        """Packets that were lost."""
        self.bytes_passed = 0
        self._random = random.Random(seed)
        self._began: float | None = None
        # When all that waits is sent; and, of a policed link, how many bits may pass, and since when.
        self._free_at = 0.0
        self._allowance: float | None = None
        self._allowance_at = 0.0
        self._last_arrival = 0.0
        self._burst_begins: float | None = None

    def send(self, size: int, now: float) -> float | None:
        """Send a packet.

        Args:
            size: Bytes, with all headers.
            now: Seconds on any clock, not before the last packet's.

        Returns:
            When it arrives; None: it is lost.
        """
        if self._began is None:
            self._began = now
        profile = self.profile.at(now - self._began)
        departure = self._departure(profile, size, now)
        # Lost on its way, hence after it took its place in the queue.
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
        """When the last bit is sent; None: the packet is dropped."""
        if profile.rate is None:
            return now
        if profile.policed:
            return now if self._is_allowed(profile.rate, profile.rate * profile.queue, size * 8, now) else None
        begin = max(now, self._free_at)
        if begin - now > profile.queue:
            return None
        self._free_at = begin + size * 8 / profile.rate
        return self._free_at

    def _is_allowed(self, rate: float, most: float, bits: int, now: float) -> bool:
        before = most if self._allowance is None else self._allowance
        self._allowance = min(most, before + (now - self._allowance_at) * rate)
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
