"""`Recorder`: records tracks of a session to a file.

Threads: the loop puts frames into a `RecordingQueue`. The thread ``gss-recorder`` takes them out; from `Recorder.start` to the
end of the recording it owns the `Recording` and its file. One condition guards the state; a thread that waits for the end waits
on it.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, Self

import av

from ....errors import RecordingError, SessionClosed, TrackNotFound, WaitTimeout
from ....signals import Signal
from ....threads.callbacks import Callbacks
from ....threads.interruptible import Condition
from ....threads.loop_thread import LoopThread
from ....threads.owner import Owner
from ....threads.waiting import Deadline, wait_for
from ..encoded_frame import MEDIA_KINDS, EncodedFrame
from .container import container_of
from .muxer import RecordedMessage
from .recordable_track import RecordableTrack
from .recording import Recording
from .recording_file import RecordingFile
from .recording_queue import RESUMED, RecordingQueue
from .segments import Segments

__all__ = ["Recorder", "RecorderState"]

logger = logging.getLogger(__name__)

RecorderState = Literal["new", "recording", "closing", "closed"]

_MAX_QUEUED: Final = 32 * 1024 * 1024
"""Bytes; a minute at 4 Mbit/s."""

MIN_SEGMENT_SECONDS: Final = 1.0

_POLL_SECONDS: Final = 0.1
"""Interval in seconds at which a recording that waits for its beginning is checked."""


class Recorder:
    """Records tracks of a session; made by `Session.record`. A context manager.

    It records from `start`, or the beginning of the ``with`` block, until `close`, the end of the block, or the end of the
    session.

    Frames are written as they came if the file can hold them, and re-encoded if not. MP4 holds all video but VP8, WebM all but
    H264 and H265, MKV all; each holds Opus. So VP8 becomes H264 in MP4, H264 becomes VP8 in WebM, and other audio (PCMU, PCMA,
    G722) becomes Opus in all three; `transcodes` lists what was re-encoded. Re-encoding takes half a core for 1280x720 at 30
    frames per second. When it is 2 s behind, frames are dropped up to the next keyframe. Frames larger than 4096x2304 are not
    re-encoded. Frames whose size changes keep their new size in the file.

    MCAP holds each video frame, audio packet and message of a data channel with its time by the sender's clock, in Foxglove's
    schemas. It holds all video but VP8, which becomes H264. It needs the extra ``[mcap]``.

    MKV and MCAP hold any number of tracks, in their order and with their names; MP4 and WebM hold one video and one audio
    track.

    The recording begins with the first keyframe, and all tracks are in sync by the sender's clock. The first frames are
    therefore held in memory until the sender has announced its clock, at most 3 s; after that, the time of arrival counts. A
    track that sends nothing for 3 s is not waited for; it takes its place in the file whenever its frames come.

    The file can be played at any time, up to a second before now. This holds also if the process is killed, the disk is full,
    or the session breaks off. An orderly end adds an index, and with it a duration and fast seeking.

    Every method may be called from any thread and from callbacks.

    Example:
        with session.record("run.mkv", segment_seconds=60) as recorder:
            recorder.segment_ended.connect(lambda recorder, path: print(path, "is whole"))
            time.sleep(300)
        print(recorder.seconds, recorder.transcodes)

    Signals:
        ended(recorder, error): The recording has ended and the file is complete.
        segment_ended(recorder, path): A segment's file is complete. Emitted for the last one too, before ``ended``.

    Args:
        path: A path that ends in ``.mp4``, ``.mkv``, ``.webm`` or ``.mcap``. An existing file is overwritten.
        tracks: The tracks to record.
        named: The session as errors name it.
        timeout: Default timeout of `close`, in seconds.
        callbacks: Emits the signals. Defaults to None: they are not emitted.
        loop: The loop on whose thread waiting is refused. Defaults to None: no thread is refused.
        segment_seconds: Length in seconds after which the next keyframe begins another file, 1 or more. The segments of
            ``drive.mkv`` are ``drive-000.mkv``, ``drive-001.mkv`` and so on. Defaults to None: one file.

    Raises:
        ValueError: The path has another suffix, or one whose extra ``[mcap]`` is not installed; `segment_seconds` is less than
            1; or there are more tracks than such a file holds.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        tracks: Sequence[RecordableTrack],
        named: str,
        timeout: float,
        callbacks: Callbacks | None = None,
        loop: LoopThread | None = None,
        segment_seconds: float | None = None,
    ) -> None:
        if segment_seconds is not None and not segment_seconds >= MIN_SEGMENT_SECONDS:
            raise ValueError(
                f"segment_seconds must be at least {MIN_SEGMENT_SECONDS:g}, or None for one file, not {segment_seconds!r}"
            )
        self._path = Path(path)
        self._segment_seconds = segment_seconds
        self._container = container_of(self._path)
        self._tracks = tuple(tracks)
        for kind in MEDIA_KINDS:
            names = [track.name for track in self._tracks if track.kind == kind]
            if len(names) > 1 and not self._container.has_all_tracks:
                raise ValueError(
                    f"cannot record the {kind} tracks {', '.join(map(repr, names))} to {self._path}: such a file holds one"
                    f" track of {kind}; record to .mkv or .mcap, or each track to a file of its own"
                )
        self._doing = f"recording {named} to {self._path}"
        self._timeout = timeout
        self._callbacks = callbacks
        self._loop = loop
        self._owner = Owner(f"the recorder of {named}")
        self._queue = RecordingQueue(_MAX_QUEUED)
        self._taps = [self._tap(number, track) for number, track in enumerate(self._tracks)]
        self._started_at = 0.0
        self.ended = Signal(
            "The recording has ended and the file is whole: ``(recorder, error)``, with what the recorder's `error` says."
        )
        self.segment_ended = Signal(
            "A file of a recording in segments is whole: ``(recorder, path)``, a `pathlib.Path`; nothing more is written to it."
        )

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
        # Read by the loop for each frame.
        self._is_paused = False

    def __repr__(self) -> str:
        return f"<Recorder {str(self._path)!r} {self._state}>"

    @property
    def path(self) -> Path:
        """Path of the file; of a recording in segments, the path after which the segments are named."""
        return self._path

    @property
    def paths(self) -> tuple[Path, ...]:
        """Paths of the files so far, the current one last; empty before `start`."""
        recording = self._recording
        if isinstance(recording, Segments):
            return recording.paths
        return () if recording is None else (self._path,)

    @property
    def state(self) -> RecorderState:
        """``"new"``, ``"recording"``, ``"closing"`` while the file is being finished, or ``"closed"``."""
        return self._state

    @property
    def is_paused(self) -> bool:
        """Whether `pause` keeps it from recording."""
        return self._is_paused and self._state == "recording"

    @property
    def error(self) -> Exception | None:
        """What ended the recording: a `RecordingError`, or the session's error, after which the file is complete as well.

        None while the recording goes on, and after `close` or an orderly end of the session.
        """
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
    def transcodes(self) -> tuple[str, ...]:
        """What was re-encoded, as ``"VP8 to H264"``; empty if all frames were written as they came."""
        return () if self._recording is None else self._recording.transcodes

    def start(self) -> Self:
        """Open the file and record; does nothing when started.

        Returns:
            The recorder.

        Raises:
            RecordingError: The file cannot be opened, or another recorder writes to it; `errno` says why.
            TrackNotFound: There is no track to record.
            SessionClosed: The session has ended.
            RuntimeError: The recorder was closed, or inherited by `fork`.
        """
        self._owner.check()
        with self._starting:
            with self._changed:
                if not self._is_to_start():
                    return self
            # Not under the lock that the loop takes when the session ends: a disk may be slow.
            recording = self._open()
            with self._changed:
                if self._state == "closed":
                    recording.abandon()
                if not self._is_to_start():
                    return self
                self._begin(recording)
        for track, tap in zip(self._tracks, self._taps, strict=True):
            track.add_tap(tap)
        self._request_keyframes()
        if self._state != "recording":
            # The recording has ended meanwhile, perhaps before all taps were added.
            self._remove_taps()
        logger.info("%s", self._doing)
        return self

    def pause(self) -> None:
        """Stop recording until `resume`; idempotent.

        The file continues there without a gap, except in MCAP, whose entries keep their times.

        Does nothing when the recording has ended.

        Raises:
            RuntimeError: The recorder was not started, or inherited by `fork`.
        """
        self._set_paused(True)

    def resume(self) -> None:
        """Record again, each video track from its next keyframe on, which is requested from the sender. Idempotent.

        Does nothing when the recording has ended.

        Raises:
            RuntimeError: The recorder was not started, or inherited by `fork`.
        """
        if self._set_paused(False):
            self._request_keyframes()

    def close(self, timeout: float | None = None) -> None:
        """Write the frames that have arrived and finish the file; idempotent.

        Args:
            timeout: Seconds. Defaults to the session's timeout.

        Raises:
            RecordingError: The recording failed, now or before. Raised once. If nothing was received at all, there is no file.
            WaitTimeout: The file was not finished in time, because the disk is too slow; it will be finished later.
            RuntimeError: The recorder was inherited by `fork`, or this would block the event loop.
        """
        self._owner.check()
        self._finish(None)
        deadline = Deadline(self._timeout if timeout is None else timeout)
        if not self.wait_finished(deadline):
            raise WaitTimeout(f"{self._doing}: the file is not finished within {deadline}")
        with self._changed:
            error = None if self._is_error_raised else self._error
            self._is_error_raised = True
        if isinstance(error, RecordingError):
            raise error

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
        if self._state == "recording" and not self._is_paused:
            self._queue.put_message(RecordedMessage(label, content, at))

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
                raise RuntimeError(f"{self._doing}: waiting for its end on the event loop thread would block the loop")
            if not wait_for(self._changed, lambda: self._state in ("new", "closed"), deadline):
                return False
        if self._thread is not None:
            # The thread only has to return.
            self._thread.join(deadline.remaining())
        return True

    def end(self, error: Exception | None) -> None:
        """End the recording, because its session has ended; on the loop. The recorder's thread finishes the file.

        Args:
            error: Why the session ended; None: in order.
        """
        with self._changed:
            self._has_session_ended = True
        self._finish(error)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._owner.is_here:
            # A forked child leaves the inherited block too.
            return
        try:
            self.close()
        except (RecordingError, WaitTimeout) as failure:
            if error is None:
                raise
            # The error of the block tells the user more.
            logger.warning("%s", failure)

    def _is_to_start(self) -> bool:
        if self._state == "closed":
            if self._has_session_ended:
                raise SessionClosed(f"{self._doing}: the session is closed")
            raise RuntimeError(f"{self._doing}: the recorder is closed; make another one")
        if not self._tracks:
            raise TrackNotFound(f"{self._doing}: there is neither a video nor an audio track to record")
        return self._state == "new"

    def _set_paused(self, is_paused: bool) -> bool:
        """Pause or resume; return whether that changed anything."""
        self._owner.check()
        with self._changed:
            if self._state == "new":
                raise RuntimeError(f"{self._doing}: the recorder has not been started; call start() first")
            if self._state != "recording" or self._is_paused is is_paused:
                return False
            self._is_paused = is_paused
            if not is_paused:
                self._queue.put_resumed()
            return True

    def _open(self) -> Recording | Segments:
        try:
            if self._segment_seconds is None:
                return self._open_recording(self._path)
            return Segments(
                self._path, self._segment_seconds, self._tracks, self._open_recording, self._tell_of_segment
            )
        except OSError as error:
            raise self._failure(error) from error

    def _open_recording(self, path: Path) -> Recording:
        return Recording(RecordingFile(path), self._container, self._tracks)

    def _tell_of_segment(self, path: Path) -> None:
        if self._callbacks is not None:
            self._callbacks.emit(self.segment_ended, self, path=path)

    def _begin(self, recording: Recording | Segments) -> None:
        self._recording = recording
        self._started_at = time.monotonic()
        thread = self._thread = threading.Thread(target=self._main, args=(recording,), name="gss-recorder", daemon=True)
        self._state = "recording"
        try:
            thread.start()
        except BaseException:
            if thread.ident is None:
                recording.abandon()
                self._state, self._thread = "closed", None
            raise

    def _request_keyframes(self) -> None:
        for track in self._tracks:
            if track.kind == "video":
                track.request_keyframe()

    def _tap(self, number: int, track: RecordableTrack) -> Callable[[EncodedFrame], None]:
        queue = self._queue

        def tap(frame: EncodedFrame) -> None:
            if self._is_paused:
                return
            dropped = queue.dropped
            queue.put(number, frame)
            if not dropped and queue.dropped:
                logger.warning("%s: the disk is too slow; video and audio frames are dropped", self._doing)
            if track.kind == "video" and queue.needs_keyframe(number):
                track.request_keyframe()

        return tap

    def _remove_taps(self) -> None:
        for track, tap in zip(self._tracks, self._taps, strict=True):
            track.remove_tap(tap)

    def _finish(self, error: Exception | None) -> None:
        with self._changed:
            if self._state == "new":
                self._state = "closed"
            if self._state != "recording":
                return
            self._state = "closing"
            self._error = error
        self._queue.end()
        self._remove_taps()

    def _main(self, recording: Recording | Segments) -> None:
        failure: RecordingError | None = None
        try:
            self._write(recording)
        except RecordingError as error:
            failure = RecordingError(f"{self._doing}: {error} in {time.monotonic() - self._started_at:.1f} s")
        except (OSError, av.FFmpegError) as error:
            failure = self._failure(error)
        except Exception as error:
            logger.exception("%s: internal error", self._doing)
            failure = RecordingError(f"{self._doing}: {error!r}")
        if failure is not None:
            logger.warning("%s", failure)
            self._abandon(recording)
        self._queue.end(drop=True)
        self._remove_taps()
        with self._changed:
            ended_by = self._error = failure or self._error
            self._state = "closed"
            self._changed.notify_all()
        logger.info("%s: ended after %.1f s of media, %d bytes", self._doing, recording.seconds, recording.size)
        if self._callbacks is not None:
            self._callbacks.emit(self.ended, self, error=ended_by)

    def _abandon(self, recording: Recording | Segments) -> None:
        try:
            recording.abandon()
        except Exception:
            # Threads that wait for the end must still hear of the first failure.
            logger.exception("%s: cannot close the file, which may not play to its end", self._doing)

    def _write(self, recording: Recording | Segments) -> None:
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

    def _failure(self, error: Exception) -> RecordingError:
        if isinstance(error, OSError) and error.errno is not None:
            return RecordingError(error.errno, f"{self._doing}: {error.strerror}")
        return RecordingError(f"{self._doing}: {error}")
