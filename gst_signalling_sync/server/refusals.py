"""`Refusals`: what the server refused, counted for good, and logged without filling the disk."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from typing import Final, Protocol

from ..protocol.limits import ServerLimits
from ..protocol.quota import TokenBucket

__all__ = ["Noted", "Refusals"]

logger = logging.getLogger(__name__)

_ORDINARY: Final = {"request", "ended", "late", "handshake_seconds"}
"""Rules that honest peers run into: errors that answer a request, the end of a session that both ends ended at once, a peer
that comes back too late, or to a server that was restarted, and a browser's connection that it made ahead and did not need."""


class Noted(Protocol):
    """Whom a refusal is about: a connection, which keeps what has been noted of it."""

    noted: Counter[str] | None


class Refusals:
    """Notes refusals: a line in the log for the first of each rule and connection, and not too many of one rule.

    Args:
        limits: How many lines.
        clock: The time, in seconds.
    """

    def __init__(self, limits: ServerLimits, clock: Callable[[], float]) -> None:
        self._rate = limits.warnings
        self._clock = clock
        self._counts: Counter[str] = Counter()
        self._buckets: dict[str, TokenBucket] = {}
        self._not_logged: Counter[str] = Counter()

    @property
    def counts(self) -> dict[str, int]:
        """How often each rule refused something, by its name. A snapshot, from any thread."""
        return dict(self._counts.copy())

    def note(self, about: Noted, rule: str, details: str) -> None:
        """Note a refusal.

        Args:
            about: The connection.
            rule: Why; a limit by its name.
            details: In words.
        """
        self._counts[rule] += 1
        if about.noted is None:
            about.noted = Counter()
        about.noted[rule] += 1
        if about.noted[rule] > 1 or not self._may_log(rule):
            logger.debug("%s: %s: %.500s", about, rule, details)
            return
        unlogged = self._not_logged.pop(rule, 0)
        more = f" ({unlogged} other connections were not logged)" if unlogged else ""
        level = logging.INFO if rule in _ORDINARY else logging.WARNING
        logger.log(level, "%s: %s: %.500s%s", about, rule, details, more)

    def conclude(self, about: Noted) -> None:
        """Tell the count of what was refused to a connection that is gone, where it was more than one line told."""
        repeated = {rule: count for rule, count in (about.noted or {}).items() if count > 1}
        if repeated:
            logger.info(
                "%s: refused in all: %s", about, ", ".join(f"{count} {rule}" for rule, count in repeated.items())
            )

    def _may_log(self, rule: str) -> bool:
        if self._rate is None:
            return True
        bucket = self._buckets.setdefault(rule, TokenBucket(self._rate))
        if bucket.take(1, self._clock()):
            return True
        self._not_logged[rule] += 1
        self._counts["warnings"] += 1
        return False
