"""The home of every thread of this library but the signalling readers: event loops, and the callbacks of role objects.

Rules that the rest relies on:

- Coroutines run on a `LoopThread`. A caller's thread waits for them by `LoopThread.run`, never the other way round.
- User code runs on a `CallbackThread`, never on a loop or a reader, so a slow callback delays callbacks alone.
- Every thread is a daemon whose name begins with ``gss-``. Loops are stopped by `atexit`, before the interpreter would
  freeze them in the middle of C code.
- The loop that WebRTC runs on is shared by the process. It lives from the first `acquire_shared_loop` to the last
  `release_shared_loop`, so that a process with no role object has no thread of ours.
- After `fork` none of the parent's threads exist in the child, which starts with no shared loop; an object that it
  inherited raises by `Owner.check`.
"""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import contextlib
import logging
import os
import threading
import time
import weakref
from collections.abc import Callable, Coroutine
from queue import SimpleQueue
from typing import Any, Final, TypeVar

from .errors import ConnectionLost, WaitTimeout

__all__ = [
    "CallbackThread",
    "Deadline",
    "LoopThread",
    "Owner",
    "acquire_shared_loop",
    "release_shared_loop",
    "result_of",
    "wait_for",
]

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

EVENT_LOOP_VARIABLE: Final = "GST_SIGNALLING_EVENT_LOOP"
"""Environment variable: ``asyncio`` or ``uvloop``; unset: uvloop where it is installed."""

_EXIT_SECONDS: Final = 2.0

_WAIT_SECONDS: Final = 0.5
"""The longest single wait."""

_LONGEST_SECONDS: Final = 1e6
"""Eleven days; `poll` counts milliseconds in 32 bits."""


class Deadline:
    """A timeout that several waits share.

    Args:
        seconds: Time from now, in seconds.
    """

    __slots__ = ("_end", "seconds")

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def remaining(self) -> float:
        """Seconds left: never negative, and never more than sockets and locks take, however long the timeout is."""
        return min(max(0.0, self._end - time.monotonic()), _LONGEST_SECONDS)


def wait_for(condition: threading.Condition, predicate: Callable[[], object], deadline: Deadline) -> bool:
    """`Condition.wait_for` that notices every Ctrl-C.

    CPython notices a signal that arrives just before a wait only after it, so no wait here is long.

    Args:
        condition: Held by the caller.
        predicate: What is waited for.
        deadline: How long.

    Returns:
        Whether it came true.
    """
    while not predicate():
        remaining = deadline.remaining()
        if not remaining:
            return False
        condition.wait(min(remaining, _WAIT_SECONDS))
    return True


def result_of(future: concurrent.futures.Future[Result], deadline: Deadline) -> Result:
    """`Future.result` that notices every Ctrl-C, see `wait_for`.

    Raises:
        TimeoutError: There is none in time, or the future's own exception is one.
    """
    while True:
        remaining = deadline.remaining()
        try:
            return future.result(min(remaining, _WAIT_SECONDS))
        except TimeoutError:
            if future.done() or remaining <= _WAIT_SECONDS:
                raise


class Owner:
    """Remembers the process that made an object, because threads and sockets do not survive `fork`.

    Args:
        description: The object as an error message names it.
    """

    __slots__ = ("_description", "_process")

    def __init__(self, description: str) -> None:
        self._description = description
        self._process = os.getpid()

    @property
    def is_here(self) -> bool:
        """Whether this is still the process that made the object."""
        return os.getpid() == self._process

    def check(self) -> None:
        """Refuse to work in a forked child.

        Raises:
            RuntimeError: This process inherited the object by `fork`.
        """
        if not self.is_here:
            raise RuntimeError(
                f"{self._description} was made in process {self._process} and inherited by fork: its threads and"
                f" connections stayed there. Make a new one in process {os.getpid()}."
            )


