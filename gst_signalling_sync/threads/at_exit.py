"""Objects that are closed at interpreter exit, before it freezes daemon threads in the middle of C code."""

from __future__ import annotations

import atexit
import logging
import os
import weakref
from typing import Final, Protocol

__all__ = ["CLOSED_FIRST", "CLOSED_LAST"]

logger = logging.getLogger(__name__)

_SECONDS: Final = 2.0
"""Seconds that each object may take to close."""


class Closable(Protocol):
    """An object whose `close` is bounded in time."""

    def close(self, seconds: float, /) -> None:
        """Close the object within that many seconds."""


CLOSED_FIRST: Final[weakref.WeakSet[Closable]] = weakref.WeakSet()
"""Running objects that use event loops."""

CLOSED_LAST: Final[weakref.WeakSet[Closable]] = weakref.WeakSet()
"""Running event loops."""


@atexit.register
def _close_all() -> None:
    seconds = _SECONDS
    for closable in (*CLOSED_FIRST, *CLOSED_LAST):
        try:
            closable.close(seconds)
        except KeyboardInterrupt:
            # A second Ctrl-C: the others are still closed, but no longer waited for.
            seconds = 0.0
        except Exception:
            # The others must still be closed.
            logger.exception("%r could not be closed", closable)


def _forget_parent() -> None:
    CLOSED_FIRST.clear()
    CLOSED_LAST.clear()


if hasattr(os, "register_at_fork"):
    # The threads of what the parent runs do not exist in the child.
    os.register_at_fork(after_in_child=_forget_parent)
