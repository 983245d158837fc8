"""`Failures`: counts and logs the failures of single frames, in a thread that goes on with the next frame. It has no clock.

A frame that cannot be handled must not end the thread that handles all frames, and an error that occurs with every frame must
not fill the log 30 times a second.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

__all__ = ["DecodingError", "Failures"]

_LOG_SECONDS: Final = 10.0
"""Minimum time between two log lines about the same kind of failure."""


class DecodingError(Exception):
    """A frame could not be decoded, or not without damage."""


class Failures:
    """The failures of one thread. That thread adds to them; any thread reads them.

    A failure is logged at once. If it occurs again, it is logged at most every 10 s, with the number of failures since the last
    line. An unforeseen failure is logged as an error with its traceback.

    Args:
        logger: The logger of the thread's module.
        name: Called for the beginning of each log line.
        foreseen: Exceptions that the input or a library is expected to raise.
        level: Level at which foreseen failures are logged. Defaults to ``logging.ERROR``.
    """

    def __init__(
        self,
        logger: logging.Logger,
        name: Callable[[], str],
        foreseen: tuple[type[Exception], ...],
        level: int = logging.ERROR,
    ) -> None:
        self._logger = logger
        self._name = name
        self._foreseen = foreseen
        self._level = level
        self._count = 0
        self._newest: Exception | None = None
        # When each kind was last logged, and the number of failures since.
        self._logged: dict[type[Exception], tuple[float, int]] = {}

    @property
    def count(self) -> int:
        """Number of failures."""
        return self._count

    @property
    def newest(self) -> Exception | None:
        """The failure of the last frame; None: it did not fail."""
        return self._newest

    def add(self, doing: str, error: Exception, now: float) -> None:
        """Record a failure.

        Args:
            doing: What could not be done, such as "encode a frame".
            error: The failure.
            now: Seconds on any clock that does not jump.
        """
        self._log(doing, error, now)
        # The traceback would keep the frame and all other local objects alive.
        self._newest = error.with_traceback(None)
        self._count += 1

    def passed(self) -> None:
        """Record a frame that did not fail."""
        self._newest = None

    def _log(self, doing: str, error: Exception, now: float) -> None:
        kind = type(error)
        logged_at, since = self._logged.get(kind, (float("-inf"), 0))
        if now - logged_at < _LOG_SECONDS:
            self._logged[kind] = (logged_at, since + 1)
            return
        self._logged[kind] = (now, 0)
        more = f" ({since} more like it since the last time)" if since else ""
        if isinstance(error, self._foreseen):
            reason = getattr(error, "strerror", None) or error
            self._logger.log(self._level, "%s: cannot %s: %s%s", self._name(), doing, reason, more)
        else:
            self._logger.error("%s: cannot %s: %r%s", self._name(), doing, error, more, exc_info=error)
