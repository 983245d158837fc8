"""`SoundTimeline`: samples in the order written, each with the moment at which it sounds. No clock of its own."""

from __future__ import annotations

from collections import deque
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["SoundTimeline"]

_PAUSE_SECONDS: Final = 0.04
"""A write that comes this much late follows on a pause. Less is jitter, which must not tear the sound apart."""

_LONGEST_SECONDS: Final = 60.0

_WINDOW_SECONDS: Final = 30.0
_DRIFT_SECONDS: Final = 0.1


class SoundTimeline:
    """What was written and is not sent yet.

    Who writes in real time is sent at once: the first samples end at the moment they are written, and what follows joins
    them without a gap. Who writes ahead is sent in real time. Who pauses is taken up again at the moment of the next write.
    A writer whose clock runs fast gets ahead by a little all the time; that is cut off every 30 s.

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
        self._window_begin = 0.0
        self._least_ahead = 0.0
        self._longest_write = 0
        self.dropped = 0

    def clear(self) -> None:
        """Forget everything; what is written next begins anew."""
        self._blocks.clear()
        self._waiting = 0
        self._position = None

    def write(self, samples: NDArray[np.int16], now: float) -> None:
        """Append samples.

        Args:
            samples: ``(samples, channels)``.
            now: Seconds.
        """
        if not len(samples):
            return
        here = round(now * self._rate)
        end = None if self._position is None else self._position + self._waiting
        if end is None or here - len(samples) - end > _PAUSE_SECONDS * self._rate:
            self._blocks.clear()
            self._waiting = 0
            self._position = here - len(samples)
            self._is_new = True
            self._begin_window(now)
        else:
            self._watch_drift((end - here) / self._rate, len(samples), now)
        self._blocks.append(samples)
        self._waiting += len(samples)
        self._drop(self._waiting - round(_LONGEST_SECONDS * self._rate))

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

    def _begin_window(self, now: float) -> None:
        self._window_begin = now
        self._least_ahead = float("inf")
        self._longest_write = 0

    def _watch_drift(self, ahead: float, written: int, now: float) -> None:
        self._least_ahead = min(self._least_ahead, ahead)
        self._longest_write = max(self._longest_write, written)
        if now - self._window_begin < _WINDOW_SECONDS:
            return
        writes_in_real_time = self._longest_write <= _DRIFT_SECONDS * self._rate
        if writes_in_real_time and self._least_ahead > _DRIFT_SECONDS:
            self._drop(min(self._waiting, round(self._least_ahead * self._rate)))
        self._begin_window(now)
