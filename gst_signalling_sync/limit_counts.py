"""`LimitCounts`: counts how often peers met each limit of a role or a session."""

from __future__ import annotations

import threading
from collections import Counter

__all__ = ["LimitCounts"]


class LimitCounts:
    """Counts by the name of the limit, an attribute of `SessionLimits`; callable from any thread.

    Args:
        whole: Counts of a larger whole to which this adds too, such as the role of a session; None: there is none.
    """

    def __init__(self, whole: LimitCounts | None = None) -> None:
        self._whole = whole
        # Guards the counts, to which the reader, the loop and callback threads add.
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    @property
    def counts(self) -> dict[str, int]:
        """A snapshot of the counts, without limits that were not met."""
        with self._lock:
            return dict(self._counts)

    def note(self, limit: str) -> None:
        """Count something that met a limit, and was refused, dropped, ended or made to wait.

        Args:
            limit: The limit's name.
        """
        with self._lock:
            self._counts[limit] += 1
        if self._whole is not None:
            self._whole.note(limit)
