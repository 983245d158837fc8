"""`AudioTimeline`: written samples in order, each with its time. It has no clock."""

from __future__ import annotations

from collections import deque
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["AudioTimeline"]

_PAUSE_SECONDS: Final = 2.0
"""A write that is this much late follows a pause. A smaller delay may be due to a busy machine, and the writer catches up."""

_LATE_SECONDS: Final = 0.04
_LATE_WINDOW_SECONDS: Final = 1.0
"""A writer that is `_LATE_SECONDS` late at every write of this time has paused too, and does not catch up."""

_CAPTURED_SECONDS: Final = 0.5
"""A longer first block was not captured just now: it is sent from its beginning, in real time."""

_MAX_SECONDS: Final = 60.0

_DRIFT_SECONDS: Final = 0.1
_DRIFT_WINDOW_SECONDS: Final = 30.0


class _WindowMinimum:
    """The minimum of the values seen in a window of time, known when the window ends.

    Args:
        seconds: Length of a window.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.begin(0.0)

    def begin(self, now: float) -> None:
        """Begin a window."""
        self._since = now
        self._minimum = float("inf")

    def see(self, value: float, now: float) -> float | None:
        """Record a value; return the minimum if this was the window's last value."""
        self._minimum = min(self._minimum, value)
        if now - self._since < self._seconds:
            return None
        minimum = self._minimum
        self.begin(now)
        return minimum


class AudioTimeline:
    """The samples that are written and not sent yet.

    The audio of a writer in real time is sent at once. Its first samples end at the time of their write, unless they last half
    a second or more; the next ones join them without a gap, however irregular the writes are. Audio that is written ahead is
    sent in real time. After a pause of the writer, its samples begin at the time of the next write: at once after a pause of 2
    s, after a shorter one if the writer does not catch up. A writer whose clock runs fast gets further ahead over time; the
    excess is dropped every 30 s.

    If the writer gives capture times, they are used: the first samples are sent for that time, and a pause takes effect at
    once.

    Args:
        rate: Samples per second.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._blocks: deque[NDArray[np.int16]] = deque()
        self._waiting = 0
        # Of the first sample that waits, in samples on the clock of `now`.
        self._position: int | None = None
        self._is_new = True
        self._late = _WindowMinimum(_LATE_WINDOW_SECONDS)
        self._ahead = _WindowMinimum(_DRIFT_WINDOW_SECONDS)
        # How far the writer is ahead on purpose, in seconds; None in the first window.
        self._usually_ahead: float | None = None
        self.dropped = 0

    @property
    def waiting(self) -> float:
        """Seconds of audio that wait."""
        return self._waiting / self._rate

    def clear(self) -> None:
        """Drop all samples that wait; the next write begins a new piece of audio."""
        self._blocks.clear()
        self._waiting = 0
        self._position = None
        self._is_new = True

    def discard(self, now: float) -> None:
        """Drop the samples that are due, because no session takes them."""
        while self.take(now, 0.0) is not None:
            pass

    def write(self, samples: NDArray[np.int16], now: float, begin: float | None = None) -> None:
        """Append samples.

        Args:
            samples: Samples of shape ``(samples, channels)``.
            now: Seconds on any clock that does not jump.
            begin: Capture time of the first sample, in seconds. Defaults to None: the last sample was captured now.
        """
        if not len(samples):
            return
        here = round(now * self._rate) - len(samples) if begin is None else round(begin * self._rate)
        if self._position is None or here - self._end > _PAUSE_SECONDS * self._rate:
            self._blocks.clear()
            self._waiting = 0
            is_ahead = begin is None and len(samples) > _CAPTURED_SECONDS * self._rate
            self._go_on_at(round(now * self._rate) if is_ahead else here)
            self._late.begin(now)
            self._ahead.begin(now)
            self._usually_ahead = None
        else:
            late = (here - self._end) / self._rate
            if begin is None:
                self._watch_pauses(late, now)
            elif late > _LATE_SECONDS and not self._waiting:
                self._go_on_at(here)
            self._watch_drift(-len(samples) / self._rate - late, now)
        self._blocks.append(samples)
        self._waiting += len(samples)
        self._drop(self._waiting - round(_MAX_SECONDS * self._rate))

    def due_at(self) -> float | None:
        """When the first sample that waits must be sent; None: no sample waits."""
        if self._position is None or not self._waiting:
            return None
        return self._position / self._rate

    def take(self, now: float, ahead: float) -> tuple[NDArray[np.int16], int, bool] | None:
        """Take the samples to send now.

        Args:
            now: Seconds on the clock of `write`.
            ahead: Seconds of audio beyond `now` that are taken too, if a sample is due.

        Returns:
            The samples, the position of the first one, and whether they do not follow those taken before. None: no sample is
            due.
        """
        due = self.due_at()
        if due is None or due > now or self._position is None:
            return None
        count = min(self._waiting, round((now + ahead) * self._rate) - self._position)
        if count <= 0:
            return None
        taken = self._pop(count)
        position, is_new = self._position, self._is_new
        self._position += count
        self._is_new = False
        return taken, position, is_new

    def _pop(self, count: int) -> NDArray[np.int16]:
        parts = []
        self._waiting -= count
        while count:
            block = self._blocks.popleft()
            if len(block) > count:
                self._blocks.appendleft(block[count:])
                block = block[:count]
            parts.append(block)
            count -= len(block)
        return np.concatenate(parts)

    def _drop(self, count: int) -> None:
        if count > 0:
            self._pop(count)
            self.dropped += count

    @property
    def _end(self) -> int:
        assert self._position is not None
        return self._position + self._waiting

    def _go_on_at(self, position: int) -> None:
        self._position = position
        self._is_new = True

    def _watch_pauses(self, late: float, now: float) -> None:
        minimum = self._late.see(late, now)
        if minimum is not None and minimum > _LATE_SECONDS and not self._waiting:
            self._go_on_at(self._end + round(minimum * self._rate))

    def _watch_drift(self, ahead: float, now: float) -> None:
        minimum = self._ahead.see(ahead, now)
        if minimum is None:
            return
        if self._usually_ahead is None:
            self._usually_ahead = minimum
        elif minimum - self._usually_ahead > _DRIFT_SECONDS:
            self._drop(min(self._waiting, round((minimum - self._usually_ahead) * self._rate)))
