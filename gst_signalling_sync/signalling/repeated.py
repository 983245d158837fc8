"""`RepeatedWarnings`: neither a server nor a peer can fill the log of this machine."""

from __future__ import annotations

import logging
from collections import Counter

__all__ = ["RepeatedWarnings"]


class RepeatedWarnings:
    """Warnings about what one server or peer sent: each kind once, and its number at the end.

    Args:
        logger: Where they go.
        named: The server, or the session with the peer, which every line names.
    """

    def __init__(self, logger: logging.Logger, named: str) -> None:
        self._logger = logger
        self._named = named
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
        self._logger.log(level, "%s: %s: %s", self._named, kind, details, exc_info=trace or None)

    def report(self) -> None:
        """Say how often each kind came again."""
        for kind, count in self._counts.items():
            if count > 1:
                self._logger.warning("%s: %s: %d times in all", self._named, kind, count)
        self._counts.clear()
