"""`Recording`: decides when a recording begins and what goes into its file, frame by frame; what a recorder's thread does.

Nothing is written before it is known how the tracks lie to each other: frames are held until then, see `HeldFrames`, and so
they are after a pause.

- If a track has frames and no place on the sender's clock, arrival counts for all.
- Sound may come at any time: every file of a session that has audio tracks has these, and they begin with silence then.
- A video of which nothing came before the file was begun takes its place in it when it comes. Where the kind of file does not
  allow that, the file is begun anew beside it, with what it holds, and takes its place. MP4 shows the first frame from the
  beginning then.
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
"""What a message takes of memory beside its own length, about."""

KEYFRAME_SECONDS: Final = 1.0
"""Between requests for a keyframe that a recording waits for; one may get lost."""

_SILENCE: Final = Packet(b"\xfc\xff\xfe", 0.0, 0.02, True)
"""20 ms of Opus."""

_HALF_SILENT: Final = 0.021
"""Seconds; sound that begins later begins with `_SILENCE`, because MP4 puts the first packet at zero in any case."""


class Recording:
    """What becomes of the frames; used by one thread, but for its counters, which any thread may read.

    Args:
        file: Where to; the recording closes it.
        container: The kind of file.
        tracks: One or more, as many as the container holds. Each is known by its place among them.
    """

    def __init__(self, file: RecordingFile, container: Container, tracks: Sequence[RecordableTrack]) -> None:
        self.frames = 0
        """Frames of video written."""
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
        # The videos of which nothing is taken before a keyframe, and when these were last asked for.
        self._need_keyframe = set(self._videos)
        self._asked_at = time.monotonic()
        # The videos that the file has no room for.
        self._left_out: set[int] = set()
        self._recorded: list[RecordedTrack] = []
        self._muxer: Muxer | None = None

    @property
    def seconds(self) -> float:
        """Length of what was written."""
        return 0.0 if self._muxer is None else self._muxer.seconds

    @property
    def size(self) -> int:
        """Bytes written."""
        return self._file.size

    @property
    def transcodes(self) -> tuple[str, ...]:
        """What was re-encoded, as ``"VP8 to H264"``."""
        return tuple(dict.fromkeys(note for track in self._recorded for note in track.transcodes))

    @property
    def frames_dropped(self) -> int:
        """Frames that were not re-encoded because that took too long, and messages that waited in vain for a first frame."""
        return self._messages_dropped + sum(track.dropped for track in self._recorded)

    @property
    def has_begun(self) -> bool:
        """Whether it is decided where the recording begins."""
        return self._muxer is not None

    @property
    def is_waiting(self) -> bool:
        """Whether `proceed` has something to do even when no frame comes."""
        return bool(self._need_keyframe or self._held)

    def add(self, track: int, frame: EncodedFrame) -> None:
        """Take the next frame of a track.

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
        # Many frames may be taken at once, and sound that waits for a video no longer than it may is not left out.
        if self._muxer is not None and self._held.is_ready(frame.time):
            self._go_on()

    def add_message(self, message: RecordedMessage) -> None:
        """Take a message of a data channel; one that waits for the file to begin makes it begin no sooner.

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
        """Have what comes next follow at once on what was written, each video from a keyframe on, because there was a pause.

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
        """Begin the file if it is time, or go on after a pause, and ask for keyframes if none came.

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
        """Write what is held, the index, and close the file.

        Raises:
            RecordingError: There was nothing to record; there is no file.
            OSError: The file could not be written; it is to be abandoned.
            av.FFmpegError: FFmpeg refused a packet; likewise.
        """
        self._release()
        if self._muxer is None:
            self._file.discard()
            raise RecordingError("nothing to record came")
        self._muxer.close()
        self._file.close()

    def abandon(self) -> None:
        """Leave the file as far as it plays."""
        self._file.close()
        if self._muxer is not None:
            self._muxer.abandon()

    def _release(self) -> None:
        """Write what is held, if anything is."""
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
        # What was held is not late for that.
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
        begin_with_sound = {track for track, packet in packets if packet.time < _HALF_SILENT}
        for track in self._about.numbers("audio"):
            if track not in begin_with_sound:
                self._muxer.write(track, _SILENCE)
        for track, packet in packets:
            self._mux(track, packet)
        held, self._held_messages = self._held_messages, []
        for message in held:
            self._muxer.write_message(message)

    def _go_on(self) -> None:
        """Go on after a pause, with a keyframe, or with sound where there is no video or none comes."""
        assert self._muxer is not None
        positions = {track: self._recorded[track].position(frame) for track, frame in self._held.firsts.items()}
        begin = min(positions[track] for track in self._held.leaders())
        # Where each entry has a time of its own, a pause stays one.
        pause = 0.0 if self._container.has_times else begin - self._muxer.seconds
        for track in self._recorded:
            track.skip(pause)
        for number in self._videos:
            if number not in positions:
                self._recorded[number].await_keyframe()
        self._is_holding = False
        self._need_keyframe.clear()
        began = time.monotonic()
        # Sound that was captured before that lies before what was written, and is left out.
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
        """Add a video to the file, with its first keyframe."""
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
                "%s: video %r is left out, whose parameters are too large", self._file.path, self._tracks[track].name
            )
            return False
        self._begin_anew(track, template)
        return True

    def _begin_anew(self, track: int, template: Template) -> None:
        """Put a file with a video in the place of one that has sound alone."""
        assert self._muxer is not None
        self._muxer.close()
        self._file.close()
        path = self._file.path
        file = RecordingFile(path.with_name(f".{path.name}.part"))
        sounds = self._about.numbers("audio")
        try:
            muxer = self._container.muxer(file, {track: template}, self._about)
            for stream, packet in audio_packets(path):
                muxer.write(sounds[stream], packet)
            file.rename(path)
        except BaseException:
            file.discard()
            raise
        self._file, self._muxer = file, muxer


def _unix_time(zero: Zero) -> float:
    """When the recording begins, by the sender's clock; by this machine's where that is not known."""
    return time.time() - (time.monotonic() - zero.arrival) if zero.capture is None else zero.capture
