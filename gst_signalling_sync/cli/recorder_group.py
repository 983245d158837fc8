"""`RecorderGroup`: several recorders of one session that start and stop together."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .. import RecordingError

if TYPE_CHECKING:
    from .. import Recorder, Session

__all__ = ["RecorderGroup", "files_of_all", "recorders_of_all"]


class RecorderGroup:
    """Several recorders with the interface of one.

    Args:
        recorders: One or more recorders.
    """

    def __init__(self, recorders: Sequence[Recorder]) -> None:
        self._recorders = recorders

    @property
    def is_recording(self) -> bool:
        """Whether all of them record."""
        return all(each.state == "recording" for each in self._recorders)

    @property
    def error(self) -> Exception | None:
        """The error of the first recorder that has one; None: there is no error."""
        return next((each.error for each in self._recorders if each.error is not None), None)

    @property
    def paths(self) -> list[Path]:
        """The files so far."""
        return [path for each in self._recorders for path in each.paths]

    @property
    def seconds(self) -> float:
        """Length of the longest recording."""
        return max(each.seconds for each in self._recorders)

    @property
    def size(self) -> int:
        """Bytes written."""
        return sum(each.size for each in self._recorders)

    @property
    def frames(self) -> int:
        """Frames written."""
        return sum(each.frames for each in self._recorders)

    @property
    def frames_dropped(self) -> int:
        """Video frames and audio packets that were dropped, because the disk or the re-encoding was too slow."""
        return sum(each.frames_dropped for each in self._recorders)

    @property
    def transcodes(self) -> list[str]:
        """The re-encodings, such as ``"VP8 to H264"``."""
        return list(dict.fromkeys(note for each in self._recorders for note in each.transcodes))

    def start(self) -> None:
        """Open the files and record, see `Recorder.start`."""
        for each in self._recorders:
            each.start()

    def close(self) -> None:
        """Complete the files.

        Raises:
            RecordingError: A recording failed; of several failures the first.
            WaitTimeout: The disk is too slow.
        """
        failure: RecordingError | None = None
        for each in self._recorders:
            try:
                each.close()
            except RecordingError as error:
                failure = failure or error
        if failure is not None:
            raise failure


def recorders_of_all(session: Session, file: Path, segment_seconds: float | None) -> list[Recorder]:
    """A recorder for each file of `files_of_all`.

    Args:
        session: The session to record.
        file: Its name is the prefix of the files: ``drive-wrist.mkv`` where it is ``drive.mkv``.
        segment_seconds: As in `Session.record`.

    Raises:
        TrackNotFound: The session has no tracks.
    """
    pairs = files_of_all([each.name for each in session.videos], [each.name for each in session.audios])
    if not pairs:
        # It raises that there are no tracks.
        return [session.record(file, segment_seconds=segment_seconds)]
    return [
        session.record(
            _named_after(file, video or audio or ""),
            segment_seconds=segment_seconds,
            video=video or False,
            audio=audio or False,
        )
        for video, audio in pairs
    ]


def files_of_all(videos: Sequence[str], audios: Sequence[str]) -> list[tuple[str | None, str | None]]:
    """The tracks of each file: a video track with the audio track of its name; of the rest, the first ones together.

    Args:
        videos: Names of the video tracks.
        audios: Names of the audio tracks.

    Returns:
        For each file the names of its video and its audio track; None: it has no such track.
    """
    others = [name for name in audios if name not in videos]
    first = next((name for name in videos if name not in audios), None)
    audio_of = {name: name for name in videos if name in audios}
    if first is not None and others:
        audio_of[first] = others.pop(0)
    return [*((name, audio_of.get(name)) for name in videos), *((None, name) for name in others)]


def _named_after(file: Path, track: str) -> Path:
    # The name of the track comes from the peer.
    harmless = re.sub(r"[^\w.+-]", "_", track)
    return file.with_name(f"{file.stem}-{harmless}{file.suffix}")
