"""`Turns`: when a reader that always has something to do pauses, so that other threads get the interpreter."""

from __future__ import annotations

from typing import Final

__all__ = ["PAUSE_SECONDS", "Turns"]

_WORK_SECONDS: Final = 0.002
"""How long a reader works without a pause. CPython gives the interpreter to another thread after 5 ms, and a loop that sends a
frame gives it back with every packet."""

PAUSE_SECONDS: Final = 0.0002
"""How long a pause is: enough for another thread to wake and take the interpreter. A pause of 1 ms does not help the session
that runs any more than this, and delays a consumer whose request waits behind a crowd's by half as much again."""

_IDLE_SECONDS: Final = 0.0005


class Turns:
    """The turns of one reader; time is an argument, in seconds.

    Args:
        now: The time at which the first turn begins.
    """

    def __init__(self, now: float) -> None:
        self._began = now

    def waited(self, since: float, now: float) -> None:
        """Take note that the reader waited for something to do; a wait of any length is as good as a pause."""
        if now - since >= _IDLE_SECONDS:
            self._began = now

    def is_over(self, now: float) -> bool:
        """Whether a pause is due; the next turn is counted from its end."""
        if now - self._began < _WORK_SECONDS:
            return False
        self._began = now + PAUSE_SECONDS
        return True
