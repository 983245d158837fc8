"""`RecordingQueue`: frames from the loop to the writing thread, bounded for slow disks."""

from __future__ import annotations

from typing import Final

from ....threads.interruptible import Condition
from ..encoded_frame import EncodedFrame
from .muxer import RecordedMessage

__all__ = ["RESUMED", "Entry", "RecordingQueue"]

Entry = tuple[int, EncodedFrame] | RecordedMessage | None
"""A track's place among the recorded tracks with its frame, a message, or `RESUMED`."""

RESUMED: Final = None
"""Separates frames before a pause from frames after it."""


_FRAME_BYTES: Final = 256
"""Approximate memory of a frame beside its data."""


class RecordingQueue:
    """Frames in order of arrival.

    When it is full, it drops frames and messages until half of it is written, and after that each video track's frames up to
    its next keyframe.

    Args:
        max_bytes: Size in bytes above which it is full.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        # Guards all attributes: the loop puts, the writing thread takes, any thread ends the queue.
        self._changed = Condition()
        self._waiting: list[Entry] = []
        self._size = 0
        self._has_ended = False
        self._is_full = False
        self._need_keyframe: set[int] = set()
        self.dropped = 0
        """Number of frames and messages dropped."""

    @property
    def size(self) -> int:
        """Number of bytes that were put and are not written yet."""
        return self._size

    def needs_keyframe(self, track: int) -> bool:
        """Whether the queue has room again and drops a track's frames until a keyframe."""
        return track in self._need_keyframe and not self._is_full

    def put(self, track: int, frame: EncodedFrame) -> None:
        """Put a frame, or drop it; does not wait. Ignored after the end."""
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
        """Put a message, or drop it; does not wait. Ignored after the end."""
        with self._changed:
            if self._has_ended:
                return
            if self._size > self._max_bytes:
                self.dropped += 1
                return
            self._waiting.append(message)
            self._size += len(message.content) + _FRAME_BYTES
            self._changed.notify()

    def put_resumed(self) -> None:
        """Put `RESUMED` after a pause. Ignored after the end."""
        with self._changed:
            if not self._has_ended:
                self._waiting.append(RESUMED)
                self._changed.notify()

    def take(self, seconds: float | None) -> list[Entry] | None:
        """Wait for entries and take them.

        Args:
            seconds: Timeout; None: until there are entries, or the end.

        Returns:
            All waiting entries, possibly none, with `RESUMED` in place of a pause; None at the end.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._has_ended, seconds)
            if self._has_ended and not self._waiting:
                return None
            taken, self._waiting = self._waiting, []
            return taken

    def written(self, entry: EncodedFrame | RecordedMessage) -> None:
        """Release the room of an entry that was taken and is now written."""
        content = entry.content if isinstance(entry, RecordedMessage) else entry.data
        with self._changed:
            self._size -= len(content) + _FRAME_BYTES

    def end(self, drop: bool = False) -> None:
        """Accept no more entries; idempotent.

        Args:
            drop: Whether waiting entries are dropped. Defaults to False.
        """
        with self._changed:
            self._has_ended = True
            if drop:
                self._waiting.clear()
            self._changed.notify()

    def _must_drop(self, track: int, frame: EncodedFrame) -> bool:
        self._is_full = self._size > (self._max_bytes // 2 if self._is_full else self._max_bytes)
        if self._is_full:
            self._need_keyframe.add(track)
            return True
        if frame.keyframe:
            # Every audio packet is one.
            self._need_keyframe.discard(track)
        return track in self._need_keyframe
