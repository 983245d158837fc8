"""`Recorder`: tracks of a session in a file.

The loop puts frames into a `RecordingQueue`; a thread, ``gss-recorder``, takes them out, and owns the `Recording` and its file
from `Recorder.start` to its end. The state is guarded by one condition; who waits for the end waits there.
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
"""Bytes; a minute of 4 Mbit/s."""

MIN_SEGMENT_SECONDS: Final = 1.0

_POLL_SECONDS: Final = 0.1
"""How often a recording that waits for its beginning is looked at."""


class Recorder:
    """Records tracks of a session; made by `Session.record`. A context manager.

    It records from `start`, or the beginning of the ``with`` block, until `close`, its end, or the end of the session.

    What came is written as it is where the file can hold it, and re-encoded where not: MP4 holds all video but VP8, WebM all
    but H264 and H265, MKV all, and each of them Opus. So VP8 becomes H264 in MP4, and H264 becomes VP8 in WebM; sound other
    than Opus (PCMU, PCMA, G722) becomes Opus in all three; `transcodes` tells. Re-encoding takes half a core for 1280x720 at 30
    frames per second; when it is 2 s behind, frames are dropped up to the next keyframe. Frames of more than 4096x2304 are not
    re-encoded. Frames whose size changes keep their new size in the file.

    MCAP holds each frame, packet of sound and message of a data channel with its time by the sender's clock, in Foxglove's
    schemas; of video all but VP8, which becomes H264. It needs the extra ``[mcap]``.

    MKV and MCAP hold any number of tracks, in their order and with their names; MP4 and WebM a video and an audio track.

    The recording begins with the first keyframe, and all tracks are in sync by the sender's clock. So the first few
    seconds are held in memory until the sender has told its clock: three at the most, then the time of arrival counts. A
    track that sends nothing for three seconds is not waited for; it takes its place in the file whenever it comes.

    The file can be played at any time, up to a second before now, and so it can when the process is killed, the disk is full,
    or the session broke. At an orderly end it gets an index, and so a length and a quick seek.

    Every method may be called from any thread and from callbacks.

    Example:
        with session.record("run.mkv", segment_seconds=60) as recorder:
            recorder.segment_ended.connect(lambda recorder, path: print(path, "is whole"))
            time.sleep(300)
        print(recorder.seconds, recorder.transcodes)

    Signals:
        ended(recorder, error): The recording has ended and the file is whole.
        segment_ended(recorder, path): A file of a recording in segments is whole; of the last one too, before ``ended``.

    Args:
        path: Ends in ``.mp4``, ``.mkv``, ``.webm`` or ``.mcap``; a file that is there is overwritten.
        tracks: All of them are recorded.
        named: The session, as errors name it.
        timeout: Seconds that `close` may take by default.
        callbacks: Where `ended` is emitted; None: it is not.
        loop: On whose thread waiting is refused.
        segment_seconds: Length after which the next keyframe begins another file; None: there is one file. Those of
            ``drive.mkv`` are ``drive-000.mkv``, ``drive-001.mkv`` and so on.

    Raises:
        ValueError: The path has another suffix, or one that needs the extra ``[mcap]``, a segment is to be shorter than a
            second, or there are more tracks than such a file holds.
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
                f"segment_seconds={segment_seconds!r}: {MIN_SEGMENT_SECONDS:g} or more, or None for one file"
            )
        self._path = Path(path)
        self._segment_seconds = segment_seconds
        self._container = container_of(self._path)
        self._tracks = tuple(tracks)
        for kind in MEDIA_KINDS:
            names = [track.name for track in self._tracks if track.kind == kind]
            if len(names) > 1 and not self._container.has_all_tracks:
                raise ValueError(
                    f"recording {self._path}: {kind} {', '.join(map(repr, names))}: such a file holds one track of {kind};"
                    " record to .mkv or .mcap, or each to a file of its own"
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

        # Held by start() for as long as it takes, so that the file is opened once.
        self._starting = threading.Lock()
        # Guards what follows; notified when the state changes.
        self._changed = Condition()
        self._state: RecorderState = "new"
        self._error: Exception | None = None
        self._is_error_raised = False
        self._has_session_ended = False
        self._thread: threading.Thread | None = None
        # Made by start(), and then changed by the recorder's thread alone; others read its counters.
        self._recording: Recording | Segments | None = None
        # Read by the loop for each frame.
        self._is_paused = False

    def __repr__(self) -> str:
        return f"<Recorder {str(self._path)!r} {self._state}>"

    @property
    def path(self) -> Path:
        """The file; of a recording in segments, what they are named after."""
        return self._path

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files so far, the one that is written now the last; empty before `start`."""
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
        """Whether nothing is recorded because of `pause`."""
        return self._is_paused and self._state == "recording"

    @property
    def error(self) -> Exception | None:
        """What ended the recording: a `RecordingError`, or the error of the session, after which the file is as whole as ever.

        None while it goes on, and after `close` or an orderly end of the session.
        """
        return self._error

    @property
    def seconds(self) -> float:
        """Length of what was written."""
        return 0.0 if self._recording is None else self._recording.seconds

    @property
    def size(self) -> int:
        """Bytes written."""
        return 0 if self._recording is None else self._recording.size

    @property
    def frames(self) -> int:
        """Frames written, of all videos."""
        return 0 if self._recording is None else self._recording.frames

    @property
    def frames_dropped(self) -> int:
        """Frames, packets of sound and messages left out, because the disk, or the re-encoding, was too slow."""
        return self._queue.dropped + (0 if self._recording is None else self._recording.frames_dropped)

    @property
    def transcodes(self) -> tuple[str, ...]:
        """What had to be re-encoded, as ``"VP8 to H264"``; empty where all was written as it came."""
        return () if self._recording is None else self._recording.transcodes

    def start(self) -> Self:
        """Open the file and record; does nothing when started.

        Returns:
            The recorder.

        Raises:
            RecordingError: The file cannot be opened, or is being recorded to; `errno` says why.
            TrackNotFound: There is no track to record.
            SessionClosed: The session has ended.
            RuntimeError: The recorder was closed, or inherited by `fork`.
        """
        self._owner.check()
        with self._starting:
            with self._changed:
                if not self._is_to_start():
                    return self
            # Not under the lock that the loop takes when the session ends: a disk may take its time.
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
            # It ended meanwhile, perhaps before all taps were there to be removed.
            self._remove_taps()
        logger.info("%s", self._doing)
        return self

    def pause(self) -> None:
        """Record nothing until `resume`; what follows then is put behind what was recorded at once. Idempotent.

        Does nothing when the recording has ended.

        Raises:
            RuntimeError: The recorder was not started, or inherited by `fork`.
        """
        self._set_paused(True)

    def resume(self) -> None:
        """Record again, each video from its next keyframe on, for which the sender is asked. Idempotent.

        Does nothing when the recording has ended.

        Raises:
            RuntimeError: The recorder was not started, or inherited by `fork`.
        """
        if self._set_paused(False):
            self._request_keyframes()

    def close(self, timeout: float | None = None) -> None:
        """Write what has arrived and finish the file; idempotent.

        Args:
            timeout: Seconds; None: the session's default.

        Raises:
            RecordingError: The recording failed, now or before; raised once. Where nothing at all came, there is no file.
            WaitTimeout: The disk is too slow; the file will be finished later.
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
        """Whether its file holds messages of data channels."""
        return self._container.has_messages

    def add_message(self, label: str, content: str | bytes, at: float) -> None:
        """Record a message of a data channel, while it records; on the loop.

        Args:
            label: Of the channel.
            content: A text or bytes.
            at: When it was sent, as Unix time by the sender's clock.
        """
        if self._state == "recording" and not self._is_paused:
            self._queue.put_message(RecordedMessage(label, content, at))

    def wait_finished(self, deadline: Deadline) -> bool:
        """Wait until the file is finished, for whatever reason, without ending the recording.

        Args:
            deadline: How long.

        Returns:
            Whether it is, or was never begun.

        Raises:
            RuntimeError: This would block the event loop.
        """
        with self._changed:
            if self._state in ("recording", "closing") and self._loop is not None and self._loop.is_current:
                raise RuntimeError(f"{self._doing}: waiting for its end on the event loop thread would block the loop")
            if not wait_for(self._changed, lambda: self._state in ("new", "closed"), deadline):
                return False
        if self._thread is not None:
            # It has nothing left to do but to return.
            self._thread.join(deadline.remaining())
        return True

    def end(self, error: Exception | None) -> None:
        """Have the recording end, because its session has; on the loop. The file is finished by the recorder's thread.

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
            # A forked child leaves the block that it inherited too.
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
            raise TrackNotFound(f"{self._doing}: it has neither video nor audio")
        return self._state == "new"

    def _set_paused(self, is_paused: bool) -> bool:
        """Pause or resume; whether that changed anything."""
        self._owner.check()
        with self._changed:
            if self._state == "new":
                raise RuntimeError(f"{self._doing}: it has not been started")
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
                logger.warning("%s: the disk is too slow; sound and frames are dropped", self._doing)
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
        logger.info("%s: ended, %.1f s in %d bytes", self._doing, recording.seconds, recording.size)
        if self._callbacks is not None:
            self._callbacks.emit(self.ended, self, error=ended_by)

    def _abandon(self, recording: Recording | Segments) -> None:
        try:
            recording.abandon()
        except Exception:
            # Those who wait for the end of the recording are told of the first failure all the same.
            logger.exception("%s: the file may be left in disorder", self._doing)

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
            # Of before these were taken: what came while a slow disk wrote them is no silence of its track.
            recording.proceed(now)
            now = time.monotonic()
        recording.finish()

    def _failure(self, error: Exception) -> RecordingError:
        if isinstance(error, OSError) and error.errno is not None:
            return RecordingError(error.errno, f"{self._doing}: {error.strerror}")
        return RecordingError(f"{self._doing}: {error}")
