"""`HeldFrames`: frames that wait until it is known how the tracks of a recording lie to each other. No clock of its own.

That is known when each track has sent something that can be placed on the sender's clock. A track that does not within three
seconds is not waited for any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ..encoded_frame import EncodedFrame
from .recordable_track import RecordableTrack
from .recording_clock import Zero

__all__ = ["HOLD_SECONDS", "HeldFrames"]

HOLD_SECONDS: Final = 3.0
"""How long a track is waited for, and then its place on the sender's clock."""

_MAX_BYTES: Final = 24 * 1024 * 1024
"""At which nothing is waited for."""


class HeldFrames:
    """Frames in the order of arrival; used by one thread.

    Args:
        tracks: Of the recording.
    """

    def __init__(self, tracks: Sequence[RecordableTrack]) -> None:
        self._tracks = tracks
        self._frames: list[tuple[int, EncodedFrame]] = []
        self._firsts: dict[int, EncodedFrame] = {}
        self._size = 0

    def __bool__(self) -> bool:
        return bool(self._frames)

    @property
    def is_full(self) -> bool:
        """Whether nothing is waited for, because memory is bounded."""
        return self._size > _MAX_BYTES

    @property
    def firsts(self) -> dict[int, EncodedFrame]:
        """The first frame of each track that has any."""
        return self._firsts

    def add(self, track: int, frame: EncodedFrame) -> None:
        """Take the next frame of a track.

        Args:
            track: Its place among the tracks.
            frame: Of a video, the first is a keyframe.
        """
        self._firsts.setdefault(track, frame)
        self._frames.append((track, frame))
        self._size += len(frame.data)

    def add_size(self, octets: int) -> None:
        """Take note of what else waits with the frames."""
        self._size += octets

    def take(self) -> list[tuple[int, EncodedFrame]]:
        """All frames, with their tracks; none is held any more."""
        frames, self._frames = self._frames, []
        self._firsts = {}
        self._size = 0
        return frames

    def is_ready(self, now: float) -> bool:
        """Whether nothing is waited for any longer.

        Args:
            now: `time.monotonic`. Time is at least that of the newest frame.
        """
        if not self._frames:
            return False
        now = max(now, self._frames[-1][1].time)
        waited = now - self._frames[0][1].time
        if self.is_full or waited >= 2 * HOLD_SECONDS:
            return True
        for number, track in enumerate(self._tracks):
            first = self._firsts.get(number)
            if first is None:
                if waited < HOLD_SECONDS:
                    return False
            elif track.clock.seconds(first.timestamp) is None and now - first.time < HOLD_SECONDS:
                return False
        return True

    def leaders(self) -> list[int]:
        """The tracks with one of which a recording begins: those of video that have sent something, else those of sound."""
        videos = [number for number in self._firsts if self._tracks[number].kind == "video"]
        return videos or list(self._firsts)

    def zero(self) -> Zero:
        """The beginning of what is held: the first frame of the leader that was captured first."""
        captures = {
            number: self._tracks[number].clock.seconds(first.timestamp) for number, first in self._firsts.items()
        }
        known = {number: captured for number, captured in captures.items() if captured is not None}
        leaders = self.leaders()
        if len(known) < len(captures):
            return Zero(min(self._firsts[number].time for number in leaders), None)
        leader = min(leaders, key=known.__getitem__)
        return Zero(self._firsts[leader].time, known[leader])
