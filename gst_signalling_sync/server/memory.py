"""Gives memory back to the system after many connections have gone.

glibc keeps what is freed below the top of its heaps, so that a process stays as large as a crowd has made it, until it is told
otherwise (malloc_trim(3)). Other C libraries give back by themselves, or have no such call.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Final, cast

__all__ = ["Departures", "give_back"]

_MANY: Final = 100
"""Connections that are worth it: with what they may leave unread they can have held megabytes."""

_QUIET_SECONDS: Final = 2.0
"""So long nobody else may have gone: a crowd does not go in a moment."""


class Departures:
    """Tells when many connections have gone for good. No clock of its own."""

    def __init__(self) -> None:
        # Since memory was given back: the most connections, and the fewest since then, with when they became so few.
        self._most = self._fewest = 0
        self._fewest_at = 0.0

    def came(self, connections: int) -> None:
        """Take note of how many connections there are, with one that has just come."""
        if connections >= self._most:
            self._most = self._fewest = connections

    def are_over(self, connections: int, now: float) -> bool:
        """Take note of how many connections there are; whether it is time to give memory back.

        Args:
            connections: As of now.
            now: Seconds, on a clock that never goes back.
        """
        if connections < self._fewest:
            self._fewest, self._fewest_at = connections, now
        if self._most - self._fewest < _MANY or now - self._fewest_at < _QUIET_SECONDS:
            return False
        self._most = self._fewest = connections
        return True


def give_back() -> None:
    """Give the system what the C library keeps of freed memory, if it is glibc.

    It takes a few milliseconds, in which threads that allocate may wait, but others run.
    """
    if _malloc_trim is not None:
        _malloc_trim(0)


def _find_malloc_trim() -> Callable[[int], int] | None:
    try:
        return cast(Callable[[int], int], ctypes.CDLL(None).malloc_trim)
    # Windows has no such handle.
    except (AttributeError, OSError, TypeError):
        return None


_malloc_trim: Final = _find_malloc_trim()
