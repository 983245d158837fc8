"""`Recording`: decides when a recording begins and what goes into its file, frame by frame; what a recorder's thread does.

Nothing is written before it is known how sound and picture lie to each other: frames are held until each track has sent
something that can be placed on the sender's clock. A track that does not within three seconds is not waited for any more.

- If a track has frames and no place on the sender's clock, arrival counts for both.
- Sound may come at any time: every file of a session that has an audio track has one, which begins with silence then.
- When the picture comes only after the file was begun, the file is begun anew beside it, with what it holds, and takes its
  place. MP4 shows the first picture from the beginning then.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final, Protocol

from ....errors import RecordingError
from ..encoded_frame import EncodedFrame, MediaKind
from .container import Container
from .muxer import About, Muxer, Packet, RecordedMessage, Template, audio_packets, template_of
from .recorded_tracks import RecordedAudio, RecordedVideo
from .recording_clock import CaptureClock, RecordingClock, Zero
from .recording_file import RecordingFile

__all__ = ["KEYFRAME_SECONDS", "RecordableTrack", "Recording"]

_HOLD_SECONDS: Final = 3.0
"""How long a track is waited for, and then its place on the sender's clock."""

_MAX_HELD: Final = 24 * 1024 * 1024
"""Bytes held at which nothing is waited for."""

_MESSAGE_BYTES: Final = 256
"""What a message takes of memory beside its own length, about."""

KEYFRAME_SECONDS: Final = 1.0
"""Between requests for a keyframe that a recording waits for; one may get lost."""

_SILENCE: Final = Packet(b"\xfc\xff\xfe", 0.0, 0.02, True)
"""20 ms of Opus."""

_HALF_SILENT: Final = 0.021
"""Seconds; sound that begins later begins with `_SILENCE`, because MP4 puts the first packet at zero in any case."""


class RecordableTrack(Protocol):
    """What a recorder needs of a `MediaReceiver`; every method may be called from any thread."""

    @property
    def name(self) -> str:
        """By which the session knows it."""

    @property
    def kind(self) -> str:
        """``"audio"`` or ``"video"``."""

    @property
    def clock(self) -> CaptureClock:
        """When frames were captured."""

    def add_tap(self, tap: Callable[[EncodedFrame], None]) -> None:
        """Have a function called on the loop with each frame, in the order of decoding; it must not block."""

    def remove_tap(self, tap: Callable[[EncodedFrame], None]) -> None:
        """End that."""

    def request_keyframe(self) -> None:
        """Ask the sender for a keyframe."""


