"""`SlowCalls`: calls of functions that may take long, or never return, each on a thread of its own."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Hashable
from typing import Any, Final, TypeVar

from .interruptible import Future

__all__ = ["SLOW_CALLS", "SlowCall", "SlowCalls"]

Result = TypeVar("Result")

Outcome = Callable[[], Result]
"""Returns what the function returned, or raises what it raised."""


class SlowCall:
    """One call.

    Args:
        key: Equal for functions that have the same result.
    """

    def __init__(self, key: Hashable) -> None:
        self.key = key
        # Guarded by the lock of its `SlowCalls`.
        self.waiter: Future[Outcome[Any]] | None = None
        self.has_ended = False


class SlowCalls:
    """Calls that somebody waits for, and those that nobody waits for any more.

    A thread cannot be stopped from outside. So a call that was given up goes on, and whoever needs its result next waits for
    that call. Otherwise a client that connects again and again would have one more thread after each attempt.
    """

    def __init__(self) -> None:
        # Guards the calls.
        self._lock = threading.Lock()
        self._given_up: dict[Hashable, list[SlowCall]] = {}

    def begin(
        self, key: Hashable, function: Callable[[], Result], name: str, waiter: Future[Outcome[Result]]
    ) -> SlowCall:
        """Call a function, or wait for a call of it that was given up.

        Args:
            key: Equal for functions that have the same result.
            function: Called without arguments, on its own thread.
            name: Of the thread; ``gss-`` is put before it.
            waiter: Gets the outcome, unless it is cancelled before.

        Returns:
            The call, for `give_up`.

        Raises:
            RuntimeError: The system cannot start another thread.
        """
        with self._lock:
            calls = self._given_up.get(key)
            if calls:
                call = calls.pop()
                call.waiter = waiter
                self._tidy(key)
                return call
        call = SlowCall(key)
        call.waiter = waiter
        threading.Thread(target=self._run, args=(call, function), name=f"gss-{name}", daemon=True).start()
        return call

    def give_up(self, call: SlowCall) -> None:
        """Wait no longer for a call, and leave it to others. Does nothing if it has ended."""
        with self._lock:
            if not call.has_ended and call.waiter is not None:
                call.waiter = None
                self._given_up.setdefault(call.key, []).append(call)

    def _run(self, call: SlowCall, function: Callable[[], Any]) -> None:
        # The outcome is a function, so that a TimeoutError of the call is not mistaken for that of the wait.
        outcome: Outcome[Any]
        try:
            value = function()
        except BaseException as error:  # noqa: BLE001 - raised in the waiting thread
            outcome = _raising(error)
        else:
            outcome = lambda: value  # noqa: E731
        with self._lock:
            call.has_ended = True
            waiter, call.waiter = call.waiter, None
            calls = self._given_up.get(call.key, [])
            if call in calls:
                calls.remove(call)
                self._tidy(call.key)
        if waiter is not None and waiter.set_running_or_notify_cancel():
            waiter.set_result(outcome)

    def _tidy(self, key: Hashable) -> None:
        if not self._given_up[key]:
            del self._given_up[key]


def _raising(error: BaseException) -> Outcome[Any]:
    def outcome() -> Any:
        raise error

    return outcome


SLOW_CALLS: Final = SlowCalls()
"""Those of this process."""

if hasattr(os, "register_at_fork"):
    # The threads do not exist in the child, and one of them may hold the lock.
    os.register_at_fork(after_in_child=SLOW_CALLS.__init__)  # type: ignore[misc]
