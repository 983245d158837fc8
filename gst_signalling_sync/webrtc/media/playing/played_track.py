"""`PlayedTrack`: turns the packets of one input stream into timed items for a source."""

from __future__ import annotations

import logging
import math
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Protocol

import av
import numpy as np
from av.audio.stream import AudioStream
from av.stream import Stream
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from ....errors import MediaError
from ..codecs.opus import samples_of
from ..encoded_frame import AUDIO_CLOCK_RATE
from ..failures import Failures
from ..ffmpeg_in_children import keep_in_child
from ..sending.audio_source import AudioSource
from ..sending.controlled_track import feed_of
from ..sending.encoded_video_source import EncodedVideoSource
from ..sending.video_source import VideoSource
from .media_input import Span
from .passing import AccessUnits, codec_passed

__all__ = ["Item", "PassedAudio", "PassedVideo", "PlayedAudio", "PlayedTrack", "PlayedVideo"]

logger = logging.getLogger(__name__)

_CHUNK_SECONDS: Final = 0.025
"""Maximum length of a piece of audio: a packet of some codecs lasts seconds, too long a delay for listeners."""

_MAX_JUMP: Final = 60.0
"""Maximum jump of timestamps if the input does not say how long it is."""

_MAX_STEP_BACK: Final = 1.0

_GAP_SECONDS: Final = 0.04
"""Timestamps of audio that differ by less from the end of the last packet are taken as rounded."""


@dataclass(frozen=True, slots=True)
class Item:
    """A frame or a piece of audio.

    Attributes:
        content: The argument for the source's `write`.
        start: Begin in seconds on the input's clock.
        end: End in seconds on the input's clock.
        due: When the item is written: a frame at its start; audio at its end, like that of a microphone.
    """

    content: Any
    start: float
    end: float
    due: float


class PlayedInto(Protocol):
    """The source of a track."""

    def write(self, content: Any, /, *, captured: float | None = None) -> None:
        """Take a frame or a piece of audio."""


class PlayedTrack(ABC):
    """Decodes one stream, or passes it on unchanged, once. Used by the player's thread.

    Args:
        name: Name of the input, for messages.
        stream: A stream of the input.
        source: The source to write to.
        span: The range of the input's timestamps.
    """

    is_audio: ClassVar[bool] = False

    def __init__(self, name: str, stream: Stream, source: PlayedInto, span: Span) -> None:
        keep_in_child(self)
        self._stream = stream
        self._source = source
        self._shift = 0.0
        self._expected = span.begin
        self._longest_jump = max(span.seconds, _MAX_JUMP)
        self._failures = Failures(logger, lambda: name, (av.FFmpegError, ValueError), logging.WARNING)
        self.packets: deque[av.Packet[Stream]] = deque()
        self.items: deque[Item] = deque()
        self.written = 0

    def decode(self, packet: av.Packet[Stream]) -> None:
        """Append the items of a packet to `items`. Packets that cannot be decoded are left out, and logged."""
        try:
            self.items.extend(self._decode(packet))
        except Exception as error:  # noqa: BLE001 - reported; the next packet may be better
            self._failures.add(f"decode some of its {self._stream.type}", error, time.monotonic())

    def write(self, captured: float | None = None) -> None:
        """Write the first item to the source.

        Args:
            captured: Time of its start, from `time.monotonic`. Defaults to None: it has just come.
        """
        try:
            self._source.write(self.items.popleft().content, captured=captured)
            self.written += 1
        except Exception as error:  # noqa: BLE001 - reported; the next item may be better
            self._failures.add(f"send some of its {self._stream.type}", error, time.monotonic())

    @abstractmethod
    def _decode(self, packet: av.Packet[Stream]) -> Iterator[Item]:
        """The items of a packet; of the empty one at the end, those left in the decoder."""

    def _place(self, time: float | None) -> float:
        """The start of an item: its timestamp if that is plausible, else the end of the item before.

        A stream that was cut together from several begins to count again, and a damaged one may count arbitrarily.
        """
        if self._expected is None:
            return 0.0 if time is None else time
        if time is None:
            return self._expected
        if not -_MAX_STEP_BACK < time + self._shift - self._expected < self._longest_jump:
            self._shift = self._expected - time
        return time + self._shift


