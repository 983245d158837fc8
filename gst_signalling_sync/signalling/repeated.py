"""`RepeatedWarnings`: keeps a server or a peer from filling the log."""

from __future__ import annotations

import logging
from collections import Counter

__all__ = ["RepeatedWarnings"]


class RepeatedWarnings:
    """Warnings about messages of one server or peer: each kind is logged once, and its count at the end.

    Args:
        logger: The logger to use.
        named: The server, or the session with the peer, that every line names.
    """

    def __init__(self, logger: logging.Logger, named: str) -> None:
        self._logger = logger
        self._named = named
        self._counts: Counter[str] = Counter()

    def warn(self, kind: str, details: str, trace: bool = False) -> None:
        """Log a warning; if it is not the first one of its kind, at debug level.

        Args:
            kind: What happened, the same for all warnings of the kind.
            details: What was special this time.
            trace: Whether the present exception's traceback is logged too. Defaults to False.
        """
        self._counts[kind] += 1
        level = logging.WARNING if self._counts[kind] == 1 else logging.DEBUG
        self._logger.log(level, "%s: %s: %s", self._named, kind, details, exc_info=trace or None)

    def report(self) -> None:
        """Log the count of each kind that came more than once."""
        for kind, count in self._counts.items():
            if count > 1:
                self._logger.warning("%s: %s: %d times in all", self._named, kind, count)
        self._counts.clear()
