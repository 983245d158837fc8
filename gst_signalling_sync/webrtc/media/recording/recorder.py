"""`Recorder`: records tracks of a session to a file."""

from __future__ import annotations

import logging
from pathlib import Path
from types import TracebackType
from typing import Self

from ....errors import RecordingError, WaitTimeout
from ....signals import Signal
from ....threads.callbacks import Callbacks
from ....threads.owner import Owner
from ....threads.waiting import Deadline
from .recorder_thread import RecorderState, RecorderThread

__all__ = ["Recorder"]

logger = logging.getLogger(__name__)


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
        thread: What records, behind the recorder.
        timeout: Default timeout of `close`, in seconds.
        callbacks: Emits the signals. Defaults to None: they are not emitted.
    """

    def __init__(self, thread: RecorderThread, timeout: float, callbacks: Callbacks | None = None) -> None:
        self._thread = thread
        self._timeout = timeout
        self._callbacks = callbacks
        self._owner = Owner(f"the recorder of {thread.named}")
        self.ended = Signal(
            "The recording has ended and the file is whole: ``(recorder, error)``, with what the recorder's `error` says."
        )
        self.segment_ended = Signal(
            "A file of a recording in segments is whole: ``(recorder, path)``, a `pathlib.Path`; nothing more is written to it."
        )
        thread.report_to(self._emit_segment_ended, self._emit_ended)

    def __repr__(self) -> str:
        return f"<Recorder {str(self.path)!r} {self.state}>"

    @property
    def path(self) -> Path:
        """Path of the file; of a recording in segments, the path after which the segments are named."""
        return self._thread.path

    @property
    def paths(self) -> tuple[Path, ...]:
        """Paths of the files so far, the current one last; empty before `start`."""
        return self._thread.paths

    @property
    def state(self) -> RecorderState:
        """``"new"``, ``"recording"``, ``"closing"`` while the file is being finished, or ``"closed"``."""
        return self._thread.state

    @property
    def is_paused(self) -> bool:
        """Whether `pause` keeps it from recording."""
        return self._thread.is_paused

    @property
    def error(self) -> Exception | None:
        """What ended the recording: a `RecordingError`, or the session's error, after which the file is complete as well.

        None while the recording goes on, and after `close` or an orderly end of the session.
        """
        return self._thread.error

    @property
    def seconds(self) -> float:
        """Length of the recording so far, in seconds."""
        return self._thread.seconds

    @property
    def size(self) -> int:
        """Number of bytes written."""
        return self._thread.size

    @property
    def frames(self) -> int:
        """Number of video frames written, of all tracks."""
        return self._thread.frames

    @property
    def frames_dropped(self) -> int:
        """Number of video frames, audio packets and messages left out, because the disk or the re-encoding was too slow."""
        return self._thread.frames_dropped

    @property
    def transcodes(self) -> tuple[str, ...]:
        """What was re-encoded, as ``"VP8 to H264"``; empty if all frames were written as they came."""
        return self._thread.transcodes

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
        self._thread.start()
        return self

    def pause(self) -> None:
        """Stop recording until `resume`; idempotent.

        The file continues there without a gap, except in MCAP, whose entries keep their times.

        Does nothing when the recording has ended.

        Raises:
            RuntimeError: The recorder was not started, or inherited by `fork`.
        """
        self._owner.check()
        self._thread.pause()

    def resume(self) -> None:
        """Record again, each video track from its next keyframe on, which is requested from the sender. Idempotent.

        Does nothing when the recording has ended.

        Raises:
            RuntimeError: The recorder was not started, or inherited by `fork`.
        """
        self._owner.check()
        self._thread.resume()

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
        self._thread.finish()
        deadline = Deadline(self._timeout if timeout is None else timeout)
        if not self._thread.wait_finished(deadline):
            raise WaitTimeout(f"{self._thread.doing}: the file is not finished within {deadline}")
        self._thread.raise_failure()

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

    def _emit_segment_ended(self, path: Path) -> None:
        if self._callbacks is not None:
            self._callbacks.emit(self.segment_ended, self, path=path)

    def _emit_ended(self, error: Exception | None) -> None:
        if self._callbacks is not None:
            self._callbacks.emit(self.ended, self, error=error)