class PlayedVideo(PlayedTrack):
    """A video stream that is decoded.

    Args:
        name: Name of the input, for messages.
        stream: A stream of the input.
        source: The source to write to.
        span: The range of the input's timestamps.
        size: Width and height in pixels to which frames are scaled. Defaults to None: not scaled.
    """

    def __init__(
        self, name: str, stream: VideoStream, source: VideoSource, span: Span, size: tuple[int, int] | None = None
    ) -> None:
        super().__init__(name, stream, source, span)
        # The stream's rate, since the source may take fewer frames.
        self._interval = float(1 / (stream.average_rate or source.fps))
        self._size = size
        self._reformatter = VideoReformatter()

    def _decode(self, packet: av.Packet[Stream]) -> Iterator[Item]:
        for frame in packet.decode():
            assert isinstance(frame, av.VideoFrame)
            start = self._place(frame.time)
            lasts = float((frame.duration or 0) * (frame.time_base or 0))
            self._expected = end = start + (lasts if 0 < lasts < self._longest_jump else self._interval)
            if self._size is not None and (frame.width, frame.height) != self._size:
                frame = self._reformatter.reformat(frame, *self._size, threads=1)  # noqa: PLW2901 - the same frame
            yield Item(frame, start, end, due=start)


class PassedVideo(PlayedTrack):
    """A video stream that is passed on unchanged.

    Args:
        name: Name of the input, for messages.
        stream: A stream of the input.
        source: The source to write to.
        span: The range of the input's timestamps.

    Raises:
        MediaError: The source does not take the stream, or no longer does.
    """

    def __init__(self, name: str, stream: VideoStream, source: EncodedVideoSource, span: Span) -> None:
        super().__init__(name, stream, source, span)
        codec = codec_passed(stream)
        if codec is None or codec.name != source.codec:
            context = stream.codec_context
            raise MediaError(
                f"cannot play {name}: its video was {source.codec} without B-frames when the player was made, and now is"
                f" {context.name}{' with B-frames' if context.has_b_frames else ''}"
            )
        self._units = AccessUnits(stream, codec)
        self._interval = 1 / source.fps
        if self._units.parameter_sets:
            feed_of(source).use_parameters(self._units.parameter_sets)

    def _decode(self, packet: av.Packet[Stream]) -> Iterator[Item]:
        for unit in self._units.of(packet):
            start = self._place(None if unit.pts is None else float(unit.pts * unit.time_base))
            lasts = float((unit.duration or 0) * unit.time_base)
            self._expected = end = start + (lasts if 0 < lasts < self._longest_jump else self._interval)
            yield Item(bytes(unit), start, end, due=start)


class PassedAudio(PlayedTrack):
    """An audio stream of Opus that is passed on unchanged."""

    is_audio = True

    def _decode(self, packet: av.Packet[Stream]) -> Iterator[Item]:
        if not packet.size:
            return
        data = bytes(packet)
        start = self._place(None if packet.pts is None else float(packet.pts * packet.time_base))
        if self._expected is not None and abs(start - self._expected) <= _GAP_SECONDS:
            start = self._expected
        self._expected = end = start + samples_of(data) / AUDIO_CLOCK_RATE
        yield Item(data, start, end, due=end)


class PlayedAudio(PlayedTrack):
    """An audio stream that is decoded and converted to the source's rate and number of channels.

    Args:
        name: Name of the input, for messages.
        stream: A stream of the input.
        source: The source to write to.
        span: The range of the input's timestamps.
    """

    is_audio = True

    def __init__(self, name: str, stream: AudioStream, source: AudioSource, span: Span) -> None:
        super().__init__(name, stream, source, span)
        self._rate = source.rate
        self._channels = source.channels
        self._resampler: av.AudioResampler | None = None
        self._resampled: tuple[str, str, int] | None = None

    def _decode(self, packet: av.Packet[Stream]) -> Iterator[Item]:
        for frame in packet.decode():
            assert isinstance(frame, av.AudioFrame)
            start = self._place(frame.time)
            if self._expected is None or abs(start - self._expected) > _GAP_SECONDS:
                self._expected = start
            yield from self._chunks(self._resample(frame))
        if not packet.size and self._resampler is not None:
            yield from self._chunks(self._arrays(self._resampler.resample(None)))

    def _resample(self, frame: av.AudioFrame) -> Iterator[NDArray[np.int16]]:
        form = (frame.format.name, frame.layout.name, frame.sample_rate)
        if form != self._resampled or self._resampler is None:
            layout = "mono" if self._channels == 1 else "stereo"
            self._resampler = av.AudioResampler(format="s16", layout=layout, rate=self._rate)
            self._resampled = form
        return self._arrays(self._resampler.resample(frame))

    def _arrays(self, frames: list[av.AudioFrame]) -> Iterator[NDArray[np.int16]]:
        for frame in frames:
            # A resampler that need not convert also returns the None with which it is flushed.
            if frame is not None:
                yield frame.to_ndarray().astype(np.int16, copy=False).reshape(-1, self._channels)

    def _chunks(self, arrays: Iterator[NDArray[np.int16]]) -> Iterator[Item]:
        for array in arrays:
            count = math.ceil(len(array) / (_CHUNK_SECONDS * self._rate))
            for chunk in np.array_split(array, count) if count else ():
                start = self._expected or 0.0
                self._expected = end = start + len(chunk) / self._rate
                yield Item(chunk, start, end, due=end)
