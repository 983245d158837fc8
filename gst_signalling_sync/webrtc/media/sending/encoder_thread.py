"""`EncoderThread`: a thread on which a driver is called, so that a call that never returns blocks no other thread."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from typing import Final, TypeVar

from ....threads.interruptible import Future
from ....threads.waiting import Deadline, result_of

__all__ = ["EncoderEnded", "EncoderStuck", "EncoderThread"]

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

_PREDECESSOR_SECONDS: Final = 0.5


class EncoderStuck(Exception):
    """A call did not return."""


class EncoderEnded(Exception):
    """The thread was ended before the call."""


class EncoderThread:
    """Calls functions, one after another, on a thread of its own, until it is ended.

    `call` belongs to one thread; `end` may be called by any. After a call that did not return, no other one is made: the thread
    is left behind, and ends if the driver ever returns.

    Args:
        predecessor: A thread whose device this one needs, so that it gets some time to release it. Defaults to None: no such
            thread.
    """

    def __init__(self, predecessor: EncoderThread | None = None) -> None:
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        # Guards whether the thread has ended: a later function is never called.
        self._lock = threading.Lock()
        self._ended = False
        self._predecessor = predecessor
        self._thread: threading.Thread | None = None

    @property
    def is_stuck(self) -> bool:
        """Whether it was ended and a driver still holds it."""
        return self._ended and self._thread is not None and self._thread.is_alive()

    def call(self, function: Callable[[], Result], seconds: float) -> Result:
        """Call a function on the thread.

        Args:
            function: The function.
            seconds: Timeout.

        Returns:
            The function's result.

        Raises:
            EncoderStuck: It did not return in time.
            EncoderEnded: The thread has been ended.
        """
        future: Future[Result] = Future()

        def run() -> None:
            try:
                future.set_result(function())
            except BaseException as error:  # noqa: BLE001 - raised again in the waiting thread
                # Its traceback would keep the device open.
                future.set_exception(error.with_traceback(None))

        with self._lock:
            if self._ended:
                raise EncoderEnded
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="gss-hardware-encoder", daemon=True)
                self._thread.start()
            self._calls.put(run)
        try:
            return result_of(future, Deadline(seconds))
        except TimeoutError:
            if future.done():
                # The function's own exception, or it returned just after the wait.
                return future.result()
            self.end()
            raise EncoderStuck(f"it did not return within {seconds:g} s") from None

    def end(self, last: Callable[[], None] | None = None) -> None:
        """End the thread soon; returns at once.

        Args:
            last: Called on the thread before its end, unless it was ended already. Its errors are not reported. Defaults to
                None.
        """
        with self._lock:
            if self._ended:
                return
            self._ended = True
            if last is not None and self._thread is not None:
                self._calls.put(last)
            self._calls.put(None)

    def join(self, deadline: Deadline) -> bool:
        """Wait until the thread has ended, if `end` was called.

        Returns:
            Whether it has ended.
        """
        thread = self._thread
        if thread is None or not self._ended:
            return True
        thread.join(deadline.remaining())
        return not thread.is_alive()

    def _run(self) -> None:
        if self._predecessor is not None:
            self._predecessor.join(Deadline(_PREDECESSOR_SECONDS))
            self._predecessor = None
        while (call := self._calls.get()) is not None:
            call()
            # Keep nothing of a frame until the next one comes.
            del call
