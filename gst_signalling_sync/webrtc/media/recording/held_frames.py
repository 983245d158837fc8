"""`HeldFrames`: holds frames until the tracks of a recording can be placed relative to each other. It has no clock.

They can when each track has sent a frame that has a place on the sender's clock. A track without one for three seconds is not
waited for any longer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ..encoded_frame import EncodedFrame
from .recordable_track import RecordableTrack
from .recording_clock import Zero

__all__ = ["HOLD_SECONDS", "MAX_BYTES", "HeldFrames"]

HOLD_SECONDS: Final = 3.0
"""How long a track is waited for, and after that its place on the sender's clock, in seconds."""

MAX_BYTES: Final = 24 * 1024 * 1024
"""Size above which nothing is waited for."""


class HeldFrames:
    """Frames in order of arrival; used by one thread.

    Args:
        tracks: The tracks of the recording.
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
        """Whether memory is exhausted, so that nothing is waited for."""
        return self._size > MAX_BYTES

    @property
    def firsts(self) -> dict[int, EncodedFrame]:
        """The first frame of each track that has frames."""
        return self._firsts

    def add(self, track: int, frame: EncodedFrame) -> None:
        """Add the next frame of a track.

        Args:
            track: Place of the track.
            frame: The frame; the first one of a video track is a keyframe.
        """
        self._firsts.setdefault(track, frame)
        self._frames.append((track, frame))
        self._size += len(frame.data)

    def add_size(self, octets: int) -> None:
        """Count the bytes of anything else that waits with the frames."""
        self._size += octets

    def take(self) -> list[tuple[int, EncodedFrame]]:
        """Take all frames, with their tracks."""
        frames, self._frames = self._frames, []
        self._firsts = {}
        self._size = 0
        return frames

    def is_ready(self, now: float) -> bool:
        """Whether nothing is waited for any longer.

        Args:
            now: `time.monotonic`, or the time of the newest frame if that is later.
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
        """The tracks with one of which a recording begins: the video tracks with frames, else the audio tracks."""
        videos = [number for number in self._firsts if self._tracks[number].kind == "video"]
        return videos or list(self._firsts)

    def zero(self) -> Zero:
        """The beginning of the held frames: the first frame of the leader that was captured first."""
        captures = {
            number: self._tracks[number].clock.seconds(first.timestamp) for number, first in self._firsts.items()
        }
        known = {number: captured for number, captured in captures.items() if captured is not None}
        leaders = self.leaders()
        if len(known) < len(captures):
            return Zero(min(self._firsts[number].time for number in leaders), None)
        leader = min(leaders, key=known.__getitem__)
        return Zero(self._firsts[leader].time, known[leader])
