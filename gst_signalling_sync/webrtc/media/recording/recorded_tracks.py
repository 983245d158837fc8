"""`RecordedVideo`, `RecordedAudio`: place a track's frames in a recording, and re-encode them if needed."""

from __future__ import annotations

import abc
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import av

from ..codecs import AUDIO, VIDEO
from ..encoded_frame import AUDIO_CLOCK_RATE, VIDEO_CLOCK_RATE, EncodedFrame
from ..failures import DecodingError
from .muxer import Packet
from .recording_clock import RecordingClock
from .transcoder import AudioTranscoder, VideoTranscoder

__all__ = ["RecordedAudio", "RecordedTrack", "RecordedVideo", "opus_seconds"]

_MIN_STEP: Final = 0.00125
"""Minimum step in seconds between packets of a track; Matroska counts whole milliseconds."""

_MAX_BEHIND_SECONDS: Final = 2.0
"""Maximum delay of a frame that is re-encoded: a peer may send frames that take longer to re-encode than to send."""

_USUAL_DURATION: Final = 1 / 30
_MAX_DURATION: Final = 0.5


class RecordedTrack(abc.ABC):
    """A track of a recording; used by one thread.

    Args:
        clock: Positions its frames.
    """

    def __init__(self, clock: RecordingClock) -> None:
        self.codec = ""
        """The codec in the file; empty: not known yet."""
        self.dropped = 0
        """Number of frames not re-encoded because that was too slow."""
        self.transcodes: list[str] = []
        """What was re-encoded, as ``"VP8 to H264"``."""
        self._clock = clock

    @abc.abstractmethod
    def position(self, frame: EncodedFrame) -> float:
        """Position of the next frame, in seconds from the beginning of the recording."""

    @abc.abstractmethod
    def packets(self, frame: EncodedFrame, now: float) -> list[Packet]:
        """The packets of the file for the next frame.

        Args:
            frame: The next frame in decoding order.
            now: Time on the clock of `EncodedFrame.time`.
        """

    def skip(self, seconds: float) -> None:
        """Leave out a number of seconds, in which the recording was paused."""
        self._clock.skip(seconds)

    def await_keyframe(self) -> None:  # noqa: B027 - audio has no keyframes
        """Leave out frames up to the next keyframe, because frames to which they refer are missing."""


class RecordedVideo(RecordedTrack):
    """A video track of a recording.

    Args:
        clock: Positions its frames.
        codecs: The codecs that the file can hold. The first keyframe decides: its own codec if it is among them, else the first
            of them. Frames of another codec are re-encoded to that codec.
        request_keyframe: Called if frames are left out until a keyframe comes.
    """

    def __init__(self, clock: RecordingClock, codecs: tuple[str, ...], request_keyframe: Callable[[], object]) -> None:
        super().__init__(clock)
        self._codecs = codecs
        self._request_keyframe = request_keyframe
        self._source = ""
        self._transcoder: VideoTranscoder | None = None
        self._time: float | None = None
        self._next_time = 0.0
        self._duration = _USUAL_DURATION

    def position(self, frame: EncodedFrame) -> float:
        """Position of the next frame, in seconds from the beginning of the recording."""
        return self._clock.position(frame, VIDEO_CLOCK_RATE)

    def await_keyframe(self) -> None:
        """Leave out frames up to the next keyframe, because frames to which they refer are missing."""
        self._source = ""

    def packets(self, frame: EncodedFrame, now: float) -> list[Packet]:
        """The packets of the file for the next frame.

        Args:
            frame: The next frame in decoding order.
            now: Time on the clock of `EncodedFrame.time`. A frame that waited for more than 2 s is not re-encoded.

        Returns:
            One packet. Empty before a keyframe, and after a frame to re-encode that was damaged or too late.
        """
        if frame.codec not in VIDEO or not frame.data:
            return []
        time = self._place(frame)
        if self._is_reencoded(frame.codec) and now - frame.time > _MAX_BEHIND_SECONDS:
            self.dropped += 1
            self._source = ""
            self._request_keyframe()
            return []
        if frame.keyframe and frame.codec != self._source:
            self._set_codec(frame.codec)
        if frame.codec != self._source:
            self._request_keyframe()
            return []
        if self._transcoder is None:
            return [Packet(frame.data, time, self._duration, frame.keyframe)]
        try:
            return self._transcoder.transcode(frame, time, self._duration)
        except (av.FFmpegError, DecodingError):
            # Leave out frames until the next keyframe, for which a new decoder is made.
            self._source = ""
            return []

    def _is_reencoded(self, codec: str) -> bool:
        return codec != self.codec if self.codec else codec not in self._codecs

    def _set_codec(self, codec: str) -> None:
        self.codec = self.codec or (codec if codec in self._codecs else self._codecs[0])
        self._source = codec
        self._transcoder = None
        if codec != self.codec:
            self._transcoder = VideoTranscoder(self.codec)
            _note(self.transcodes, f"{codec} to {self.codec}")

    def _place(self, frame: EncodedFrame) -> float:
        time = max(self.position(frame), self._next_time)
        if self._time is not None:
            self._duration = min(time - self._time, _MAX_DURATION)
        self._time = time
        self._next_time = time + _MIN_STEP
        return time


