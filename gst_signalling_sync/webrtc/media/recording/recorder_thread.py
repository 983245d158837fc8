"""`RecorderThread`: the thread that records tracks of a session to a file, behind a `Recorder`.

Threads: the loop puts frames into a `RecordingQueue`. The thread ``gss-recorder`` takes them out; from `start` to the end of
the recording it owns the `Recording` and its file. One condition guards the state; a thread that waits for the end waits on it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Literal

from ....errors import RecordingError, SessionClosed, TrackNotFound
from ....threads.interruptible import Condition
from ....threads.loop_thread import LoopThread
from ....threads.waiting import Deadline, wait_for
from ..encoded_frame import MEDIA_KINDS
from .container import container_of
from .muxer import RecordedMessage
from .recordable_track import RecordableTrack
from .recording import Recording
from .recording_queue import RecordingQueue
from .recording_taps import RecordingTaps
from .recording_writer import RecordingWriter
from .segments import Segments

__all__ = ["MAX_QUEUED", "RecorderState", "RecorderThread"]

logger = logging.getLogger(__name__)

RecorderState = Literal["new", "recording", "closing", "closed"]

MAX_QUEUED: Final = 32 * 1024 * 1024
"""Bytes; a minute at 4 Mbit/s."""

MIN_SEGMENT_SECONDS: Final = 1.0


class RecorderThread:
    """What a session and the loop work with of a recorder; users hold the `Recorder`.

    Args:
        path: As in `Session.record`.
        tracks: The tracks to record.
        named: The session as errors name it.
        loop: The loop on whose thread waiting is refused. Defaults to None: no thread is refused.
        segment_seconds: As in `Session.record`.

    Raises:
        ValueError: The path has another suffix, or one whose extra ``[mcap]`` is not installed; `segment_seconds` is less than
            1; or there are more tracks than such a file holds.
    """

    def __init__(
        self,
        path: Path,
        tracks: Sequence[RecordableTrack],
        named: str,
        loop: LoopThread | None = None,
        segment_seconds: float | None = None,
    ) -> None:
        if segment_seconds is not None and not segment_seconds >= MIN_SEGMENT_SECONDS:
            raise ValueError(
                f"segment_seconds must be at least {MIN_SEGMENT_SECONDS:g}, or None for one file, not {segment_seconds!r}"
            )
        self.path: Final = path
        self.named: Final = named
        self.doing: Final = f"recording {named} to {path}"
        """What it does, for errors and log lines."""
        self._container = container_of(path)
        self._tracks = tuple(tracks)
        for kind in MEDIA_KINDS:
            names = [track.name for track in self._tracks if track.kind == kind]
            if len(names) > 1 and not self._container.has_all_tracks:
                raise ValueError(
                    f"cannot record the {kind} tracks {', '.join(map(repr, names))} to {path}: such a file holds one"
                    f" track of {kind}; record to .mkv or .mcap, or each track to a file of its own"
                )
        self._loop = loop
        self._queue = RecordingQueue(MAX_QUEUED)
        self._taps = RecordingTaps(self._tracks, self._queue, self.doing)
        # Set by the recorder before the start.
        self._on_segment: Callable[[Path], None]
        self._on_ended: Callable[[Exception | None], None]

        self._writer = RecordingWriter(path, self._container, self._tracks, self._queue, self.doing, segment_seconds)
        # Held by start() until the file is open, so that it is opened once.
        self._starting = threading.Lock()
        # Guards the attributes below; notified when the state changes.
        self._changed = Condition()
        self._state: RecorderState = "new"
        self._error: Exception | None = None
        self._is_error_raised = False
        self._has_session_ended = False
        self._thread: threading.Thread | None = None
        # Made by start(). The recorder's thread alone changes it; other threads read its counters.
        self._recording: Recording | Segments | None = None

    def report_to(self, on_segment: Callable[[Path], None], on_ended: Callable[[Exception | None], None]) -> None:
        """Set what is called, before the start.

        Args:
            on_segment: Called on the recorder's thread with the path of each segment that is complete; must not block.
            on_ended: Called on it at the end with `error`; must not block.
        """
        self._on_segment = on_segment
        self._on_ended = on_ended

    # The following members are used by the recorder, on any thread.

    @property
    def paths(self) -> tuple[Path, ...]:
        """Paths of the files so far, the current one last; empty before `start`."""
        recording = self._recording
        if isinstance(recording, Segments):
            return recording.paths
        return () if recording is None else (self.path,)

    @property
    def state(self) -> RecorderState:
        """``"new"``, ``"recording"``, ``"closing"`` while the file is being finished, or ``"closed"``."""
        return self._state

    @property
    def is_paused(self) -> bool:
        """Whether `pause` keeps it from recording."""
        return self._taps.is_paused and self._state == "recording"

    @property
    def error(self) -> Exception | None:
        """What ended the recording; None while it goes on, and after an orderly end."""
        return self._error

    @property
    def seconds(self) -> float:
        """Length of the recording so far, in seconds."""
        return 0.0 if self._recording is None else self._recording.seconds

    @property
    def size(self) -> int:
        """Number of bytes written."""
        return 0 if self._recording is None else self._recording.size

    @property
    def frames(self) -> int:
        """Number of video frames written, of all tracks."""
        return 0 if self._recording is None else self._recording.frames

    @property
    def frames_dropped(self) -> int:
        """Number of video frames, audio packets and messages left out, because the disk or the re-encoding was too slow."""
        return self._queue.dropped + (0 if self._recording is None else self._recording.frames_dropped)

    @property
    def queued(self) -> int:
        """Number of bytes that wait to be written."""
        return self._queue.size

    @property
    def transcodes(self) -> tuple[str, ...]:
        """What was re-encoded, as ``"VP8 to H264"``; empty if all frames were written as they came."""
        return () if self._recording is None else self._recording.transcodes

    def start(self) -> None:
        """Open the file and record; see `Recorder.start`."""
        with self._starting:
            with self._changed:
                if not self._is_to_start():
                    return
            # Not under the lock that the loop takes when the session ends: a disk may be slow.
            recording = self._writer.open(self._on_segment)
            with self._changed:
                if self._state == "closed":
                    recording.abandon()
                if not self._is_to_start():
                    return
                self._begin(recording)
        self._taps.add()
        self._taps.request_keyframes()
        if self._state != "recording":
            # The recording has ended meanwhile, perhaps before all taps were added.
            self._taps.remove()
        logger.info("%s", self.doing)

    def pause(self) -> None:
        """Stop recording until `resume`; see `Recorder.pause`."""
        self._set_paused(True)

    def resume(self) -> None:
        """Record again; see `Recorder.resume`."""
        if self._set_paused(False):
            self._taps.request_keyframes()

    def finish(self) -> None:
        """Have the recording end in order; returns at once."""
        self._finish(None)

    def raise_failure(self) -> None:
        """Raise why the recording failed, if it did; once.

        Raises:
            RecordingError: The recording failed.
        """
        with self._changed:
            error = None if self._is_error_raised else self._error
            self._is_error_raised = True
        if isinstance(error, RecordingError):
            raise error

    def wait_finished(self, deadline: Deadline) -> bool:
        """Wait until the file is finished, without ending the recording.

        Args:
            deadline: Deadline of the wait.

        Returns:
            Whether the file is finished, or was never begun.

        Raises:
            RuntimeError: This would block the event loop.
        """
        with self._changed:
            if self._state in ("recording", "closing") and self._loop is not None and self._loop.is_current:
                raise RuntimeError(f"{self.doing}: waiting for its end on the event loop thread would block the loop")
            if not wait_for(self._changed, lambda: self._state in ("new", "closed"), deadline):
                return False
        if self._thread is not None:
            # The thread only has to return.
            self._thread.join(deadline.remaining())
        return True

    # The following members are used by the session, on the loop.

    @property
    def takes_messages(self) -> bool:
        """Whether the file holds messages of data channels."""
        return self._container.has_messages

    def add_message(self, label: str, content: str | bytes, at: float) -> None:
        """Record a message of a data channel, unless the recorder is paused or not recording; on the loop.

        Args:
            label: The channel's label.
            content: The message.
            at: Send time as Unix time, by the sender's clock.
        """
        if self._state == "recording" and not self._taps.is_paused:
            self._queue.put_message(RecordedMessage(label, content, at))

    def end(self, error: Exception | None) -> None:
        """End the recording, because its session has ended; on the loop. The recorder's thread finishes the file.

        Args:
            error: Why the session ended; None: in order.
        """
        with self._changed:
            self._has_session_ended = True
        self._finish(error)

    def _is_to_start(self) -> bool:
        if self._state == "closed":
            if self._has_session_ended:
                raise SessionClosed(f"{self.doing}: the session is closed")
            raise RuntimeError(f"{self.doing}: the recorder is closed; make another one")
        if not self._tracks:
            raise TrackNotFound(f"{self.doing}: there is neither a video nor an audio track to record")
        return self._state == "new"

    def _set_paused(self, is_paused: bool) -> bool:
        """Pause or resume; return whether that changed anything."""
        with self._changed:
            if self._state == "new":
                raise RuntimeError(f"{self.doing}: the recorder has not been started; call start() first")
            if self._state != "recording" or self._taps.is_paused is is_paused:
                return False
            self._taps.is_paused = is_paused
            if not is_paused:
                self._queue.put_resumed()
            return True

    def _begin(self, recording: Recording | Segments) -> None:
        self._recording = recording
        thread = self._thread = threading.Thread(target=self._main, args=(recording,), name="gss-recorder", daemon=True)
        self._state = "recording"
        try:
            thread.start()
        except BaseException:
            if thread.ident is None:
                recording.abandon()
                self._state, self._thread = "closed", None
            raise

    def _finish(self, error: Exception | None) -> None:
        with self._changed:
            if self._state == "new":
                self._state = "closed"
            if self._state != "recording":
                return
            self._state = "closing"
            self._error = error
        self._queue.end()
        self._taps.remove()

    def _main(self, recording: Recording | Segments) -> None:
        failure = self._writer.write(recording)
        self._queue.end(drop=True)
        self._taps.remove()
        with self._changed:
            ended_by = self._error = failure or self._error
            self._state = "closed"
            self._changed.notify_all()
        logger.info("%s: ended after %.1f s of media, %d bytes", self.doing, recording.seconds, recording.size)
        self._on_ended(ended_by)
