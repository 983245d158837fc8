"""`RecordingTaps`: what puts the frames of tracks into the queue of a recording; called on the loop."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from ..encoded_frame import EncodedFrame
from ..receiving.taps import Tap
from .recordable_track import RecordableTrack
from .recording_queue import RecordingQueue

__all__ = ["RecordingTaps"]

logger = logging.getLogger(__name__)


class RecordingTaps:
    """The taps of one recording. Any thread adds and removes them.

    Args:
        tracks: The tracks.
        queue: Gets their frames.
        doing: What the recording does, for log lines.
    """

    def __init__(self, tracks: Sequence[RecordableTrack], queue: RecordingQueue, doing: str) -> None:
        self.is_paused = False
        """Whether frames are left out. Read by the loop for each frame."""
        self._tracks = tracks
        self._queue = queue
        self._doing = doing
        self._taps = [self._tap(number, track) for number, track in enumerate(tracks)]

    def add(self) -> None:
        """Put every frame from now on into the queue."""
        for track, tap in zip(self._tracks, self._taps, strict=True):
            track.add_tap(tap)

    def remove(self) -> None:
        """Put no more frames into the queue."""
        for track, tap in zip(self._tracks, self._taps, strict=True):
            track.remove_tap(tap)

    def request_keyframes(self) -> None:
        """Request a keyframe of each video track."""
        for track in self._tracks:
            if track.kind == "video":
                track.request_keyframe()

    def _tap(self, number: int, track: RecordableTrack) -> Tap:
        queue = self._queue

        def tap(frame: EncodedFrame) -> None:
            if self.is_paused:
                return
            dropped = queue.dropped
            queue.put(number, frame)
            if not dropped and queue.dropped:
                logger.warning("%s: the disk is too slow; video and audio frames are dropped", self._doing)
            if track.kind == "video" and queue.needs_keyframe(number):
                track.request_keyframe()

        return tap
