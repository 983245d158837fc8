"""Quotas: token buckets (GCRA), counts per key, and a pool of bytes that many share. No I/O and no clock."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final, Generic, Literal, TypeVar

from .limits import Rate, ServerLimits

__all__ = ["Buckets", "Charge", "Counts", "Pool", "Rates", "TokenBucket"]

Key = TypeVar("Key", bound=Hashable)

Charge = Literal["messages", "bytes", "status_changes", "lists", "session_starts"]
"""The limit that a peer is charged by, as its name. Every message is charged, and an enum would be slower to look up."""


_ROUNDING_SECONDS: Final = 1e-9


class TokenBucket:
    """A token bucket, stored as the time at which it will be full again (GCRA, ITU-T I.371).

    Args:
        rate: How fast it fills, and how much it holds.
    """

    __slots__ = ("_full_at", "_rate")

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._full_at = float("-inf")

    @property
    def full_at(self) -> float:
        """The time, in seconds, at which the bucket is full again if nothing more is spent."""
        return self._full_at

    def spend(self, amount: float, now: float) -> float:
        """Spend from the bucket, even more than it holds.

        Args:
            amount: How much.
            now: The time, in seconds.

        Returns:
            Seconds until the debt is paid; 0: there is no debt.
        """
        self._full_at, wait = _spent(self._rate, self._full_at, amount, now)
        return wait

    def try_spend(self, amount: float, now: float) -> bool:
        """Spend from the bucket if it holds enough.

        Args:
            amount: How much.
            now: The time, in seconds.

        Returns:
            Whether it held enough.
        """
        full_at, wait = _spent(self._rate, self._full_at, amount, now)
        if wait > 0:
            return False
        self._full_at = full_at
        return True

    def give_back(self, amount: float) -> None:
        """Return what was spent."""
        self._full_at -= amount / self._rate.per_second

    def wait(self, amount: float, now: float) -> float:
        """How long it takes until the bucket holds enough.

        Args:
            amount: How much.
            now: The time, in seconds.

        Returns:
            Seconds; 0: it holds enough now.
        """
        return _spent(self._rate, self._full_at, amount, now)[1]


Buckets = dict[Charge, float]
"""The time at which each used bucket of a peer will be full again. The garbage collector ignores a dict of numbers, and
thousands of peers have one."""


class Rates:
    """The token buckets of all peers.

    Args:
        limits: Their rates.

    Attributes:
        charged: The charges that have a limit.
    """

    def __init__(self, limits: ServerLimits) -> None:
        rates: dict[Charge, Rate | None] = {
            "messages": limits.messages,
            "bytes": limits.bytes,
            "status_changes": limits.status_changes,
            "lists": limits.lists,
            "session_starts": limits.session_starts,
        }
        self._rates = {charge: rate for charge, rate in rates.items() if rate is not None}
        self.charged: Final = frozenset(self._rates)

    def spend(self, buckets: Buckets, charge: Charge, amount: float, now: float) -> float:
        """Charge a peer.

        Args:
            buckets: Of the peer.
            charge: The limit; one that does not exist costs nothing.
            amount: How much.
            now: The time, in seconds.

        Returns:
            Seconds for which the peer must not be read; 0: it may continue.
        """
        rate = self._rates.get(charge)
        if rate is None:
            return 0.0
        buckets[charge], wait = _spent(rate, buckets.get(charge, float("-inf")), amount, now)
        return wait


def _spent(rate: Rate, full_at: float, amount: float, now: float) -> tuple[float, float]:
    full_at = max(full_at, now) + amount / rate.per_second
    wait = full_at - now - rate.burst / rate.per_second
    # A rounding error is not worth a wait.
    return full_at, wait if wait > _ROUNDING_SECONDS else 0.0


class Counts(Generic[Key]):
    """Counts per key, up to a limit.

    Args:
        limit: Maximum per key; None: no limit.
    """

    __slots__ = ("_counts", "limit")

    def __init__(self, limit: int | None) -> None:
        self.limit = limit
        self._counts: dict[Key, int] = {}

    def is_full(self, key: Key) -> bool:
        """Whether a key has reached the limit."""
        return self.limit is not None and self.of(key) >= self.limit

    def of(self, key: Key) -> int:
        """The count of a key."""
        return self._counts.get(key, 0)

    def add(self, key: Key) -> None:
        """Add one to the count of a key."""
        self._counts[key] = self._counts.get(key, 0) + 1

    def remove(self, key: Key) -> None:
        """Subtract one from the count of a key.

        Raises:
            KeyError: The count is 0.
        """
        left = self._counts[key] - 1
        if left:
            self._counts[key] = left
        else:
            del self._counts[key]


class Pool(Generic[Key]):
    """An amount that many holders share; when it is exceeded, the holders with the largest shares are evicted.

    Args:
        limit: Maximum of all holders together; None: no limit.
    """

    _KEPT: Final = 7 / 8
    """The share of the limit that is kept by an eviction, so that not every further byte causes another one."""

    __slots__ = ("_held", "_limit", "total")

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._held: dict[Key, int] = {}
        self.total = 0

    def hold(self, holder: Key, amount: int) -> list[Key]:
        """Set how much a holder has now.

        Args:
            holder: Any key.
            amount: The new amount; 0 removes the holder.

        Returns:
            The holders that are evicted, the largest first; usually empty.
        """
        self.total += amount - self._held.get(holder, 0)
        if amount:
            self._held[holder] = amount
        else:
            self._held.pop(holder, None)
        if self._limit is None or self.total <= self._limit:
            return []
        evicted = []
        for largest in sorted(self._held, key=self._held.__getitem__, reverse=True):
            if self.total <= self._limit * self._KEPT:
                break
            self.total -= self._held.pop(largest)
            evicted.append(largest)
        return evicted
