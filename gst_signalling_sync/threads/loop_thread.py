"""`LoopThread`: an event loop in its own thread, and how other threads use it."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import logging
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

from .at_exit import CLOSED_LAST
from .event_loops import new_event_loop
from .interruptible import Future
from .waiting import Deadline, result_of

__all__ = ["LoopThread"]

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

_EXIT_SECONDS: Final = 2.0


class LoopThread:
    """An asyncio event loop in its own thread.

    Args:
        name: Of the thread; ``gss-`` is put before it.
        ended: Exception to raise, with a message, for a coroutine that a closed loop has not finished.
        late: Exception to raise, with a message, when a wait for the loop exceeds its deadline.
    """

    def __init__(
        self, name: str, ended: type[Exception] = ConnectionError, late: type[TimeoutError] = TimeoutError
    ) -> None:
        self._ended = ended
        self._late = late
        self._loop = new_event_loop()
        # Any thread adds to it. A closing loop never starts what is left in it, and callers wait for that.
        self._submitted: set[concurrent.futures.Future[Any]] = set()
        self._thread = threading.Thread(target=self._main, name=f"gss-{name}", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:
            # The system has no more threads: do not leak the loop's descriptors.
            self._loop.close()
            raise
        CLOSED_LAST.add(self)

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The event loop, for code that runs on it already."""
        return self._loop

    @property
    def is_current(self) -> bool:
        """Whether the caller runs on this loop's thread."""
        return threading.current_thread() is self._thread

    def call(self, function: Callable[..., object], *arguments: object) -> bool:
        """Schedule a function on the loop; returns at once.

        Args:
            function: Its result is not waited for.
            *arguments: Its arguments.

        Returns:
            False when the loop is closed and the function will not be called.
        """
        try:
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:
            if not self._loop.is_closed():
                raise
            return False
        return True

    def submit(self, coroutine: Coroutine[Any, Any, Result]) -> concurrent.futures.Future[Result]:
        """Start a coroutine on the loop; returns at once.

        Args:
            coroutine: To run.

        Returns:
            Its future result; cancelling it cancels the coroutine.

        Raises:
            Exception: `ended`: the loop is closed.
        """
        # As `asyncio.run_coroutine_threadsafe`, but Ctrl-C may leave the future of that one locked, and with it the loop.
        future: Future[Result] = Future()
        if not self.call(_start, coroutine, future):
            coroutine.close()
            raise self._ended(f"{self._thread.name} has ended")
        self._submitted.add(future)
        future.add_done_callback(self._submitted.discard)
        if self._loop.is_closed():
            self._give_up()
        return future

    def run(self, coroutine: Coroutine[Any, Any, Result], deadline: Deadline, doing: str) -> Result:
        """Run a coroutine on the loop and wait for its result.

        An exception while waiting, `KeyboardInterrupt` included, cancels the coroutine.

        Args:
            coroutine: To run.
            deadline: How long to wait.
            doing: What is being tried, and with whom, for the error message.

        Returns:
            The coroutine's result.

        Raises:
            TimeoutError: `late`: no result within the deadline.
            Exception: `ended`: the loop is closed, or was closed while waiting.
            RuntimeError: The caller runs on this very loop, which would wait for itself.
        """
        if self.is_current:
            coroutine.close()
            raise RuntimeError(f"{doing}: a blocking call on the event loop thread would wait for itself forever")
        future = self.submit(coroutine)
        try:
            return result_of(future, deadline)
        except concurrent.futures.CancelledError:
            raise self._ended(f"{doing}: closed while waiting") from None
        except TimeoutError:
            if future.done() and not future.cancelled():
                # The coroutine's own exception, or it was done just after the wait.
                return future.result()
            raise self._late(f"{doing}: no result within {deadline}") from None
        finally:
            future.cancel()

    def begin_close(self, seconds: float) -> None:
        """Cancel all tasks of the loop, and have it stop; returns at once.

        Args:
            seconds: As `Closable` has it; the loop needs no time to begin.
        """
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._loop.stop)

    def close(self, seconds: float = _EXIT_SECONDS) -> None:
        """Cancel all tasks of the loop, stop it and wait for its thread; idempotent.

        Args:
            seconds: How long to wait for the thread.
        """
        self.begin_close(seconds)
        if not self.is_current:
            self._thread.join(seconds)
            if self._thread.is_alive():
                logger.warning("%s: the event loop still runs %g s after close()", self._thread.name, seconds)
        CLOSED_LAST.discard(self)

    def _main(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            try:
                _cancel_all_tasks(self._loop)
                self._loop.run_until_complete(self._loop.shutdown_asyncgens())
                self._loop.run_until_complete(self._loop.shutdown_default_executor())
            finally:
                self._loop.close()
                self._give_up()

    def _give_up(self) -> None:
        """Fail every future that a closed loop has not finished."""
        for future in list(self._submitted):
            with contextlib.suppress(concurrent.futures.InvalidStateError):
                future.set_exception(self._ended(f"{self._thread.name} has ended"))


def _start(coroutine: Coroutine[Any, Any, Result], future: Future[Result]) -> None:
    """Connect a coroutine and a future: the outcome sets the future, and cancelling it cancels the coroutine. On the loop."""
    loop = asyncio.get_running_loop()
    task = loop.create_task(coroutine)

    def on_outcome(task: asyncio.Task[Result]) -> None:
        if task.cancelled():
            future.cancel()
            return
        error = task.exception()
        # The waiting caller may have given up.
        with contextlib.suppress(concurrent.futures.InvalidStateError):
            if error is None:
                future.set_result(task.result())
            else:
                future.set_exception(error)

    def on_cancellation(future: concurrent.futures.Future[Result]) -> None:
        if future.cancelled() and not task.done():
            # A closed loop has cancelled all its tasks.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(task.cancel)

    task.add_done_callback(on_outcome)
    future.add_done_callback(on_cancellation)


def _cancel_all_tasks(loop: asyncio.AbstractEventLoop) -> None:
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    if tasks:
        loop.run_until_complete(asyncio.wait(tasks, timeout=_EXIT_SECONDS / 2))