class LoopThread:
    """An asyncio event loop in a thread of its own.

    Args:
        name: Of the thread; ``gss-`` is put before it.
    """

    def __init__(self, name: str) -> None:
        self._loop = _new_event_loop()
        self._thread = threading.Thread(target=self._main, name=f"gss-{name}", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:
            # No more threads to be had: do not keep the loop's descriptors as well.
            self._loop.close()
            raise
        _running_loops.add(self)

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The event loop, for code that already runs on it."""
        return self._loop

    @property
    def is_current(self) -> bool:
        """Whether the caller runs on this loop's thread."""
        return threading.current_thread() is self._thread

    def call(self, function: Callable[..., object], *arguments: object) -> bool:
        """Have a function called on the loop, soon; returns at once.

        Args:
            function: Called without waiting for its result.
            *arguments: Its arguments.

        Returns:
            False when the loop is closed: the function will not be called.
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
            coroutine: What to run.

        Returns:
            Its outcome; cancelling it cancels the coroutine.

        Raises:
            ConnectionLost: The loop is closed.
        """
        try:
            return asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        except RuntimeError:
            coroutine.close()
            if not self._loop.is_closed():
                raise
            raise ConnectionLost(f"{self._thread.name} has ended") from None

    def run(self, coroutine: Coroutine[Any, Any, Result], deadline: Deadline, doing: str) -> Result:
        """Run a coroutine on the loop and wait for its result.

        An exception here, `KeyboardInterrupt` included, cancels the coroutine.

        Args:
            coroutine: What to run.
            deadline: How long to wait.
            doing: What is being tried, and with whom, for the error message.

        Returns:
            The coroutine's result.

        Raises:
            WaitTimeout: It took longer.
            ConnectionLost: The loop is closed, or was while waiting.
            RuntimeError: The caller runs on this very loop, which would wait for itself.
        """
        if self.is_current:
            coroutine.close()
            raise RuntimeError(f"{doing}: a blocking call on the event loop thread would wait for itself for ever")
        future = self.submit(coroutine)
        try:
            return result_of(future, deadline)
        except concurrent.futures.CancelledError:
            raise ConnectionLost(f"{doing}: closed while waiting") from None
        except TimeoutError:
            if future.done() and not future.cancelled():
                raise
            raise WaitTimeout(f"{doing}: nothing within {deadline.seconds:g} s") from None
        finally:
            future.cancel()

    def close(self, seconds: float = _EXIT_SECONDS) -> None:
        """Cancel what runs on the loop, stop it and wait for its thread; idempotent.

        Args:
            seconds: How long to wait for the thread.
        """
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._loop.stop)
        if not self.is_current:
            self._thread.join(seconds)
            if self._thread.is_alive():
                logger.warning("%s: the event loop still runs %g s after close()", self._thread.name, seconds)
        _running_loops.discard(self)

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


class CallbackThread:
    """Calls functions one after another, in the order posted, in a thread of its own.

    Args:
        name: Of the thread; ``gss-`` is put before it.
    """

    def __init__(self, name: str) -> None:
        self._calls: SimpleQueue[tuple[Callable[..., object], tuple[object, ...]] | None] = SimpleQueue()
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
            function, arguments = call
            try:
                function(*arguments)
            except Exception:
                logger.exception("%s: internal error in the delivery of a callback", self._thread.name)
            # What was delivered must not live on in this frame while the queue is empty.
            del call, function, arguments


def acquire_shared_loop() -> LoopThread:
    """The one loop of this process on which all of WebRTC runs, started for its first user.

    Returns:
        The loop; give it back by `release_shared_loop`.
    """
    with _shared.lock:
        if _shared.loop is None:
            _shared.loop = LoopThread("webrtc")
        _shared.users += 1
        return _shared.loop


def release_shared_loop() -> None:
    """Give the shared loop back; the last user's release ends its thread."""
    with _shared.lock:
        _shared.users -= 1
        if _shared.users > 0 or _shared.loop is None:
            return
        _shared.loop.close()
        _shared.loop = None


def _new_event_loop() -> asyncio.AbstractEventLoop:
    choice = os.environ.get(EVENT_LOOP_VARIABLE, "")
    if choice not in ("", "asyncio", "uvloop"):
        raise ValueError(f"${EVENT_LOOP_VARIABLE} is {choice!r}; it may be 'asyncio' or 'uvloop'")
    if choice != "asyncio":
        try:
            import uvloop
        except ImportError:
            if choice == "uvloop":
                raise
        else:
            return uvloop.new_event_loop()
    return asyncio.new_event_loop()


def _cancel_all_tasks(loop: asyncio.AbstractEventLoop) -> None:
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    if tasks:
        loop.run_until_complete(asyncio.wait(tasks, timeout=_EXIT_SECONDS / 2))


class _SharedLoop:
    """The process's shared loop; `lock` guards the other two, and is held while a loop starts or ends."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.loop: LoopThread | None = None
        self.users = 0


_shared = _SharedLoop()
_running_loops: weakref.WeakSet[LoopThread] = weakref.WeakSet()


def _forget_parent() -> None:
    # The parent's lock may be held by a thread that does not exist here, so the attributes are made anew.
    _shared.__init__()  # type: ignore[misc]
    _running_loops.clear()


@atexit.register
def _close_loops() -> None:
    for loop in list(_running_loops):
        loop.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_parent)
