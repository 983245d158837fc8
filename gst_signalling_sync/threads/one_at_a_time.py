"""`OneAtATime`: calls of which one runs at a time, such as `connect` and `close` of one object."""

from __future__ import annotations

from collections.abc import Callable

from .interruptible import Condition
from .waiting import Deadline, wait_for

__all__ = ["OneAtATime"]


def _never() -> bool:
    return False


class OneAtATime:
    """Runs functions one after another. No lock is held meanwhile, and Ctrl-C cannot make it refuse the functions that follow.

    A lock that is acquired with a timeout cannot be used in a ``with`` statement, and a `KeyboardInterrupt` between the
    acquisition and the next statement would leave it locked forever.
    """

    def __init__(self) -> None:
        # Notified when a function has returned.
        self._changed = Condition()
        self._running: object | None = None

    def run(
        self, function: Callable[[], object], deadline: Deadline, is_pointless: Callable[[], bool] = _never
    ) -> bool:
        """Wait until no other function runs, then call one.

        Args:
            function: Its exceptions pass through.
            deadline: For the wait.
            is_pointless: Returns whether the function need not be called any more. Defaults to never.

        Returns:
            Whether the function was called.
        """
        this = object()
        try:
            with self._changed:
                wait_for(self._changed, lambda: self._running is None or is_pointless(), deadline)
                if self._running is not None or is_pointless():
                    return False
                self._running = this
            function()
            return True
        finally:
            # The assignment comes first, because Ctrl-C may interrupt the notification. A waiting thread looks again by itself.
            if self._running is this:
                self._running = None
                with self._changed:
                    self._changed.notify_all()
