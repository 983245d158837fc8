"""`RepeatedWarnings`: a server cannot fill the log of this machine."""

from __future__ import annotations

import logging
from collections import Counter

__all__ = ["RepeatedWarnings"]


class RepeatedWarnings:
    """Warnings about what one server sent: each kind once, and its number when the connection ends.

    Args:
        logger: Where they go.
        uri: The server, which every line names.
    """

    def __init__(self, logger: logging.Logger, uri: str) -> None:
        self._logger = logger
        self._uri = uri
        self._counts: Counter[str] = Counter()

    def warn(self, kind: str, details: str, trace: bool = False) -> None:
        """Warn, or count where that kind was warned of before.

        Args:
            kind: What happened, the same for all of the kind.
            details: What was special this time.
            trace: Whether the present exception's traceback is logged too.
        """
        self._counts[kind] += 1
        level = logging.WARNING if self._counts[kind] == 1 else logging.DEBUG
        self._logger.log(level, "%s: %s: %s", self._uri, kind, details, exc_info=trace or None)

    def report(self) -> None:
        """Say how often each kind came again."""
        for kind, count in self._counts.items():
            if count > 1:
                self._logger.warning("%s: %s: %d times in all", self._uri, kind, count)
        self._counts.clear()
