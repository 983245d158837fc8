"""Interrupts a condition, an event or a future at a moment that nobody knows, again and again.

    python -m tests.interrupting take

A program of its own, since `KeyboardInterrupt` may be raised anywhere in it, and a test runner would have to survive that too.
"""

from __future__ import annotations

import random
import signal
import sys
import threading
from collections.abc import Callable

from gst_signalling_sync.threads.interruptible import Condition, Event, Future

__all__ = ["TRIALS"]

ROUNDS = 500
"""Of which `threading.Condition` is left locked in some hundred."""

SECONDS = 10.0


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def interrupted(function: Callable[[], object]) -> None:
    """Call a function again and again until it is interrupted."""
    try:
        signal.setitimer(signal.ITIMER_REAL, random.uniform(50e-6, 300e-6))
        while True:
            function()
    except KeyboardInterrupt:
        pass


def is_done_by_another_thread(function: Callable[[], object]) -> bool:
    thread = threading.Thread(target=function, daemon=True)
    thread.start()
    thread.join(SECONDS)
    return not thread.is_alive()


def take_condition(condition: Condition) -> None:
    with condition:
        pass


def wait_for_condition(condition: Condition) -> None:
    with condition:
        condition.wait(1e-6)


def take() -> bool:
    """Whether others can take a condition that was being taken."""
    condition = Condition()
    interrupted(lambda: take_condition(condition))
    return is_done_by_another_thread(lambda: take_condition(condition))


def wait() -> bool:
    """Whether others can take a condition that was being waited for."""
    condition = Condition()
    interrupted(lambda: wait_for_condition(condition))
    return is_done_by_another_thread(lambda: take_condition(condition))


def event() -> bool:
    """Whether others can set an event that was being waited for."""
    event = Event()
    interrupted(lambda: event.wait(1e-6))
    return is_done_by_another_thread(event.set)


def future() -> bool:
    """Whether others can tell a future its result while it was being asked."""
    future: Future[int] = Future()
    interrupted(future.done)
    return is_done_by_another_thread(lambda: future.set_result(1)) and future.result(SECONDS) == 1


TRIALS = {"take": take, "wait": wait, "event": event, "future": future}


def main() -> None:
    """Say how many rounds were survived; the first that is not ends it."""
    # SIGALRM does what Ctrl-C does, and can be told when to come.
    signal.signal(signal.SIGALRM, interrupt)
    trial = TRIALS[sys.argv[1]]
    for survived in range(ROUNDS):
        if not trial():
            sys.exit(f"left locked after {survived} rounds")
    print(f"survived {ROUNDS} rounds")


if __name__ == "__main__":
    main()
