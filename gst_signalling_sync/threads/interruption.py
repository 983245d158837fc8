"""`Interruption`: ends, from any thread, another thread's wait for sockets or for slow functions."""

from __future__ import annotations

import selectors
import socket
import threading
from collections.abc import Callable, Hashable, Iterable
from typing import Any, TypeVar

from .fork import close_in_child
from .interruptible import Future
from .slow_calls import SLOW_CALLS
from .waiting import MAX_WAIT_SECONDS, Deadline, result_of

__all__ = ["Interrupted", "Interruption", "Selector"]

Result = TypeVar("Result")

Selector: type[selectors.BaseSelector] = getattr(selectors, "PollSelector", selectors.SelectSelector)
"""A selector for a single wait, which needs no descriptor of its own."""


class Interrupted(Exception):
    """Another thread called `Interruption.trigger`."""


class Interruption:
    """Waits of one thread that other threads can interrupt. It has two descriptors until `close`.

    Every wait notices Ctrl-C too, see `wait_for`.
    """

    def __init__(self) -> None:
        self._woken, self._waker = map(close_in_child, socket.socketpair())
        self._waker.setblocking(False)
        # Guards the flags, the future, and whether the waker is open.
        self._lock = threading.Lock()
        self._is_triggered = False
        self._is_closed = False
        self._future: Future[Any] | None = None

    def trigger(self) -> None:
        """End the present wait, and every later one as soon as it begins; idempotent, from any thread."""
        with self._lock:
            if self._is_triggered or self._is_closed:
                return
            self._is_triggered = True
            self._waker.send(b"\0")
            if self._future is not None:
                self._future.cancel()

    def close(self) -> None:
        """Close the descriptors; idempotent. It cannot be used for waits any more."""
        with self._lock:
            self._is_closed = True
            self._woken.close()
            self._waker.close()

    def check(self) -> None:
        """Raise if `trigger` was called.

        Raises:
            Interrupted: `trigger` was called.
        """
        if self._is_triggered:
            raise Interrupted

    def select(self, sockets: Iterable[tuple[socket.socket, int]], deadline: Deadline) -> set[socket.socket]:
        """Wait for any of several sockets.

        Args:
            sockets: Each with the events of `selectors` to wait for.
            deadline: How long to wait.

        Returns:
            The sockets that are ready; empty after the deadline.

        Raises:
            Interrupted: `trigger` was called.
        """
        with Selector() as selector:
            selector.register(self._woken, selectors.EVENT_READ)
            for waiting, events in sockets:
                selector.register(waiting, events)
            while True:
                self.check()
                remaining = deadline.remaining()
                ready = selector.select(min(remaining, MAX_WAIT_SECONDS))
                self.check()
                if ready or remaining <= MAX_WAIT_SECONDS:
                    return {key.fileobj for key, _ in ready if isinstance(key.fileobj, socket.socket)}

    def call(self, key: Hashable, function: Callable[[], Result], name: str, deadline: Deadline) -> Result:
        """Call a function that may take long, on its own thread; see `SlowCalls`.

        When the wait ends early, the function still runs until it returns. The next call with its key waits for that.

        Args:
            key: Equal for functions that have the same result.
            function: Called without arguments.
            name: Of the thread; ``gss-`` is put before it.
            deadline: How long to wait for its result.

        Returns:
            What the function returned.

        Raises:
            TimeoutError: It did not return in time.
            Interrupted: `trigger` was called.
            Exception: What the function raised.
        """
        future: Future[Callable[[], Result]] = Future()
        with self._lock:
            self._future = future
        try:
            self.check()
            call = SLOW_CALLS.begin(key, function, name, future)
            try:
                outcome = result_of(future, deadline)
            finally:
                future.cancel()
                SLOW_CALLS.give_up(call)
        except BaseException:
            self.check()
            raise
        finally:
            with self._lock:
                self._future = None
        return outcome()
