"""`Segments`: a recording in several files, each of which plays by itself; what a recorder's thread does.

A file is followed by the next one at the first keyframe after its time. Sound is divided there by when it was captured: what
came between the time and the keyframe is held until it is known where it belongs, and what arrives late still goes into the
file before. So no frame is lost, and the files put together are the recording in one file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from ..encoded_frame import EncodedFrame, MediaKind
from .muxer import RecordedMessage
from .recording import KEYFRAME_SECONDS, RecordableTrack, Recording

__all__ = ["Segments", "segment_path"]

_HOLD_SECONDS: Final = 3.0
"""How long sound is held for a keyframe."""

_LATE_SECONDS: Final = 1.0
"""How long the file before is kept open for sound that arrives late, where no later one has come."""


class _Written(NamedTuple):
    """What is in files, in the terms of `Recording`."""

    seconds: float = 0.0
    size: int = 0
    frames: int = 0
    frames_dropped: int = 0
    transcodes: tuple[str, ...] = ()

    def with_those_of(self, recording: Recording) -> _Written:
        return _Written(
            self.seconds + recording.seconds,
            self.size + recording.size,
            self.frames + recording.frames,
            self.frames_dropped + recording.frames_dropped,
            tuple(dict.fromkeys((*self.transcodes, *recording.transcodes))),
        )


class Segments:
    """What becomes of the frames; used by one thread, but for its counters, which any thread may read.

    Args:
        path: What the files are named after, see `segment_path`.
        seconds: After which a file is followed by the next one.
        tracks: One or both.
        open_recording: Opens a file.
        on_finished: Is given each file that is whole.

    Raises:
        OSError: The first file cannot be opened.
    """

    def __init__(
        self,
        path: Path,
        seconds: float,
        tracks: Mapping[MediaKind, RecordableTrack],
        open_recording: Callable[[Path], Recording],
        on_finished: Callable[[Path], None],
    ) -> None:
        self._path = path
        self._seconds = seconds
        self._tracks = tracks
        self._open_recording = open_recording
        self._on_finished = on_finished
        self._paths: tuple[Path, ...] = (segment_path(path, 0),)
        self._current = open_recording(self._paths[0])
        # What is in the finished files, and the others. Replaced as a whole, so that any thread counts each of them once.
        self._counted: tuple[_Written, tuple[Recording, ...]] = (_Written(), (self._current,))
        # The file before, while sound may still belong into it, and where it ends.
        self._previous: Recording | None = None
        self._previous_path = path
        self._split_capture: float | None = None
        self._split_arrival = 0.0
        # Whether the next keyframe begins a file, when one was last asked for, and the sound that waits for it.
        self._is_due = False
        self._asked_at = 0.0
        self._held: list[EncodedFrame] = []

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files, in the order of their beginnings."""
        return self._paths

    @property
    def seconds(self) -> float:
        """Length of what was written."""
        return self._written.seconds

    @property
    def size(self) -> int:
        """Bytes written."""
        return self._written.size

    @property
    def frames(self) -> int:
        """Frames written."""
        return self._written.frames

    @property
    def frames_dropped(self) -> int:
        """Frames that were not re-encoded because that took too long."""
        return self._written.frames_dropped

    @property
    def transcodes(self) -> tuple[str, ...]:
        """What was re-encoded, as ``"VP8 to H264"``."""
        return self._written.transcodes

    @property
    def is_waiting(self) -> bool:
        """Whether `proceed` has something to do even when no frame comes."""
        return self._is_due or self._previous is not None or self._current.is_waiting

    def add(self, kind: MediaKind, frame: EncodedFrame) -> None:
        """Take the next frame of a track.

        Raises:
            OSError: A file could not be written, or the next one not be opened.
            av.FFmpegError: FFmpeg refused a packet.
        """
        if self._is_due and (frame.keyframe if kind == "video" else "video" not in self._tracks):
            self._begin_next(kind, frame)
        elif self._is_due and kind == "audio":
            self._hold(frame)
        else:
            self._add(kind, frame)
        if self._current.is_waiting:
            # Many frames may be taken at once, of which a file is to get no more than its own.
            self._current.proceed(frame.time)
        if not self._is_due and self._current.seconds >= self._seconds:
            self._is_due = True
            self._ask(frame.time)

    def add_message(self, message: RecordedMessage) -> None:
        """Take a message of a data channel.

        Raises:
            OSError: The file could not be written.
        """
        self._current.add_message(message)

    def resume(self) -> None:
        """Have what comes next follow at once on what was written, as `Recording.resume` does.

        Raises:
            OSError: A file could not be written.
            av.FFmpegError: FFmpeg refused a packet.
        """
        self._finish_previous()
        self._release()
        self._current.resume()

    def proceed(self, now: float) -> None:
        """Do what is due without a frame.

        Args:
            now: `time.monotonic`.

        Raises:
            OSError: A file could not be written.
            av.FFmpegError: FFmpeg refused a packet.
        """
        if self._is_due and now - self._asked_at >= KEYFRAME_SECONDS:
            self._ask(now)
        if self._previous is not None and now - self._split_arrival >= _LATE_SECONDS:
            self._finish_previous()
        self._current.proceed(now)

    def finish(self) -> None:
        """Make all files whole.

        Raises:
            RecordingError: There was nothing to record; there is no file.
            OSError: A file could not be written; all are to be abandoned.
            av.FFmpegError: FFmpeg refused a packet; likewise.
        """
        self._finish_previous()
        self._release()
        self._current.finish()
        self._on_finished(self._paths[-1])

    def abandon(self) -> None:
        """Leave the files as far as they play."""
        for each in self._counted[1]:
            each.abandon()

    @property
    def _written(self) -> _Written:
        written, others = self._counted
        for each in others:
            written = written.with_those_of(each)
        return written

    def _ask(self, now: float) -> None:
        self._asked_at = now
        if "video" in self._tracks:
            self._tracks["video"].request_keyframe()

    def _add(self, kind: MediaKind, frame: EncodedFrame) -> None:
        if kind == "audio" and self._previous is not None:
            if self._precedes_split(frame):
                self._previous.add(kind, frame)
                return
            self._finish_previous()
        self._current.add(kind, frame)

    def _hold(self, frame: EncodedFrame) -> None:
        self._held.append(frame)
        if frame.time - self._held[0].time > _HOLD_SECONDS:
            # The sender may make no keyframes when it is asked.
            self._release()

    def _release(self) -> None:
        held, self._held = self._held, []
        for frame in held:
            self._add("audio", frame)

    def _begin_next(self, kind: MediaKind, frame: EncodedFrame) -> None:
        self._finish_previous()
        self._is_due = False
        path = segment_path(self._path, len(self._paths))
        try:
            following = self._open_recording(path)
        except OSError:
            # What there is, is made whole.
            self.finish()
            raise
        self._previous, self._previous_path, self._current = self._current, self._paths[-1], following
        written, others = self._counted
        self._counted = written, (*others, following)
        self._paths = (*self._paths, path)
        self._split_capture = self._tracks[kind].clock.seconds(frame.timestamp)
        self._split_arrival = frame.time
        self._current.add(kind, frame)
        self._release()
        if kind == "audio" or "audio" not in self._tracks:
            self._finish_previous()

    def _precedes_split(self, frame: EncodedFrame) -> bool:
        captured = self._tracks["audio"].clock.seconds(frame.timestamp)
        if captured is None or self._split_capture is None:
            return frame.time < self._split_arrival
        return captured < self._split_capture

    def _finish_previous(self) -> None:
        previous, self._previous = self._previous, None
        if previous is None:
            return
        previous.finish()
        written, others = self._counted
        self._counted = written.with_those_of(previous), tuple(each for each in others if each is not previous)
        self._on_finished(self._previous_path)


def segment_path(path: Path, number: int) -> Path:
    """The name of a segment: ``drive-000.mkv`` is the first of ``drive.mkv``."""
    return path.with_stem(f"{path.stem}-{number:03}")
