"""`Pace`: when what is done at intervals is done next, such as a byte of a slow attack, or a turn of a robot's loop."""

from __future__ import annotations

import time

__all__ = ["Pace"]


class Pace:
    """Ticks at an interval. Ticks that were missed are not made up for.

    Args:
        seconds: From one tick to the next.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._due = time.monotonic()

    def wait(self) -> float:
        """Wait for the next tick.

        Returns:
            How late it is, in seconds.
        """
        self._due = max(self._due + self._seconds, time.monotonic())
        time.sleep(max(0.0, self._due - time.monotonic()))
        return time.monotonic() - self._due
