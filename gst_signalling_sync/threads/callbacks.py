"""`Callbacks`: the threads that run the functions which users connect to signals."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Protocol

from .interruptible import Condition
from .lane import Lane, current_lane
from .owner import Owner
from .waiting import Deadline

__all__ = ["Callbacks"]

logger = logging.getLogger(__name__)


class Emitter(Protocol):
    """A signal, as far as it concerns the threads of its receivers."""

    def threads_for(self, sender: object) -> tuple[str | None, ...]:
        """The names of the threads that have receivers; None stands for the default thread."""

    def emit_on(self, thread: str | None, sender: object, named: dict[str, object]) -> None:
        """Call the receivers of one thread."""


class Callbacks:
    """Calls functions on a default thread and on named threads: in order, one at a time on each thread.

    It lives as long as the object whose callbacks it runs, through any number of `open` and `close`. All methods may be
    called from any thread and from callbacks.

    A full queue still accepts calls: refusing one would delay the network, or lose an event that a program relies on, such
    as the end of a session. The calls are limited where they arise: messages by their channel, frames by replacing older
    ones, and sessions that other peers ask for by a look at `is_full` before they begin.

    Args:
        name: Of the threads: ``gss-NAME`` is the default one, ``gss-NAME-THREAD`` are the others.
        limit: Number of calls waiting for one thread at which its queue counts as full. Defaults to None: it never does.
    """

    def __init__(self, name: str, limit: int | None = None) -> None:
        self._name = name
        self._limit = limit
        self._owner = Owner(f"callback thread gss-{name}")
        # Guards the start and the end of lanes. Notified when a lane ends, and when a callback begins to close.
        self._changed = Condition()
        self._is_open = False
        self._default = Lane(f"gss-{name}", self._changed)
        self._named: dict[str, Lane] = {}

    @property
    def is_current(self) -> bool:
        """Whether the caller runs in one of the callbacks."""
        return self._current() is not None

    @property
    def is_open(self) -> bool:
        """Whether calls are accepted."""
        return self._is_open

    @property
    def is_full(self) -> bool:
        """Whether one of the queues has reached the limit, so that nothing should begin that adds calls."""
        limit = self._limit
        return limit is not None and any(lane.waiting >= limit for lane in self._lanes())

    def open(self) -> None:
        """Accept calls; idempotent. A thread that is still busy since an earlier `close` continues.

        Raises:
            RuntimeError: The system cannot start another thread, or the object was inherited by `fork`.
        """
        self._owner.check()
        with self._changed:
            if self._is_open:
                return
            # The named threads start with the first call for them.
            self._default.open()
            self._is_open = True

    def post(self, function: Callable[..., object], *arguments: object) -> None:
        """Call a function on the default thread; returns at once. The call is dropped while closed.

        Args:
            function: An exception that it raises is logged.
            *arguments: Its arguments.
        """
        self._default.put((function, arguments))

    def post_to(self, thread: str | None, function: Callable[..., object], *arguments: object) -> None:
        """Call a function on a named thread, as `post` does on the default one.

        Args:
            thread: Its name; None: the default thread.
            function: An exception that it raises is logged.
            *arguments: Its arguments.
        """
        lane = self._default if thread is None else self._lane(thread)
        lane.put((function, arguments))

    def post_next(self, thread: str | None, function: Callable[..., object], *arguments: object) -> None:
        """Call a function right after the running callback, before everything that was posted meanwhile.

        Args:
            thread: As in `post_to`, which is what happens when the caller is not a callback of that thread.
            function: An exception that it raises is logged.
            *arguments: Its arguments.
        """
        lane = self._lane(thread)
        if lane.is_current:
            lane.next.append((function, arguments))
        else:
            lane.put((function, arguments))

    def post_behind_all(self, function: Callable[..., object]) -> bool:
        """Call a function on the thread with the longest queue, at its end; returns at once.

        Returns:
            Whether it will be called; False while closed.
        """
        with self._changed:
            if self._is_open:
                max(self._lanes(), key=lambda lane: lane.waiting).put((function, ()))
            return self._is_open

    def emit(self, signal: Emitter, sender: object, **named: object) -> None:
        """Call every receiver of a signal on its own thread; returns at once.

        Each thread looks its receivers up when it gets to the call. A receiver that was disconnected meanwhile is left out. On
        the default thread, a receiver that was connected meanwhile is called as well.

        Args:
            signal: The signal.
            sender: The object that emits it.
            **named: Passed to each receiver.
        """
        for thread in signal.threads_for(sender):
            if thread is not None:
                self._lane(thread).put((signal.emit_on, (thread, sender, named)))
        self._default.put((signal.emit_on, (None, sender, named)))

    def emit_then(self, then: Callable[[], object], signal: Emitter, sender: object, **named: object) -> None:
        """Emit a signal, and call a function once all of its receivers have returned.

        In a callback, the receivers of that callback's thread are called at once, because the caller is about to wait for them.

        Args:
            then: Called on the thread whose receivers return last.
            signal: As in `emit`.
            sender: As in `emit`.
            **named: As in `emit`.
        """
        threads = signal.threads_for(sender) or (None,)
        countdown = _Countdown(len(threads), then)

        def deliver(thread: str | None) -> None:
            signal.emit_on(thread, sender, named)
            countdown.step()

        lanes = [(self._lane(thread), thread) for thread in threads]
        # First those of other threads, which do not block this one.
        for lane, thread in lanes:
            if not lane.is_current:
                lane.put((deliver, (thread,)))
        for lane, thread in lanes:
            if lane.is_current:
                deliver(thread)

    def close(self, seconds: float) -> bool:
        """Stop the threads once everything that was posted before has been called; idempotent.

        When called from a callback, that callback's own thread stops after the callback. A callback does not wait for a
        thread whose callback is itself in `close`, so two callbacks never wait for each other. A callback that does not
        return in time keeps its thread until it returns.

        Args:
            seconds: How long to wait for the threads.

        Returns:
            Whether all threads have stopped.

        Raises:
            RuntimeError: The object was inherited by `fork`.
        """
        self.end()
        return self.join(seconds)

    def end(self) -> None:
        """Accept no more calls, and stop the threads once everything that was posted has been called; returns at once.

        Raises:
            RuntimeError: The object was inherited by `fork`.
        """
        self._owner.check()
        with self._changed:
            self._is_open = False
            for lane in self._lanes():
                lane.close()

    def join(self, seconds: float) -> bool:
        """Wait until the threads have stopped, or `open` was called again. `close` says which threads are not waited for.

        Args:
            seconds: How long to wait.

        Returns:
            Whether all threads have stopped.
        """
        deadline = Deadline(seconds)
        current = self._current()
        with self._changed:
            lanes = self._lanes()
            if current is not None:
                current.is_closing += 1
                self._changed.notify_all()
        try:
            for lane in lanes:
                if lane is not current:
                    lane.wait(deadline, is_patient=current is None)
        finally:
            if current is not None:
                with self._changed:
                    current.is_closing -= 1
        return not any(lane.is_running for lane in lanes)

    def _lanes(self) -> list[Lane]:
        return [self._default, *self._named.values()]

    def _current(self) -> Lane | None:
        lane = current_lane()
        return lane if lane is not None and lane.changed is self._changed else None

    def _lane(self, thread: str | None) -> Lane:
        if thread is None:
            return self._default
        lane = self._named.get(thread)
        if lane is not None and lane.is_open:
            return lane
        with self._changed:
            lane = self._named.setdefault(thread, Lane(f"gss-{self._name}-{thread}", self._changed))
            if self._is_open:
                try:
                    lane.open()
                except RuntimeError:
                    # The system has no more threads. The call must still reach the receivers, even if late.
                    logger.exception(
                        "%s could not be started: its receivers are called on the default thread", lane.name
                    )
                    return self._default
            return lane


class _Countdown:
    """Calls a function at the last of a number of steps."""

    def __init__(self, steps: int, then: Callable[[], object]) -> None:
        self._steps = steps
        self._then = then
        self._lock = threading.Lock()

    def step(self) -> None:
        with self._lock:
            self._steps -= 1
            is_last = self._steps == 0
        if is_last:
            self._then()
