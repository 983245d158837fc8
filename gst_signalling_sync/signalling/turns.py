"""`Turns`: when a busy reader pauses, so that other threads get the interpreter. No clock."""

from __future__ import annotations

from typing import Final

__all__ = ["PAUSE_SECONDS", "Turns"]

_WORK_SECONDS: Final = 0.002
"""How long a reader works without a pause. CPython switches to another thread after 5 ms, and a loop that sends a frame
releases the interpreter again with every packet."""

PAUSE_SECONDS: Final = 0.0002
"""Length of a pause: enough for another thread to wake and take the interpreter. A pause of 1 ms does not help a running
session more, and delays a consumer whose request waits behind those of a crowd by half as much again."""

_IDLE_SECONDS: Final = 0.0005


class Turns:
    """The turns of one reader; time is an argument, in seconds.

    Args:
        now: The time at which the first turn begins.
    """

    def __init__(self, now: float) -> None:
        self._began = now

    def waited(self, since: float, now: float) -> None:
        """Record that the reader has waited for a message, which counts as a pause.

        Args:
            since: When the wait began.
            now: When it ended.
        """
        if now - since >= _IDLE_SECONDS:
            self._began = now

    def is_over(self, now: float) -> bool:
        """Whether a pause is due; the next turn begins at its end."""
        if now - self._began < _WORK_SECONDS:
            return False
        self._began = now + PAUSE_SECONDS
        return True
