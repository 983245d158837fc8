"""Returns memory to the system after many connections have gone (malloc_trim(3)).

glibc keeps memory that is freed below the top of its heaps, so a process stays as large as a crowd of clients has made it,
until `malloc_trim` is called. Other C libraries return memory by themselves, or have no such call.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Final, cast

__all__ = ["Departures", "give_back"]

_MANY: Final = 100
"""Number of lost connections that is worth the call: with unread bytes they may have held megabytes."""

_QUIET_SECONDS: Final = 2.0
"""How long no other connection must have gone, because a crowd does not leave in a moment."""


class Departures:
    """Tells when many connections have gone for good. No clock."""

    def __init__(self) -> None:
        # Since memory was returned: the maximum of connections, and the minimum since then, with the time of the latter.
        self._maximum = self._minimum = 0
        self._minimum_at = 0.0

    def came(self, connections: int) -> None:
        """Record the number of connections after one was added."""
        if connections >= self._maximum:
            self._maximum = self._minimum = connections

    def are_over(self, connections: int, now: float) -> bool:
        """Record the present number of connections.

        Args:
            connections: The number.
            now: The time, in seconds.

        Returns:
            Whether it is time to return memory.
        """
        if connections < self._minimum:
            self._minimum, self._minimum_at = connections, now
        if self._maximum - self._minimum < _MANY or now - self._minimum_at < _QUIET_SECONDS:
            return False
        self._maximum = self._minimum = connections
        return True


def give_back() -> None:
    """Return freed memory to the system, if the C library is glibc.

    It takes a few milliseconds, in which allocating threads may wait, but others run.
    """
    if _malloc_trim is not None:
        _malloc_trim(0)


def _find_malloc_trim() -> Callable[[int], int] | None:
    try:
        return cast(Callable[[int], int], ctypes.CDLL(None).malloc_trim)
    # Windows has no handle of the process itself.
    except (AttributeError, OSError, TypeError):
        return None


_malloc_trim: Final = _find_malloc_trim()
