"""`Refusals`: counts what the server refused, and logs it without filling the disk."""

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
"""Rules that honest peers meet too: an error that answers a request, the end of a session that both ends end at the same time,
a peer that resumes too late or at a restarted server, and a connection that a browser opened ahead and did not use."""


class Noted(Protocol):
    """A connection that is refused something, and that keeps the counts."""

    noted: Counter[str] | None


class Refusals:
    """Counts refusals, and logs the first of each rule and connection, within a maximum rate per rule.

    Args:
        limits: Has the maximum rate of log lines.
        clock: Returns the time, in seconds.
    """

    def __init__(self, limits: ServerLimits, clock: Callable[[], float]) -> None:
        self._rate = limits.warnings
        self._clock = clock
        self._counts: Counter[str] = Counter()
        self._buckets: dict[str, TokenBucket] = {}
        self._not_logged: Counter[str] = Counter()

    @property
    def counts(self) -> dict[str, int]:
        """How often each rule refused something, by the rule's name. A snapshot, from any thread."""
        return dict(self._counts.copy())

    def note(self, about: Noted, rule: str, details: str) -> None:
        """Count a refusal, and log it unless it is a repetition.

        Args:
            about: The connection.
            rule: The name of the rule, for a limit its name in `ServerLimits`.
            details: The reason in words.
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
        """Log the counts of a lost connection that was refused something more than once."""
        repeated = {rule: count for rule, count in (about.noted or {}).items() if count > 1}
        if repeated:
            logger.info(
                "%s: refused in all: %s", about, ", ".join(f"{count} {rule}" for rule, count in repeated.items())
            )

    def _may_log(self, rule: str) -> bool:
        if self._rate is None:
            return True
        bucket = self._buckets.setdefault(rule, TokenBucket(self._rate))
        if bucket.try_spend(1, self._clock()):
            return True
        self._not_logged[rule] += 1
        self._counts["warnings"] += 1
        return False
