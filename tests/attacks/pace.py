"""`Pace`: waits for the ticks of an interval, such as those of a slow attack or of a robot's loop."""

from __future__ import annotations

import time

__all__ = ["Pace"]


class Pace:
    """Ticks at an interval. Missed ticks are not made up for.

    Args:
        seconds: Seconds between two ticks.
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
