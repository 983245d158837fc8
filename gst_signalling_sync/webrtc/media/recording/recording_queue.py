"""`RecordingQueue`: frames on their way from the loop to the thread that writes them, bounded for disks that are too slow."""

from __future__ import annotations

from typing import Final

from ....threads.interruptible import Condition
from ..encoded_frame import EncodedFrame
from .muxer import RecordedMessage

__all__ = ["RESUMED", "Entry", "RecordingQueue"]

Entry = tuple[int, EncodedFrame] | RecordedMessage | None
"""The place of a track among those that are recorded and its frame, a message, or `RESUMED`."""

RESUMED: Final = None
"""Stands between what came before a pause and what came after it."""


_FRAME_BYTES: Final = 256
"""What a frame takes besides its data."""


class RecordingQueue:
    """Frames in the order of arrival.

    Once it is full it drops sound and frames until half of it was written, and of each video what comes from there to its next
    keyframe.

    Args:
        most_bytes: Queued at which it is full.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        # Guards all of it: the loop fills, the writing thread empties, any thread ends the queue.
        self._changed = Condition()
        self._waiting: list[Entry] = []
        self._size = 0
        self._has_ended = False
        self._is_full = False
        self._need_keyframe: set[int] = set()
        self.dropped = 0
        """Frames that were dropped."""

    @property
    def size(self) -> int:
        """Bytes that were put and are not yet written."""
        return self._size

    def needs_keyframe(self, track: int) -> bool:
        """Whether there is room again, and no frame of a video is taken before a keyframe."""
        return track in self._need_keyframe and not self._is_full

    def put(self, track: int, frame: EncodedFrame) -> None:
        """Add a frame, or drop it; does not wait. After the end it is ignored."""
        with self._changed:
            if self._has_ended:
                return
            if self._must_drop(track, frame):
                self.dropped += 1
                return
            self._waiting.append((track, frame))
            self._size += len(frame.data) + _FRAME_BYTES
            self._changed.notify()

    def put_message(self, message: RecordedMessage) -> None:
        """Add a message, or drop it; does not wait. After the end it is ignored."""
        with self._changed:
            if self._has_ended:
                return
            if self._size > self._most_bytes:
                self.dropped += 1
                return
            self._waiting.append(message)
            self._size += len(message.content) + _FRAME_BYTES
            self._changed.notify()

    def put_resumed(self) -> None:
        """Note that what follows came after a pause. After the end it is ignored."""
        with self._changed:
            if not self._has_ended:
                self._waiting.append(RESUMED)
                self._changed.notify()

    def take(self, seconds: float | None) -> list[Entry] | None:
        """Wait for frames.

        Args:
            seconds: How long; None: until there are some, or the end.

        Returns:
            What waits, perhaps nothing, with `RESUMED` where there was a pause; None at the end.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._has_ended, seconds)
            if self._has_ended and not self._waiting:
                return None
            taken, self._waiting = self._waiting, []
            return taken

    def written(self, entry: EncodedFrame | RecordedMessage) -> None:
        """Make room for others by what was taken and is written now."""
        content = entry.content if isinstance(entry, RecordedMessage) else entry.data
        with self._changed:
            self._size -= len(content) + _FRAME_BYTES

    def end(self, drop: bool = False) -> None:
        """Take nothing more; idempotent.

        Args:
            drop: What waits is not to be written either.
        """
        with self._changed:
            self._has_ended = True
            if drop:
                self._waiting.clear()
            self._changed.notify()

    def _must_drop(self, track: int, frame: EncodedFrame) -> bool:
        self._is_full = self._size > (self._most_bytes // 2 if self._is_full else self._most_bytes)
        if self._is_full:
            self._need_keyframe.add(track)
            return True
        if frame.keyframe:
            # As every packet of sound is.
            self._need_keyframe.discard(track)
        return track in self._need_keyframe
