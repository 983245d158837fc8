"""Happy Eyeballs (RFC 8305): the order and the times at which the addresses of a name are tried. No I/O and no clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable, Sequence
from itertools import chain, zip_longest
from typing import Final, Generic, TypeVar

__all__ = ["ATTEMPT_SECONDS", "Race", "interleaved"]

Address = TypeVar("Address", bound=Hashable)

ATTEMPT_SECONDS: Final = 0.25
"""The Connection Attempt Delay (RFC 8305 section 5): the time until the next address is tried in parallel."""


def interleaved(addresses: Sequence[tuple[Hashable, Address]]) -> list[Address]:
    """Sort addresses so that the families alternate (RFC 8305 section 4).

    Args:
        addresses: Pairs of family and address, in the order of the system's preference.

    Returns:
        The addresses, without duplicates; the first one remains the first.
    """
    by_family: dict[Hashable, dict[Address, None]] = {}
    for family, address in addresses:
        by_family.setdefault(family, {})[address] = None
    rows = zip_longest(*by_family.values())
    return [address for address in chain.from_iterable(rows) if address is not None]


class Race(Generic[Address]):
    """Attempts at several addresses, of which the first that succeeds wins.

    The driver begins each attempt that `begin` returns, and reports each one that `failed`, until one succeeds or `is_lost`.

    Args:
        addresses: In the order in which they are tried.
    """

    def __init__(self, addresses: Iterable[Address]) -> None:
        self._waiting = deque(addresses)
        self._running: set[Address] = set()
        self._next_at: float | None = None

    def begin(self, now: float) -> Address | None:
        """The address whose attempt must begin now, if any.

        Args:
            now: The time, in seconds.
        """
        if not self._waiting or (self._running and self._next_at is not None and now < self._next_at):
            return None
        address = self._waiting.popleft()
        self._running.add(address)
        self._next_at = now + ATTEMPT_SECONDS
        return address

    def failed(self, address: Address) -> None:
        """Record that an attempt failed; the next one may begin at once.

        Args:
            address: Of the attempt.
        """
        self._running.discard(address)
        self._next_at = None

    @property
    def next_at(self) -> float | None:
        """The time of the next attempt, even if no other one has failed; None: there are no more addresses."""
        return self._next_at if self._waiting else None

    @property
    def is_lost(self) -> bool:
        """Whether every attempt has failed."""
        return not self._waiting and not self._running
