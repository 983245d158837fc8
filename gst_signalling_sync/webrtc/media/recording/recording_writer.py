"""`RecordingWriter`: opens a recording and writes what the queue has for it; on a recorder's thread."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import av

from ....errors import RecordingError
from .container import Container
from .muxer import RecordedMessage
from .recordable_track import RecordableTrack
from .recording import Recording
from .recording_file import RecordingFile
from .recording_queue import RESUMED, RecordingQueue
from .segments import Segments

__all__ = ["RecordingWriter"]

logger = logging.getLogger(__name__)

_POLL_SECONDS: Final = 0.1
"""Interval in seconds at which a recording that waits for its beginning is checked."""


class RecordingWriter:
    """Opens and writes the files of one recording.

    Args:
        path: Path of the file.
        container: The kind of file.
        tracks: The tracks to record.
        queue: Has their frames, and messages.
        doing: What the recording does, for errors and log lines.
        segment_seconds: As in `Session.record`.
    """

    def __init__(
        self,
        path: Path,
        container: Container,
        tracks: Sequence[RecordableTrack],
        queue: RecordingQueue,
        doing: str,
        segment_seconds: float | None,
    ) -> None:
        self._path = path
        self._container = container
        self._tracks = tracks
        self._queue = queue
        self._doing = doing
        self._segment_seconds = segment_seconds

    def open(self, on_segment: Callable[[Path], None]) -> Recording | Segments:
        """Open the file, or the first segment; on a caller's thread.

        Args:
            on_segment: Called with the path of each segment that is complete; must not block.

        Raises:
            RecordingError: It cannot be opened; `errno` says why.
        """
        try:
            if self._segment_seconds is None:
                return self._open_recording(self._path)
            return Segments(self._path, self._segment_seconds, self._tracks, self._open_recording, on_segment)
        except OSError as error:
            raise self._failure(error) from error

    def _open_recording(self, path: Path) -> Recording:
        return Recording(RecordingFile(path), self._container, self._tracks)

    def write(self, recording: Recording | Segments) -> RecordingError | None:
        """Write what the queue has, until it is ended, and finish the file.

        Returns:
            Why the recording failed; the file is closed at the end of what plays. None: it did not fail.
        """
        began = time.monotonic()
        failure: RecordingError
        try:
            self._write_all(recording)
            return None
        except RecordingError as error:
            failure = RecordingError(f"{self._doing}: {error} in {time.monotonic() - began:.1f} s")
        except (OSError, av.FFmpegError) as error:
            failure = self._failure(error)
        except Exception as error:
            logger.exception("%s: internal error", self._doing)
            failure = RecordingError(f"{self._doing}: {error!r}")
        logger.warning("%s", failure)
        self._abandon(recording)
        return failure

    def _write_all(self, recording: Recording | Segments) -> None:
        now = time.monotonic()
        while (frames := self._queue.take(_POLL_SECONDS if recording.is_waiting else None)) is not None:
            for each in frames:
                if each is RESUMED:
                    recording.resume()
                    continue
                if isinstance(each, RecordedMessage):
                    recording.add_message(each)
                    self._queue.written(each)
                    continue
                track, frame = each
                recording.add(track, frame)
                self._queue.written(frame)
            # The time before the frames were taken: frames that came while a slow disk wrote these are not a silence of their
            # track.
            recording.proceed(now)
            now = time.monotonic()
        recording.finish()

    def _abandon(self, recording: Recording | Segments) -> None:
        try:
            recording.abandon()
        except Exception:
            # Threads that wait for the end must still hear of the first failure.
            logger.exception("%s: cannot close the file, which may not play to its end", self._doing)

    def _failure(self, error: Exception) -> RecordingError:
        if isinstance(error, OSError) and error.errno is not None:
            return RecordingError(error.errno, f"{self._doing}: {error.strerror}")
        return RecordingError(f"{self._doing}: {error}")
