"""`Watched`: when the frames of a track arrived."""

from __future__ import annotations

import itertools
import time
from types import TracebackType
from typing import Any, Self

from gst_signalling_sync import VideoReceiver

from ..helpers.waiting import wait_until

__all__ = ["Watched"]


class Watched:
    """Notes each frame of a track until the block ends.

    Args:
        video: The track.
    """

    def __init__(self, video: VideoReceiver) -> None:
        self._video = video
        self.times: list[float] = []

    def __enter__(self) -> Self:
        self._video.frame.connect(self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._video.frame.disconnect(self._note)

    def watch(self, seconds: float) -> None:
        """Watch for some time, beginning now.

        Args:
            seconds: Length of the time.
        """
        self.times = [time.monotonic()]
        end = self.times[0] + seconds
        wait_until(lambda: time.monotonic() >= end, "the time is over", seconds + 5)

    @property
    def fps(self) -> float:
        """Frames per second."""
        return (len(self.times) - 1) / (time.monotonic() - self.times[0])

    @property
    def longest_freeze(self) -> float:
        """The longest time without a frame, in seconds."""
        return max(after - before for before, after in itertools.pairwise([*self.times, time.monotonic()]))

    def _note(self, video: VideoReceiver, **_: Any) -> None:
        self.times.append(time.monotonic())