class RecordedAudio(RecordedTrack):
    """An audio track of a recording.

    Args:
        clock: Positions its packets.
    """

    def __init__(self, clock: RecordingClock) -> None:
        super().__init__(clock)
        self._transcoder: AudioTranscoder | None = None
        self._next_time = 0.0

    def position(self, frame: EncodedFrame) -> float:
        """Position of the next frame, in seconds from the beginning of the recording."""
        codec = AUDIO.get(frame.codec)
        return self._clock.position(frame, AUDIO_CLOCK_RATE if codec is None else codec.clock_rate)

    def packets(self, frame: EncodedFrame, now: float) -> list[Packet]:
        """The packets of the file for the next frame, in Opus.

        Args:
            frame: The next frame in order.
            now: Not used: audio is re-encoded fast enough.

        Returns:
            Packets that begin neither before the recording nor before the last one.
        """
        codec = AUDIO.get(frame.codec)
        if codec is None or not frame.data:
            # Comfort noise and telephone events come on the same track.
            return []
        time = self.position(frame)
        packets = []
        for packet in self._in_opus(frame, time):
            if packet.time >= self._next_time - _MIN_STEP:
                placed = replace(packet, time=max(packet.time, self._next_time))
                self._next_time = placed.time + _MIN_STEP
                packets.append(placed)
        return packets

    def _in_opus(self, frame: EncodedFrame, time: float) -> list[Packet]:
        if AUDIO[frame.codec].is_recorded:
            return [Packet(frame.data, time, opus_seconds(frame.data), True)]
        if self._transcoder is None:
            self._transcoder = AudioTranscoder()
        _note(self.transcodes, f"{frame.codec} to opus")
        try:
            return self._transcoder.transcode(frame, time)
        except av.FFmpegError:
            return []


def opus_seconds(packet: bytes) -> float:
    """Duration of an Opus packet (RFC 6716 section 3.1).

    Args:
        packet: The packet, at least one byte.

    Returns:
        The duration in seconds, 0.0025 to 0.12.
    """
    configuration, code = packet[0] >> 3, packet[0] & 3
    if configuration < 12:
        seconds = (0.01, 0.02, 0.04, 0.06)[configuration & 3]
    elif configuration < 16:
        seconds = (0.01, 0.02)[configuration & 1]
    else:
        seconds = (0.0025, 0.005, 0.01, 0.02)[configuration & 3]
    frames = (1, 2, 2, packet[1] & 0x3F if len(packet) > 1 else 1)[code]
    return min(max(1, frames) * seconds, 0.12)


def _note(notes: list[str], note: str) -> None:
    if note not in notes:
        notes.append(note)
