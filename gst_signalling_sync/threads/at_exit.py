"""Objects that are closed at interpreter exit, before it freezes daemon threads in the middle of C code."""

from __future__ import annotations

import atexit
import logging
import os
import weakref
from collections.abc import Callable
from typing import Final, Protocol

from .waiting import Deadline

__all__ = ["CLOSED_FIRST", "CLOSED_LAST"]

logger = logging.getLogger(__name__)

_SECONDS: Final = 2.0
"""Seconds that all objects together may take to deliver what was sent."""


class Closable(Protocol):
    """An object whose `close` is bounded in time."""

    def begin_close(self, seconds: float, /) -> None:
        """Begin to close the object within that many seconds; returns at once."""

    def close(self, seconds: float, /) -> None:
        """Close the object within that many seconds."""


CLOSED_FIRST: Final[weakref.WeakSet[Closable]] = weakref.WeakSet()
"""Running objects that use event loops."""

CLOSED_LAST: Final[weakref.WeakSet[Closable]] = weakref.WeakSet()
"""Running event loops."""


@atexit.register
def _close_all() -> None:
    deadline = Deadline(_SECONDS)
    for closables in (list(CLOSED_FIRST), list(CLOSED_LAST)):
        # All at the same time: many peers that do not answer would otherwise take two seconds each.
        for closable in closables:
            deadline = _tried(closable, closable.begin_close, deadline)
        for closable in closables:
            deadline = _tried(closable, closable.close, deadline)


def _tried(closable: Closable, close: Callable[[float], None], deadline: Deadline) -> Deadline:
    """Close an object, and return the deadline for the others."""
    try:
        close(deadline.remaining())
    except KeyboardInterrupt:
        # A second Ctrl-C: the others are still closed, but no longer waited for.
        return Deadline(0.0)
    except Exception:
        # The others must still be closed.
        logger.exception("%r could not be closed", closable)
    return deadline


def _forget_parent() -> None:
    CLOSED_FIRST.clear()
    CLOSED_LAST.clear()


if hasattr(os, "register_at_fork"):
    # The threads of what the parent runs do not exist in the child.
    os.register_at_fork(after_in_child=_forget_parent)
