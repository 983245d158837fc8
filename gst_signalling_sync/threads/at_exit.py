"""What is closed when the interpreter exits, before it would freeze daemon threads in the middle of C code."""

from __future__ import annotations

import atexit
import logging
import os
import weakref
from typing import Final, Protocol

__all__ = ["CLOSED_FIRST", "CLOSED_LAST"]

logger = logging.getLogger(__name__)

_SECONDS: Final = 2.0
"""What each may take to say goodbye."""


class Closable(Protocol):
    """What can be closed within a time."""

    def close(self, seconds: float, /) -> None:
        """End it, in so many seconds."""


CLOSED_FIRST: Final[weakref.WeakSet[Closable]] = weakref.WeakSet()
"""What uses event loops, as long as it runs."""

CLOSED_LAST: Final[weakref.WeakSet[Closable]] = weakref.WeakSet()
"""Event loops, as long as they run."""


@atexit.register
def _close_all() -> None:
    seconds = _SECONDS
    for closable in (*CLOSED_FIRST, *CLOSED_LAST):
        try:
            closable.close(seconds)
        except KeyboardInterrupt:
            # A second Ctrl-C: the rest is closed, and waited for no more.
            seconds = 0.0
        except Exception:
            # The others are to be closed all the same.
            logger.exception("%r could not be closed", closable)


def _forget_parent() -> None:
    CLOSED_FIRST.clear()
    CLOSED_LAST.clear()


if hasattr(os, "register_at_fork"):
    # The threads of what the parent runs do not exist in the child.
    os.register_at_fork(after_in_child=_forget_parent)
