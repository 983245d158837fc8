"""`Recording`: decides when a recording begins, and writes its frames to a file; used on a recorder's thread.

Nothing is written before the tracks can be placed relative to each other. Until then, and after a pause, frames are held, see
`HeldFrames`.

- If a track has frames but no place on the sender's clock, the time of arrival is used for all tracks.
- Audio may come at any time: every file of a session with audio tracks has these tracks, which begin with silence until then.
- A video track whose first frame comes after the beginning of the file is added then. If the kind of file does not allow that,
  a new file with the content so far is written beside it, and replaces it. MP4 then shows the first frame from the
  beginning.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from ....errors import RecordingError
from ..encoded_frame import EncodedFrame
from .container import Container
from .held_frames import HeldFrames
from .muxer import About, Muxer, Packet, RecordedMessage, Template, TrackLabel, audio_packets, template_of
from .recordable_track import RecordableTrack
from .recorded_tracks import RecordedAudio, RecordedTrack, RecordedVideo
from .recording_clock import RecordingClock, Zero
from .recording_file import RecordingFile

__all__ = ["KEYFRAME_SECONDS", "Recording"]

logger = logging.getLogger(__name__)

_MESSAGE_BYTES: Final = 256
"""Approximate memory of a message beside its content."""

KEYFRAME_SECONDS: Final = 1.0
"""Time between requests for a keyframe that a recording waits for; a request may be lost."""

_SILENCE: Final = Packet(b"\xfc\xff\xfe", 0.0, 0.02, True)
"""20 ms of silence in Opus."""

_HALF_SILENT: Final = 0.021
"""Seconds. Audio that begins later is preceded by `_SILENCE`, because MP4 puts the first packet at zero in any case."""


class Recording:
    """Places and writes frames; used by one thread. Any thread may read its counters.

    Args:
        file: The file, which the recording closes.
        container: The kind of file.
        tracks: One or more tracks, as many as the container holds. Each is identified by its place among them.
    """

    def __init__(self, file: RecordingFile, container: Container, tracks: Sequence[RecordableTrack]) -> None:
        self.frames = 0
        """Number of video frames written."""
        self._file = file
        self._container = container
        self._tracks = tracks
        self._about = About(0.0, tuple(TrackLabel(track.kind, track.name) for track in tracks))
        self._videos = self._about.numbers("video")
        # Whether frames are held: before the beginning, and after a pause.
        self._is_holding = True
        self._held = HeldFrames(tracks)
        self._held_messages: list[RecordedMessage] = []
        self._messages_dropped = 0
        # Video tracks of which no frame is taken before a keyframe, and when keyframes were last requested.
        self._need_keyframe = set(self._videos)
        self._asked_at = time.monotonic()
        # Video tracks that do not fit into the file.
        self._left_out: set[int] = set()
        self._recorded: list[RecordedTrack] = []
        self._muxer: Muxer | None = None

    @property
    def seconds(self) -> float:
        """Length of the recording so far, in seconds."""
        return 0.0 if self._muxer is None else self._muxer.seconds

    @property
    def size(self) -> int:
        """Number of bytes written."""
        return self._file.size

    @property
    def transcodes(self) -> tuple[str, ...]:
        """What was re-encoded, as ``"VP8 to H264"``."""
        return tuple(dict.fromkeys(note for track in self._recorded for note in track.transcodes))

    @property
    def frames_dropped(self) -> int:
        """Number of frames not re-encoded because that was too slow, and of messages dropped before the first frame."""
        return self._messages_dropped + sum(track.dropped for track in self._recorded)

    @property
    def has_begun(self) -> bool:
        """Whether the beginning of the recording is decided."""
        return self._muxer is not None

    @property
    def is_waiting(self) -> bool:
        """Whether `proceed` must be called even if no frame comes."""
        return bool(self._need_keyframe or self._held)

    def add(self, track: int, frame: EncodedFrame) -> None:
        """Add the next frame of a track.

        Raises:
            OSError: The file could not be written.
            av.FFmpegError: FFmpeg refused a packet.
        """
        if not self._is_holding:
            self._write(track, frame, time.monotonic())
            return
        if track in self._need_keyframe:
            if not frame.keyframe:
                return
            self._need_keyframe.discard(track)
        self._held.add(track, frame)
        # Many frames may be added in a row: audio that has waited long enough for video must not be left out.
        if self._muxer is not None and self._held.is_ready(frame.time):
            self._go_on()

    def add_message(self, message: RecordedMessage) -> None:
        """Add a message of a data channel. A message that waits for the file to begin does not make it begin.

        Raises:
            OSError: The file could not be written.
        """
        if self._muxer is not None:
            self._muxer.write_message(message)
        elif not self._held.is_full:
            self._held_messages.append(message)
            self._held.add_size(len(message.content) + _MESSAGE_BYTES)
        else:
            self._messages_dropped += 1

    def resume(self) -> None:
        """Go on after a pause: the next frames follow the last ones at once, each video track from a keyframe on.

        Raises:
            OSError: The file could not be written.
            av.FFmpegError: FFmpeg refused a packet.
        """
        self._release()
        if self._muxer is not None:
            self._is_holding = True
            self._need_keyframe = set(self._videos)
            self._asked_at = time.monotonic()

    def proceed(self, now: float) -> None:
        """Begin the file or go on after a pause, if it is time, and request keyframes if none came.

        Args:
            now: `time.monotonic`.

        Raises:
            OSError: The file could not be written.
            av.FFmpegError: FFmpeg refused a packet.
        """
        if self._need_keyframe and now - self._asked_at >= KEYFRAME_SECONDS:
            self._asked_at = now
            for track in self._need_keyframe:
                self._tracks[track].request_keyframe()
        if self._held.is_ready(now):
            self._release()

    def finish(self) -> None:
        """Write the held frames and the index, and close the file.

        Raises:
            RecordingError: There was nothing to record; there is no file.
            OSError: The file could not be written, and must be abandoned.
            av.FFmpegError: FFmpeg refused a packet; the file must be abandoned.
        """
        self._release()
        if self._muxer is None:
            self._file.discard()
            raise RecordingError("nothing to record came")
        self._muxer.close()
        self._file.close()

    def abandon(self) -> None:
        """Close the file at the end of what plays."""
        self._file.close()
        if self._muxer is not None:
            self._muxer.abandon()

    def _release(self) -> None:
        """Write the held frames, if there are any."""
        if not self._held:
            return
        if self._muxer is None:
            self._begin()
        else:
            self._go_on()

    def _begin(self) -> None:
        zero = self._held.zero()
        self._about = replace(self._about, began_at=_unix_time(zero))
        self._recorded = [self._recorded_track(track, zero) for track in self._tracks]
        began = time.monotonic()
        # The time that this takes does not make held frames late.
        packets = [
            (track, packet)
            for track, frame in self._held.take()
            for packet in self._recorded[track].packets(frame, frame.time + time.monotonic() - began)
        ]
        templates: dict[int, Template] = {}
        for track in self._videos:
            while track not in templates and (first := next((each for each in packets if each[0] == track), None)):
                template = self._template(track, first[1])
                if template is None:
                    packets.remove(first)
                else:
                    templates[track] = template
        self._need_keyframe = {track for track in self._videos if track not in templates}
        if not packets:
            return
        packets.sort(key=lambda each: each[1].time)
        self._muxer = self._container.muxer(self._file, templates, self._about)
        self._is_holding = False
        with_audio_at_once = {track for track, packet in packets if packet.time < _HALF_SILENT}
        for track in self._about.numbers("audio"):
            if track not in with_audio_at_once:
                self._muxer.write(track, _SILENCE)
        for track, packet in packets:
            self._mux(track, packet)
        held, self._held_messages = self._held_messages, []
        for message in held:
            self._muxer.write_message(message)

    def _go_on(self) -> None:
        """Go on after a pause, with a keyframe, or with audio if there is no video or no keyframe comes."""
        assert self._muxer is not None
        positions = {track: self._recorded[track].position(frame) for track, frame in self._held.firsts.items()}
        begin = min(positions[track] for track in self._held.leaders())
        # If each entry has its own time, the pause remains in the file.
        pause = 0.0 if self._container.has_times else begin - self._muxer.seconds
        for track in self._recorded:
            track.skip(pause)
        for number in self._videos:
            if number not in positions:
                self._recorded[number].await_keyframe()
        self._is_holding = False
        self._need_keyframe.clear()
        began = time.monotonic()
        # Audio captured before the beginning would lie before the last packet, and is left out.
        for number, frame in self._held.take():
            self._write(number, frame, frame.time + time.monotonic() - began)

    def _recorded_track(self, track: RecordableTrack, zero: Zero) -> RecordedTrack:
        clock = RecordingClock(zero, track.clock)
        if track.kind == "video":
            return RecordedVideo(clock, self._container.video, track.request_keyframe)
        return RecordedAudio(clock)

    def _template(self, track: int, packet: Packet) -> Template | None:
        return template_of(self._recorded[track].codec, packet.data) if packet.keyframe else None

    def _write(self, track: int, frame: EncodedFrame, now: float) -> None:
        assert self._muxer is not None
        for packet in self._recorded[track].packets(frame, now):
            if self._muxer.has(track) or self._is_added(track, packet):
                self._mux(track, packet)

    def _mux(self, track: int, packet: Packet) -> None:
        assert self._muxer is not None
        self._muxer.write(track, packet)
        self.frames += self._tracks[track].kind == "video"

    def _is_added(self, track: int, packet: Packet) -> bool:
        """Add a video track to the file, with its first keyframe."""
        assert self._muxer is not None
        template = None if track in self._left_out else self._template(track, packet)
        if template is None:
            return False
        self._need_keyframe.discard(track)
        if self._muxer.add_video(track, template):
            return True
        if any(map(self._muxer.has, self._videos)):
            self._left_out.add(track)
            logger.warning(
                "%s: video %r is left out: its parameter sets do not fit into the file",
                self._file.path,
                self._tracks[track].name,
            )
            return False
        self._replace_file(track, template)
        return True

    def _replace_file(self, track: int, template: Template) -> None:
        """Replace a file that has only audio by one with a video track."""
        assert self._muxer is not None
        self._muxer.close()
        self._file.close()
        path = self._file.path
        file = RecordingFile(path.with_name(f".{path.name}.part"))
        audios = self._about.numbers("audio")
        try:
            muxer = self._container.muxer(file, {track: template}, self._about)
            for stream, packet in audio_packets(path):
                muxer.write(audios[stream], packet)
            file.rename(path)
        except BaseException:
            file.discard()
            raise
        self._file, self._muxer = file, muxer


def _unix_time(zero: Zero) -> float:
    """Unix time of the beginning, by the sender's clock; by this machine's if that is not known."""
    return time.time() - (time.monotonic() - zero.arrival) if zero.capture is None else zero.capture