class Recording:
    """What becomes of the frames; used by one thread, but for its counters, which any thread may read.

    Args:
        file: Where to; the recording closes it.
        container: The kind of file.
        tracks: One or both.
    """

    def __init__(self, file: RecordingFile, container: Container, tracks: Mapping[MediaKind, RecordableTrack]) -> None:
        self.frames = 0
        """Pictures written."""
        self._file = file
        self._container = container
        self._tracks = tracks
        self._held: list[tuple[MediaKind, EncodedFrame]] = []
        self._held_size = 0
        self._held_messages: list[RecordedMessage] = []
        self._messages_dropped = 0
        self._first_held: dict[MediaKind, EncodedFrame] = {}
        self._needs_keyframe = "video" in tracks
        self._asked_at = time.monotonic()
        self._video: RecordedVideo | None = None
        self._audio: RecordedAudio | None = None
        self._muxer: Muxer | None = None
        self._about = About(0.0, {kind: track.name for kind, track in tracks.items()})
        # After a pause, until there is a frame that the recording can go on with; sound waits for it.
        self._is_resuming = False
        self._sound_after_pause: list[EncodedFrame] = []

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
        tracks = (self._video, self._audio)
        return tuple(note for track in tracks if track is not None for note in track.transcodes)

    @property
    def frames_dropped(self) -> int:
        """Frames that were not re-encoded because that took too long, and messages that waited in vain for a first frame."""
        return self._messages_dropped + (0 if self._video is None else self._video.dropped)

    @property
    def is_waiting(self) -> bool:
        """Whether `proceed` has something to do even when no frame comes."""
        return self._needs_keyframe or bool(self._held)

    def add(self, kind: MediaKind, frame: EncodedFrame) -> None:
        """Take the next frame of a track.

        Raises:
            OSError: The file could not be written.
            av.FFmpegError: FFmpeg refused a packet.
        """
        if self._is_resuming:
            self._go_on(kind, frame)
            return
        if self._muxer is not None:
            self._write(kind, frame)
            return
        if kind == "video" and self._needs_keyframe:
            if not frame.keyframe:
                return
            self._needs_keyframe = False
        self._first_held.setdefault(kind, frame)
        self._held.append((kind, frame))
        self._held_size += len(frame.data)

    def add_message(self, message: RecordedMessage) -> None:
        """Take a message of a data channel; one that waits for the file to begin makes it begin no sooner.

        Raises:
            OSError: The file could not be written.
        """
        if self._muxer is not None:
            self._muxer.write_message(message)
        elif self._held_size <= _MAX_HELD:
            self._held_messages.append(message)
            self._held_size += len(message.content) + _MESSAGE_BYTES
        else:
            self._messages_dropped += 1

    def resume(self) -> None:
        """Have what comes next follow at once on what was written, from a keyframe on, because there was a pause.

        Raises:
            OSError: The file could not be written.
            av.FFmpegError: FFmpeg refused a packet.
        """
        if self._muxer is None and self._held:
            self._begin()
        if self._muxer is not None:
            self._is_resuming = True
            self._sound_after_pause.clear()
            self._needs_keyframe = self._video is not None
            self._asked_at = time.monotonic()

    def proceed(self, now: float) -> None:
        """Begin the file if it is time, and ask for a keyframe if none came.

        Args:
            now: `time.monotonic`.

        Raises:
            OSError: The file could not be written.
            av.FFmpegError: FFmpeg refused a packet.
        """
        if self._needs_keyframe and now - self._asked_at >= KEYFRAME_SECONDS:
            self._asked_at = now
            self._tracks["video"].request_keyframe()
        if self._muxer is None and self._held and self._is_ready(now):
            self._begin()

    def finish(self) -> None:
        """Write what is held, the index, and close the file.

        Raises:
            RecordingError: There was nothing to record; there is no file.
            OSError: The file could not be written; it is to be abandoned.
            av.FFmpegError: FFmpeg refused a packet; likewise.
        """
        if self._muxer is None and self._held:
            self._begin()
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

    def _go_on(self, kind: MediaKind, frame: EncodedFrame) -> None:
        """Go on after a pause, with a keyframe, or with sound where there is no video or none comes."""
        assert self._muxer is not None
        waiting = self._sound_after_pause
        if kind == "audio":
            waiting.append(frame)
            if self._video is not None and frame.time - waiting[0].time < _HOLD_SECONDS:
                return
        elif not frame.keyframe:
            return
        first = frame if kind == "video" else waiting[0]
        track = self._video if kind == "video" else self._audio
        assert track is not None
        # Where each entry has a time of its own, a pause stays one.
        pause = 0.0 if self._container.has_times else track.position(first) - self._muxer.seconds
        self._is_resuming = self._needs_keyframe = False
        for each in (self._video, self._audio):
            if each is not None:
                each.skip(pause)
        if kind == "video":
            self._write(kind, frame)
        elif self._video is not None:
            self._video.await_keyframe()
        self._sound_after_pause = []
        # What was captured before the frame that the recording goes on with lies before what was written, and is left out.
        for sound in waiting:
            self._write("audio", sound)

    def _is_ready(self, now: float) -> bool:
        now = max(now, self._held[-1][1].time)
        waited = now - self._held[0][1].time
        if self._held_size > _MAX_HELD or waited >= 2 * _HOLD_SECONDS:
            return True
        for kind, track in self._tracks.items():
            first = self._first_held.get(kind)
            if first is None:
                if waited < _HOLD_SECONDS:
                    return False
            elif track.clock.seconds(first.timestamp) is None and now - first.time < _HOLD_SECONDS:
                return False
        return True

    def _begin(self) -> None:
        zero = self._zero()
        self._about = replace(self._about, began_at=_unix_time(zero))
        self._open_tracks(zero)
        began = time.monotonic()
        # What was held is not late for that.
        packets = [
            (kind, packet)
            for kind, frame in self._held
            for packet in self._packets(kind, frame, frame.time + time.monotonic() - began)
        ]
        self._held, self._held_size, self._first_held = [], 0, {}
        template = None
        while template is None and (video := next((each for each in packets if each[0] == "video"), None)):
            template = self._template(video[1])
            if template is None:
                packets.remove(video)
        self._needs_keyframe = template is None and "video" in self._tracks
        if not packets:
            return
        packets.sort(key=lambda each: each[1].time)
        self._muxer = self._container.muxer(self._file, template, self._audio is not None, self._about)
        begins_with_sound = any(kind == "audio" and packet.time < _HALF_SILENT for kind, packet in packets)
        if self._audio is not None and not begins_with_sound:
            self._muxer.write("audio", _SILENCE)
        for kind, packet in packets:
            self._mux(kind, packet)
        held, self._held_messages = self._held_messages, []
        for message in held:
            self._muxer.write_message(message)

    def _zero(self) -> Zero:
        kind, first = next((each for each in self._held if each[0] == "video"), self._held[0])
        captures = {kind: self._tracks[kind].clock.seconds(frame.timestamp) for kind, frame in self._first_held.items()}
        return Zero(first.time, None if None in captures.values() else captures[kind])

    def _open_tracks(self, zero: Zero) -> None:
        if "video" in self._tracks:
            track = self._tracks["video"]
            clock = RecordingClock(zero, track.clock)
            self._video = RecordedVideo(clock, self._container.video, track.request_keyframe)
        if "audio" in self._tracks:
            self._audio = RecordedAudio(RecordingClock(zero, self._tracks["audio"].clock))

    def _packets(self, kind: MediaKind, frame: EncodedFrame, now: float) -> list[Packet]:
        if kind == "video":
            return [] if self._video is None else self._video.packets(frame, now)
        return [] if self._audio is None else self._audio.packets(frame)

    def _template(self, packet: Packet) -> Template | None:
        assert self._video is not None
        return template_of(self._video.codec, packet.data) if packet.keyframe else None

    def _write(self, kind: MediaKind, frame: EncodedFrame) -> None:
        assert self._muxer is not None
        for packet in self._packets(kind, frame, time.monotonic()):
            if kind == "video" and not self._muxer.has_video:
                template = self._template(packet)
                if template is None:
                    continue
                self._add_video(template)
            self._mux(kind, packet)

    def _mux(self, kind: MediaKind, packet: Packet) -> None:
        assert self._muxer is not None
        self._muxer.write(kind, packet)
        self.frames += kind == "video"

    def _add_video(self, template: Template) -> None:
        assert self._muxer is not None
        self._needs_keyframe = False
        if self._muxer.add_video(template):
            return
        self._muxer.close()
        self._file.close()
        path = self._file.path
        file = RecordingFile(path.with_name(f".{path.name}.part"))
        try:
            muxer = self._container.muxer(file, template, True, self._about)
            for packet in audio_packets(path):
                muxer.write("audio", packet)
            file.rename(path)
        except BaseException:
            file.discard()
            raise
        self._file, self._muxer = file, muxer


def _unix_time(zero: Zero) -> float:
    """When the recording begins, by the sender's clock; by this machine's where that is not known."""
    return time.time() - (time.monotonic() - zero.arrival) if zero.capture is None else zero.capture
