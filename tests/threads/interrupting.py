"""Interrupts a condition, an event, a future or a call at random moments, many times.

    python -m tests.threads.interrupting condition_taken

It is a separate program because `KeyboardInterrupt` may be raised anywhere in it, and a test runner might not survive that.
"""

from __future__ import annotations

import random
import signal
import sys
import threading
from collections.abc import Callable

from gst_signalling_sync.threads.interruptible import Condition, Event, Future
from gst_signalling_sync.threads.one_at_a_time import OneAtATime
from gst_signalling_sync.threads.waiting import Deadline

__all__ = ["ROUNDS", "TRIALS", "main"]

ROUNDS = 500
"""Number of rounds. In about a hundred of them `threading.Condition` stays locked."""

SECONDS = 10.0

Uses = tuple[Callable[[], object], Callable[[], object]]
"""Two uses of one object: the one that is interrupted, and one that another thread must be able to make afterwards."""


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def interrupted(function: Callable[[], object]) -> None:
    """Call a function repeatedly until it is interrupted."""
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


def condition_taken() -> Uses:
    condition = Condition()

    def take() -> None:
        with condition:
            pass

    return take, take


def condition_waited_for() -> Uses:
    condition = Condition()

    def wait() -> None:
        with condition:
            condition.wait(1e-6)

    def notify() -> None:
        with condition:
            condition.notify_all()

    return wait, notify


def event_waited_for() -> Uses:
    happening = Event()
    return lambda: happening.wait(1e-6), happening.set


def future_asked() -> Uses:
    answer: Future[int] = Future()
    return answer.done, lambda: answer.set_result(1)


def call_made() -> Uses:
    calls = OneAtATime()

    def call() -> None:
        assert calls.run(lambda: None, Deadline(2 * SECONDS))

    return call, call


TRIALS = {
    trial.__name__: trial
    for trial in (condition_taken, condition_waited_for, event_waited_for, future_asked, call_made)
}


def main() -> None:
    """Print the number of rounds that succeeded before the first that failed."""
    # SIGALRM has the same effect as Ctrl-C, and its time can be set.
    signal.signal(signal.SIGALRM, interrupt)
    trial = TRIALS[sys.argv[1]]
    for survived in range(ROUNDS):
        use, others_use = trial()
        interrupted(use)
        if not is_done_by_another_thread(others_use):
            sys.exit(f"left locked after {survived} rounds")
    print(f"survived {ROUNDS} rounds")


if __name__ == "__main__":
    main()
