"""`Interruption`: ends, from any thread, what another thread waits for in sockets and in slow functions."""

from __future__ import annotations

import selectors
import socket
import threading
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from .fork import close_in_child
from .interruptible import Future
from .waiting import MAX_WAIT_SECONDS, Deadline, result_of

__all__ = ["Interrupted", "Interruption", "Selector"]

Result = TypeVar("Result")

Selector: type[selectors.BaseSelector] = getattr(selectors, "PollSelector", selectors.SelectSelector)
"""For a single wait: one that takes no descriptor of its own."""


class Interrupted(Exception):
    """Another thread called `Interruption.trigger`."""


class Interruption:
    """What one thread waits by, and others interrupt; its two descriptors are given back by `close`.

    Every wait notices Ctrl-C too, see `wait_for`.
    """

    def __init__(self) -> None:
        self._woken, self._waker = map(close_in_child, socket.socketpair())
        self._waker.setblocking(False)
        # Guards the flags, the future and the life of the waker.
        self._lock = threading.Lock()
        self._is_triggered = False
        self._is_closed = False
        self._future: Future[Any] | None = None

    def trigger(self) -> None:
        """End the present wait, and every later one at once; idempotent, from any thread."""
        with self._lock:
            if self._is_triggered or self._is_closed:
                return
            self._is_triggered = True
            self._waker.send(b"\0")
            if self._future is not None:
                self._future.cancel()

    def close(self) -> None:
        """Give back the descriptors; nothing waits by it afterwards. Idempotent."""
        with self._lock:
            self._is_closed = True
            self._woken.close()
            self._waker.close()

    def check(self) -> None:
        """Raise if it was triggered.

        Raises:
            Interrupted: It was.
        """
        if self._is_triggered:
            raise Interrupted

    def select(self, sockets: Iterable[tuple[socket.socket, int]], deadline: Deadline) -> set[socket.socket]:
        """Wait for any of several sockets.

        Args:
            sockets: Each with the events of `selectors` that it is waited for.
            deadline: How long.

        Returns:
            Those that are ready; none when the time is over.

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

    def call(self, function: Callable[[], Result], name: str, deadline: Deadline) -> Result:
        """Call a function that may take long, on a thread of its own.

        One that is not waited for any more goes on until it returns: there is no way to end a thread.

        Args:
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

        def run() -> None:
            # As a function, so that a TimeoutError of its own is not taken for one of the waiting.
            try:
                value = function()
            except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
                outcome = _raising(error)
            else:
                outcome = lambda: value  # noqa: E731
            if future.set_running_or_notify_cancel():
                future.set_result(outcome)

        with self._lock:
            self._future = future
        try:
            self.check()
            threading.Thread(target=run, name=f"gss-{name}", daemon=True).start()
            try:
                outcome = result_of(future, deadline)
            finally:
                future.cancel()
        except BaseException:
            self.check()
            raise
        finally:
            with self._lock:
                self._future = None
        return outcome()


def _raising(error: BaseException) -> Callable[[], Any]:
    def outcome() -> Any:
        raise error

    return outcome
