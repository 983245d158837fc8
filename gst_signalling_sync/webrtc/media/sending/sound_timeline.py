"""`SoundTimeline`: samples in the order written, each with the moment at which it sounds. No clock of its own."""

from __future__ import annotations

from collections import deque
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["SoundTimeline"]

_PAUSE_SECONDS: Final = 2.0
"""A write that comes this much late follows on a pause. Less may be a busy machine, and the writer catches up."""

_LATE_SECONDS: Final = 0.04
_LATE_WINDOW_SECONDS: Final = 1.0
"""Who is this much late at every write of so long a time has paused too, and does not catch up."""

_CAPTURED_SECONDS: Final = 0.5
"""A first block that is longer was not captured just now: it is to be heard from its beginning, in its time."""

_MAX_SECONDS: Final = 60.0

_DRIFT_SECONDS: Final = 0.1
_DRIFT_WINDOW_SECONDS: Final = 30.0


class _Least:
    """The least of what was seen in a window of time, told when the window ends.

    Args:
        seconds: How long a window is.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.begin(0.0)

    def begin(self, now: float) -> None:
        """Begin a window."""
        self._since = now
        self._least = float("inf")

    def see(self, value: float, now: float) -> float | None:
        """Take note of a value; the least one if this was the window's last."""
        self._least = min(self._least, value)
        if now - self._since < self._seconds:
            return None
        least = self._least
        self.begin(now)
        return least


class SoundTimeline:
    """What was written and is not sent yet.

    Who writes in real time is sent at once: the first samples end at the moment they are written, unless they are half a second
    or more, and what follows joins them without a gap, however irregularly it is written. Who writes ahead is sent in real
    time. Who pauses is taken up again at the moment of the next write, after two seconds at once, after less when the writer
    does not catch up. A writer whose clock runs fast gets ahead by a little all the time; that is cut off every 30 s.

    Who tells when its samples were captured is believed: the first ones sound then, and a pause is one at once.

    Args:
        rate: Samples per second.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._blocks: deque[NDArray[np.int16]] = deque()
        self._waiting = 0
        # Of the first sample that waits, in samples on the clock that `now` is read from.
        self._position: int | None = None
        self._is_new = True
        self._late = _Least(_LATE_WINDOW_SECONDS)
        self._ahead = _Least(_DRIFT_WINDOW_SECONDS)
        # How far the writer is ahead on purpose, in seconds; None in the first window.
        self._usually_ahead: float | None = None
        self.dropped = 0

    @property
    def waiting(self) -> float:
        """Seconds of sound that wait."""
        return self._waiting / self._rate

    def clear(self) -> None:
        """Forget all that waits; what is written next is the beginning of something else."""
        self._blocks.clear()
        self._waiting = 0
        self._position = None
        self._is_new = True

    def discard(self, now: float) -> None:
        """Forget what is due, because nobody listens."""
        while self.take(now, 0.0) is not None:
            pass

    def write(self, samples: NDArray[np.int16], now: float, begin: float | None = None) -> None:
        """Append samples.

        Args:
            samples: ``(samples, channels)``.
            now: Seconds.
            begin: When the first of them was captured, in seconds; None: the last of them is of now.
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
        """When the first sample that waits is to be sent, None if none waits."""
        if self._position is None or not self._waiting:
            return None
        return self._position / self._rate

    def take(self, now: float, ahead: float) -> tuple[NDArray[np.int16], int, bool] | None:
        """Take what is to be sent now.

        Args:
            now: Seconds.
            ahead: Seconds of sound beyond `now` that are taken as well, if anything is due.

        Returns:
            Samples, the position of the first one, and whether they do not follow on those taken before; None: nothing is due.
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
        least = self._late.see(late, now)
        if least is not None and least > _LATE_SECONDS and not self._waiting:
            self._go_on_at(self._end + round(least * self._rate))

    def _watch_drift(self, ahead: float, now: float) -> None:
        least = self._ahead.see(ahead, now)
        if least is None:
            return
        if self._usually_ahead is None:
            self._usually_ahead = least
        elif least - self._usually_ahead > _DRIFT_SECONDS:
            self._drop(min(self._waiting, round((least - self._usually_ahead) * self._rate)))
