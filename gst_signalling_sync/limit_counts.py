"""`LimitCounts`: how often peers met each limit of a role or a session."""

from __future__ import annotations

import threading
from collections import Counter

__all__ = ["LimitCounts"]


class LimitCounts:
    """Counts by the name of the limit, an attribute of `SessionLimits`; from any thread.

    Args:
        whole: Counts the same, together with others'; None: nothing does.
    """

    def __init__(self, whole: LimitCounts | None = None) -> None:
        self._whole = whole
        # Guards the counts: the reader, the loop and the callback threads add to them.
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    @property
    def counts(self) -> dict[str, int]:
        """A snapshot: only limits that were met are in it."""
        with self._lock:
            return dict(self._counts)

    def note(self, limit: str) -> None:
        """Count that something met a limit: it was refused, dropped, ended or made to wait.

        Args:
            limit: The limit's name.
        """
        with self._lock:
            self._counts[limit] += 1
        if self._whole is not None:
            self._whole.note(limit)
