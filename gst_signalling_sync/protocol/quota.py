"""Quotas without I/O and without a clock: rates of one peer, counts per key, bytes that many share."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final, Generic, Literal, TypeVar

from .limits import Rate, ServerLimits

__all__ = ["Buckets", "Charge", "Counts", "Pool", "Rates", "TokenBucket"]

Key = TypeVar("Key", bound=Hashable)

Charge = Literal["messages", "bytes", "status_changes", "lists", "session_starts"]
"""What a peer is charged for, by the name of the limit. Every message is, and an enum would be slower to look up."""


_ROUNDING_SECONDS: Final = 1e-9


class TokenBucket:
    """A token bucket, kept as one number: when it would be full again (GCRA, ITU-T I.371).

    Args:
        rate: How fast it fills, and how much it holds.
    """

    __slots__ = ("_full_at", "_rate")

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._full_at = float("-inf")

    @property
    def full_at(self) -> float:
        """When the bucket is full again if nothing more is taken, in seconds."""
        return self._full_at

    def spend(self, amount: float, now: float) -> float:
        """Take from the bucket, also what is not there.

        Args:
            amount: How much.
            now: The time, in seconds.

        Returns:
            Seconds until nothing is owed; 0 where nothing is.
        """
        self._full_at, wait = _spent(self._rate, self._full_at, amount, now)
        return wait

    def take(self, amount: float, now: float) -> bool:
        """Take from the bucket if it holds so much.

        Args:
            amount: How much.
            now: The time, in seconds.

        Returns:
            Whether it did.
        """
        full_at, wait = _spent(self._rate, self._full_at, amount, now)
        if wait > 0:
            return False
        self._full_at = full_at
        return True

    def give_back(self, amount: float) -> None:
        """Put back what was taken."""
        self._full_at -= amount / self._rate.per_second

    def wait(self, amount: float, now: float) -> float:
        """How long it takes until `take` takes so much.

        Args:
            amount: How much.
            now: The time, in seconds.

        Returns:
            Seconds; 0 where it would now.
        """
        return _spent(self._rate, self._full_at, amount, now)[1]


Buckets = dict[Charge, float]
"""When each bucket of a peer would be full again, of those that were used. A dict of numbers costs the garbage collector
nothing, and thousands of peers have one."""


class Rates:
    """The token buckets of all peers.

    Args:
        limits: Their rates.

    Attributes:
        charged: For what there is a limit.
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
            charge: For what; without a limit it costs nothing.
            amount: How much of it.
            now: The time, in seconds.

        Returns:
            For how many seconds it shall not be read; 0: it may go on.
        """
        rate = self._rates.get(charge)
        if rate is None:
            return 0.0
        buckets[charge], wait = _spent(rate, buckets.get(charge, float("-inf")), amount, now)
        return wait


def _spent(rate: Rate, full_at: float, amount: float, now: float) -> tuple[float, float]:
    full_at = max(full_at, now) + amount / rate.per_second
    wait = full_at - now - rate.burst / rate.per_second
    # What is only an error of rounding is not waited for.
    return full_at, wait if wait > _ROUNDING_SECONDS else 0.0


class Counts(Generic[Key]):
    """How many there are of each key, up to a limit.

    Args:
        limit: Of one key; None: none.
    """

    __slots__ = ("_counts", "limit")

    def __init__(self, limit: int | None) -> None:
        self.limit = limit
        self._counts: dict[Key, int] = {}

    def is_full(self, key: Key) -> bool:
        """Whether there may be no more of a key."""
        return self.limit is not None and self.of(key) >= self.limit

    def of(self, key: Key) -> int:
        """How many there are of a key."""
        return self._counts.get(key, 0)

    def add(self, key: Key) -> None:
        """Count one more."""
        self._counts[key] = self._counts.get(key, 0) + 1

    def remove(self, key: Key) -> None:
        """Count one less.

        Raises:
            KeyError: There is none.
        """
        left = self._counts[key] - 1
        if left:
            self._counts[key] = left
        else:
            del self._counts[key]


class Pool(Generic[Key]):
    """An amount that many holders share; when it is exceeded, those that hold the most have to go.

    Args:
        limit: Of all holders together; None: none.
    """

    _KEPT: Final = 7 / 8
    """How full it is afterwards, so that the holders are not looked through for each byte."""

    __slots__ = ("_held", "_limit", "total")

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._held: dict[Key, int] = {}
        self.total = 0

    def hold(self, holder: Key, amount: int) -> list[Key]:
        """Say how much a holder has now.

        Args:
            holder: Any key.
            amount: Instead of what it had before; 0 forgets the holder.

        Returns:
            The holders that have to go, and are forgotten; usually none.
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
