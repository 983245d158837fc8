"""`Failures`: what went wrong with single frames, in a thread that goes on with the next. No clock of its own.

One frame that cannot be handled must not end the thread that handles all of them, and a fault that comes with every frame
must not fill the log 30 times a second.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

__all__ = ["DecodingError", "Failures"]

_LOG_SECONDS: Final = 10.0
"""Between two lines about the same kind of failure."""


class DecodingError(Exception):
    """A frame could not be decoded, or not without damage."""


class Failures:
    """The failures of one thread; added to by that thread, read by any.

    A failure is logged at once, and again after 10 s if it still happens, then with the number of those in between. One that
    nobody foresaw is an error with its traceback.

    Args:
        logger: Of the module whose thread it is.
        name: Called for what the lines begin with.
        foreseen: Exceptions that input or a library may be expected to raise.
        level: At which those are logged.
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
        # When each kind was last logged, and how many came since.
        self._logged: dict[type[Exception], tuple[float, int]] = {}

    @property
    def count(self) -> int:
        """How many there were."""
        return self._count

    @property
    def newest(self) -> Exception | None:
        """What the last frame failed by; None: it did not fail."""
        return self._newest

    def add(self, doing: str, error: Exception, now: float) -> None:
        """Take note of a failure.

        Args:
            doing: What could not be done, such as "encode a frame".
            error: Why.
            now: Seconds on any clock that does not jump.
        """
        self._log(doing, error, now)
        # Its traceback would keep the frame, and all that there was besides.
        self._newest = error.with_traceback(None)
        self._count += 1

    def passed(self) -> None:
        """Take note of a frame that did not fail."""
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
