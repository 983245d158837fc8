"""`EncoderThread`: the thread on which a driver is called, so that one that never returns holds up nobody else."""

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
    """The thread was told to end before the call."""


class EncoderThread:
    """Calls functions, one after another, on a thread of its own, for as long as it is not told to end.

    `call` belongs to one thread; `end` may come from any. After a call that did not return no other is made: the thread is left
    behind, and ends should the driver ever return.

    Args:
        predecessor: Whose device this one needs too, so that it has some time to give it back.
    """

    def __init__(self, predecessor: EncoderThread | None = None) -> None:
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        # Guards whether it has ended: what comes after that is never called.
        self._lock = threading.Lock()
        self._ended = False
        self._predecessor = predecessor
        self._thread: threading.Thread | None = None

    @property
    def is_stuck(self) -> bool:
        """Whether it was told to end and a driver keeps it."""
        return self._ended and self._thread is not None and self._thread.is_alive()

    def call(self, function: Callable[[], Result], seconds: float) -> Result:
        """Have a function called there.

        Args:
            function: What to call.
            seconds: How long to wait for it.

        Returns:
            What it returned.

        Raises:
            EncoderStuck: It did not return in time.
            EncoderEnded: The thread is to end.
        """
        future: Future[Result] = Future()

        def run() -> None:
            try:
                future.set_result(function())
            except BaseException as error:  # noqa: BLE001 - raised again by who waits
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
                raise
            self.end()
            raise EncoderStuck(f"it did not return within {seconds:g} s") from None

    def end(self, last: Callable[[], None] | None = None) -> None:
        """End it soon; returns at once.

        Args:
            last: Called there before, unless it was told to end already. Nothing can be told of it.
        """
        with self._lock:
            if self._ended:
                return
            self._ended = True
            if last is not None and self._thread is not None:
                self._calls.put(last)
            self._calls.put(None)

    def join(self, deadline: Deadline) -> bool:
        """Wait until it has ended, if it was told to.

        Returns:
            Whether it has.
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
            # Nothing of a frame is kept while there is no other.
            del call
