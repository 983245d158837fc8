"""`Segments`: a recording in several files, each of which plays by itself; used on a recorder's thread.

The next file begins with the first keyframe after the segment's time. Each video track continues in the next file with its own
first keyframe from there on, and stays in the previous file until then. Audio is divided by its capture time, at the keyframe
with which the next file begins: audio between the segment's time and that keyframe is held until its file is known, and audio
that arrives late still goes into the previous file. So no frame is lost, and the files together are the recording in one file.
A file is finished when no track has frames for it; a track that has fallen silent is not waited for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from ..encoded_frame import EncodedFrame, MediaKind
from .muxer import RecordedMessage
from .recordable_track import RecordableTrack
from .recording import KEYFRAME_SECONDS, Recording

__all__ = ["Segments", "segment_path"]

_HOLD_SECONDS: Final = 3.0
"""How long audio is held for a keyframe."""

_SILENCE_SECONDS: Final[dict[MediaKind, float]] = {"audio": 1.0, "video": 3.0}
"""How long a file is kept open for a silent track. Longer for video, whose few frames per second may await a requested
keyframe."""


class _Written(NamedTuple):
    """Totals of written files, as in `Recording`."""

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


@dataclass(eq=False)
class _Segment:
    """A file that is not finished.

    Attributes:
        recording: Writes the file.
        path: The file's path.
        arrival: Time of arrival of its first frame, from `time.monotonic`.
        capture: Capture time of its first frame, by the sender's clock; None: not known.
    """

    recording: Recording
    path: Path
    arrival: float = 0.0
    capture: float | None = None


class Segments:
    """Places and writes frames; used by one thread. Any thread may read its counters.

    Args:
        path: The path after which the files are named, see `segment_path`.
        seconds: Length in seconds after which the next file begins.
        tracks: One or more tracks; each is identified by its place among them.
        open_recording: Opens a file.
        on_finished: Called with each file that is finished.

    Raises:
        OSError: The first file cannot be opened.
    """

    def __init__(
        self,
        path: Path,
        seconds: float,
        tracks: Sequence[RecordableTrack],
        open_recording: Callable[[Path], Recording],
        on_finished: Callable[[Path], None],
    ) -> None:
        self._path = path
        self._seconds = seconds
        self._tracks = tracks
        self._videos = [track for track in tracks if track.kind == "video"]
        self._open_recording = open_recording
        self._on_finished = on_finished
        self._paths: tuple[Path, ...] = (segment_path(path, 0),)
        # Unfinished files, the newest last. For each track: its present file, and when it was last heard.
        self._open = [_Segment(open_recording(self._paths[0]), self._paths[0])]
        self._places = [self._open[0]] * len(tracks)
        self._heard = [0.0] * len(tracks)
        # Totals of the finished files, and the other recordings. Replaced as a whole, so that any thread counts each of them
        # once.
        self._counted: tuple[_Written, tuple[Recording, ...]] = (_Written(), (self._open[0].recording,))
        # Whether the next keyframe begins a file, when one was last requested, and the audio that waits for it.
        self._is_due = False
        self._asked_at = 0.0
        self._held: list[tuple[int, EncodedFrame]] = []

    @property
    def paths(self) -> tuple[Path, ...]:
        """Paths of the files, in the order of their beginnings."""
        return self._paths

    @property
    def seconds(self) -> float:
        """Length of the recording so far, in seconds."""
        return self._written.seconds

    @property
    def size(self) -> int:
        """Number of bytes written."""
        return self._written.size

    @property
    def frames(self) -> int:
        """Number of video frames written."""
        return self._written.frames

    @property
    def frames_dropped(self) -> int:
        """Number of frames not re-encoded because that was too slow."""
        return self._written.frames_dropped

    @property
    def transcodes(self) -> tuple[str, ...]:
        """What was re-encoded, as ``"VP8 to H264"``."""
        return self._written.transcodes

    @property
    def is_waiting(self) -> bool:
        """Whether `proceed` must be called even if no frame comes."""
        return self._is_due or len(self._open) > 1 or self._current.is_waiting

    def add(self, track: int, frame: EncodedFrame) -> None:
        """Add the next frame of a track.

        Raises:
            OSError: A file could not be written, or the next one could not be opened.
            av.FFmpegError: FFmpeg refused a packet.
        """
        self._heard[track] = frame.time
        is_video = self._tracks[track].kind == "video"
        if self._is_due and (frame.keyframe if is_video else not self._videos):
            self._begin_next(track, frame)
        elif self._is_due and not is_video:
            self._hold(track, frame)
        else:
            self._add(track, frame)
        # Many frames may be taken at once; a file must get only its own.
        if self._current.is_waiting:
            self._current.proceed(frame.time)
        self._leave_silent(frame.time)
        if not self._is_due and self._current.seconds >= self._seconds:
            self._is_due = True
            self._ask(frame.time)

    def add_message(self, message: RecordedMessage) -> None:
        """Add a message of a data channel.

        Raises:
            OSError: The file could not be written.
        """
        self._current.add_message(message)

    def resume(self) -> None:
        """Go on after a pause, as `Recording.resume` does.

        Raises:
            OSError: A file could not be written.
            av.FFmpegError: FFmpeg refused a packet.
        """
        self._release()
        self._finish_previous()
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
        self._leave_silent(now)
        self._current.proceed(now)

    def finish(self) -> None:
        """Finish all files.

        Raises:
            RecordingError: There was nothing to record; there is no file.
            OSError: A file could not be written; all must be abandoned.
            av.FFmpegError: FFmpeg refused a packet; all files must be abandoned.
        """
        self._release()
        self._finish_previous()
        self._current.finish()
        self._on_finished(self._paths[-1])

    def abandon(self) -> None:
        """Close the files at the end of what plays."""
        for each in self._counted[1]:
            each.abandon()

    @property
    def _current(self) -> Recording:
        return self._open[-1].recording

    @property
    def _written(self) -> _Written:
        written, others = self._counted
        for each in others:
            written = written.with_those_of(each)
        return written

    def _ask(self, now: float) -> None:
        self._asked_at = now
        for video in self._videos:
            video.request_keyframe()

    def _add(self, track: int, frame: EncodedFrame) -> None:
        before = self._places[track]
        place = self._places[track] = self._place(track, frame)
        place.recording.add(track, frame)
        if place is not before:
            self._finish_left()

    def _place(self, track: int, frame: EncodedFrame) -> _Segment:
        """The file of a frame: its track's present one, or a later one."""
        place = self._places[track]
        is_video = self._tracks[track].kind == "video"
        for later in self._open[self._open.index(place) + 1 :]:
            # A late video frame may begin a file with an earlier capture time, as long as the file's beginning is not decided.
            is_decided = not is_video or later.recording.has_begun
            if frame.keyframe and not (is_decided and self._precedes(track, frame, later)):
                place = later
        return place

    def _precedes(self, track: int, frame: EncodedFrame, segment: _Segment) -> bool:
        """Whether a frame was captured before the beginning of a file."""
        captured = self._tracks[track].clock.seconds(frame.timestamp)
        if captured is None or segment.capture is None:
            return frame.time < segment.arrival
        return captured < segment.capture

    def _hold(self, track: int, frame: EncodedFrame) -> None:
        self._held.append((track, frame))
        if frame.time - self._held[0][1].time > _HOLD_SECONDS:
            # The sender may make no keyframes on request.
            self._release()

    def _release(self) -> None:
        held, self._held = self._held, []
        for track, frame in held:
            self._add(track, frame)

    def _begin_next(self, track: int, frame: EncodedFrame) -> None:
        path = segment_path(self._path, len(self._paths))
        try:
            recording = self._open_recording(path)
        except OSError:
            # Finish the files that there are.
            self.finish()
            raise
        self._is_due = False
        captured = self._tracks[track].clock.seconds(frame.timestamp)
        self._open.append(_Segment(recording, path, frame.time, captured))
        self._paths = (*self._paths, path)
        written, others = self._counted
        self._counted = written, (*others, recording)
        self._add(track, frame)
        self._release()

    def _leave_silent(self, now: float) -> None:
        """Move silent tracks to the newest file, as far as others wait for them."""
        newest = self._open[-1]
        if len(self._open) == 1:
            return
        for number, track in enumerate(self._tracks):
            silent_since = max(self._heard[number], newest.arrival)
            if self._places[number] is not newest and now - silent_since >= _SILENCE_SECONDS[track.kind]:
                self._places[number] = newest
        self._finish_left()

    def _finish_left(self) -> None:
        """Finish the files that no track is in any more."""
        for segment in self._open[:-1]:
            if segment not in self._places:
                self._finish(segment)

    def _finish_previous(self) -> None:
        """Finish all files but the newest one, in which all tracks continue."""
        self._places = [self._open[-1]] * len(self._tracks)
        self._finish_left()

    def _finish(self, segment: _Segment) -> None:
        self._open.remove(segment)
        recording = segment.recording
        recording.finish()
        written, others = self._counted
        self._counted = written.with_those_of(recording), tuple(each for each in others if each is not recording)
        self._on_finished(segment.path)


def segment_path(path: Path, number: int) -> Path:
    """Path of a segment: ``drive-000.mkv`` is the first one of ``drive.mkv``."""
    return path.with_stem(f"{path.stem}-{number:03}")
