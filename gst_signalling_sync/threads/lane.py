"""`Lane`: one callback thread and its queue."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Final

from .interruptible import Condition
from .owner import Owner
from .waiting import MAX_WAIT_SECONDS, Deadline

__all__ = ["Lane", "current_lane"]

logger = logging.getLogger(__name__)

_MANY_CALLS: Final = 10_000
"""Number of waiting calls at which a warning says that a callback takes too long."""


_Call = tuple[Callable[..., object], tuple[object, ...]]


class Lane:
    """One thread and its queue.

    Args:
        name: Of the thread.
        changed: Guards the start and the end of every lane of one `Callbacks`.
    """

    def __init__(self, name: str, changed: Condition) -> None:
        self.name = name
        self.changed = changed
        self.next: deque[_Call] = deque()
        """Calls to make right after the running callback; used by the thread alone."""
        self.is_closing = 0
        """Number of `Callbacks.close` calls that run on the thread."""
        self._owner = Owner(name)
        # One queue per `open`: a call that is put after its end is never made.
        self._queue: SimpleQueue[_Call | None] | None = None
        self._queues: deque[SimpleQueue[_Call | None]] = deque()
        self._thread: threading.Thread | None = None
        self._is_late = False

    @property
    def is_open(self) -> bool:
        """Whether calls are accepted."""
        return self._queue is not None

    @property
    def waiting(self) -> int:
        """Number of waiting calls."""
        queue = self._queue
        return 0 if queue is None else queue.qsize()

    @property
    def is_current(self) -> bool:
        """Whether the caller is a callback of this thread."""
        return _here.lane is self

    @property
    def is_running(self) -> bool:
        """Whether there is a thread."""
        return self._thread is not None

    def open(self) -> None:
        """Accept calls; `changed` is held.

        Raises:
            RuntimeError: The system cannot start another thread.
        """
        if self._queue is not None:
            return
        # Ctrl-C may come anywhere here: a thread that is not `_thread` ends, and so does a queue that is not `_queue`.
        if self._thread is None:
            thread = threading.Thread(target=self._main, name=self.name, daemon=True)
            # It waits for the lock that is held here.
            thread.start()
            self._thread = thread
        queue: SimpleQueue[_Call | None] = SimpleQueue()
        try:
            self._queues.append(queue)
            self._queue = queue
            self.changed.notify_all()
        except BaseException:
            self._queue = None
            queue.put(None)
            raise

    def close(self) -> None:
        """Accept no more calls; `changed` is held."""
        queue, self._queue = self._queue, None
        if queue is not None:
            # In this order: Ctrl-C may come after `put`, and a queue that has its end must not be used any more.
            queue.put(None)

    def put(self, call: _Call) -> None:
        """Queue a call, unless closed."""
        queue = self._queue
        if queue is None:
            return
        queue.put(call)
        if queue.qsize() > _MANY_CALLS and not self._is_late:
            self._is_late = True
            logger.warning("%s: %d callbacks are waiting: a receiver takes too long", self.name, queue.qsize())

    def wait(self, deadline: Deadline, is_patient: bool) -> None:
        """Wait until the thread has stopped, or `open` was called again.

        Args:
            deadline: How long to wait.
            is_patient: Whether to wait also for a callback that itself waits for other threads.
        """
        with self.changed:
            thread = self._thread
            while thread is not None and self._thread is thread and self._queue is None:
                if self.is_closing and not is_patient:
                    return
                remaining = deadline.remaining()
                if not remaining:
                    logger.warning("%s: a callback still runs %g s after close()", self.name, deadline.seconds)
                    return
                self.changed.wait(min(remaining, MAX_WAIT_SECONDS))
            has_ended = self._thread is not thread
        if has_ended and thread is not None:
            # Its function is about to return.
            thread.join(deadline.remaining())

    def _main(self) -> None:
        _here.lane = self
        queue: SimpleQueue[_Call | None] | None = None
        while (queue := self._following(queue)) is not None:
            self._call_all(queue)
            if not self._owner.is_here:
                # A callback forked and returned in the child too, where nobody else runs: the process ends with this thread.
                return

    def _following(self, queue: SimpleQueue[_Call | None] | None) -> SimpleQueue[_Call | None] | None:
        """The queue of the next `open`; None at the end of the thread.

        Args:
            queue: The queue before; None: there was none.
        """
        with self.changed:
            if self._thread is not threading.current_thread():
                return None
            if queue is not None:
                self._queues.popleft()
            if self._queues:
                return self._queues[0]
            self._thread = None
            self.changed.notify_all()
            return None

    def _call_all(self, queue: SimpleQueue[_Call | None]) -> None:
        while self._owner.is_here and (call := queue.get()) is not None:
            self._call(call)
            # The delivered objects must not be kept alive by this stack frame while the queue is empty.
            del call
            while self.next:
                self._call(self.next.popleft())
            if self._is_late and queue.empty():
                self._is_late = False

    def _call(self, call: _Call) -> None:
        function, arguments = call
        try:
            function(*arguments)
        # No exception may end the thread, and with it every later callback.
        except BaseException:
            logger.exception("%s: internal error in the delivery of a callback", self.name)


class _Here(threading.local):
    """The lane that the running thread belongs to."""

    lane: Lane | None = None


_here = _Here()


def current_lane() -> Lane | None:
    """The lane of the calling thread; None: it is not a callback thread."""
    return _here.lane
