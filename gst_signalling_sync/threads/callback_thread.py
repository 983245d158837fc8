"""`CallbackThread`: where the functions that users connect to signals run."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue

__all__ = ["CallbackThread"]

logger = logging.getLogger(__name__)

_Call = tuple[Callable[..., object], tuple[object, ...]]


class CallbackThread:
    """Calls functions one after another, in the order posted, in a thread of its own.

    Args:
        name: Of the thread; ``gss-`` is put before it.
    """

    def __init__(self, name: str) -> None:
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        # The thread's own.
        self._next: deque[_Call] = deque()
        self._thread = threading.Thread(target=self._main, name=f"gss-{name}", daemon=True)
        self._thread.start()

    @property
    def is_current(self) -> bool:
        """Whether the caller is one of the callbacks."""
        return threading.current_thread() is self._thread

    def post(self, function: Callable[..., object], *arguments: object) -> None:
        """Have a function called; returns at once. After `close` it is dropped.

        Args:
            function: An exception that it raises is logged.
            *arguments: Its arguments.
        """
        self._calls.put((function, arguments))

    def post_next(self, function: Callable[..., object], *arguments: object) -> None:
        """Have a function called right after the callback that this is called in, before all that was posted meanwhile.

        Args:
            function: An exception that it raises is logged.
            *arguments: Its arguments.
        """
        self._next.append((function, arguments))

    def close(self, seconds: float) -> None:
        """End the thread once what was posted before has been called; idempotent.

        From a callback this returns at once, because the thread cannot wait for itself. A callback that does not return
        within the time keeps its thread until it does.

        Args:
            seconds: How long to wait for the thread.
        """
        self._calls.put(None)
        if self.is_current:
            return
        self._thread.join(seconds)
        if self._thread.is_alive():
            logger.warning("%s: a callback still runs %g s after close()", self._thread.name, seconds)

    def _main(self) -> None:
        while (call := self._calls.get()) is not None:
            self._call(call)
            # What was delivered must not live on in this frame while the queue is empty.
            del call
            while self._next:
                self._call(self._next.popleft())

    def _call(self, call: _Call) -> None:
        function, arguments = call
        try:
            function(*arguments)
        except Exception:
            logger.exception("%s: internal error in the delivery of a callback", self._thread.name)
