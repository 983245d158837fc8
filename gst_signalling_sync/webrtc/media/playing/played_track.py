"""`PlayedTrack`: one stream of an input, packet by packet turned into what a source is given, and when."""

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
from ..sending.encoded_video_source import EncodedVideoSource
from ..sending.video_source import VideoSource
from .media_input import Span
from .passing import AccessUnits, codec_passed

__all__ = ["Item", "PassedAudio", "PassedVideo", "PlayedAudio", "PlayedTrack", "PlayedVideo"]

logger = logging.getLogger(__name__)

_CHUNK_SECONDS: Final = 0.025
"""Sound is written in pieces of at most this: a packet of some codecs lasts for seconds, and those who listen cannot wait."""

_MAX_JUMP: Final = 60.0
"""Nothing is that long where the input does not say how long all of it is."""

_MAX_STEP_BACK: Final = 1.0

_GAP_SECONDS: Final = 0.04
"""Time stamps of sound that are less apart from the end of the last packet are taken for rounded."""


@dataclass(frozen=True, slots=True)
class Item:
    """A frame or a piece of sound.

    Attributes:
        content: What the source is given.
        start: Seconds on the input's clock.
        end: Seconds on the input's clock.
        due: When the source is to be given it: a frame when it starts; sound when it ends, like that of a microphone.
    """

    content: Any
    start: float
    end: float
    due: float


class PlayedInto(Protocol):
    """What a track is written to."""

    def write(self, content: Any, /, *, captured: float | None = None) -> None:
        """Take a frame or a piece of sound."""


class PlayedTrack(ABC):
    """Decodes one stream, or passes it on, once. Belongs to the player's thread.

    Args:
        name: Of the input, for messages.
        stream: Of the input.
        source: What it is written to.
        span: What the input says about its time stamps.
    """

    is_sound: ClassVar[bool] = False

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
        """Append to `items` what a packet holds; what cannot be decoded is left out, and logged."""
        try:
            self.items.extend(self._decode(packet))
        except Exception as error:  # noqa: BLE001 - reported; what follows may be better
            self._failures.add(f"decode some of its {self._stream.type}", error, time.monotonic())

    def write(self, captured: float | None = None) -> None:
        """Give the first item to the source.

        Args:
            captured: When it starts, on the clock of `time.monotonic`; None: it has just come.
        """
        try:
            self._source.write(self.items.popleft().content, captured=captured)
            self.written += 1
        except Exception as error:  # noqa: BLE001 - reported; what follows may be better
            self._failures.add(f"send some of its {self._stream.type}", error, time.monotonic())

    @abstractmethod
    def _decode(self, packet: av.Packet[Stream]) -> Iterator[Item]:
        """What a packet holds, or after an empty one what is left in the decoder."""

    def _place(self, time: float | None) -> float:
        """When something starts, by its time stamp where that makes sense, else where what came before it ended.

        A stream that was cut together from several begins to count anew, and one that is damaged may count anyhow.
        """
        if self._expected is None:
            return 0.0 if time is None else time
        if time is None:
            return self._expected
        if not -_MAX_STEP_BACK < time + self._shift - self._expected < self._longest_jump:
            self._shift = self._expected - time
        return time + self._shift


class PlayedVideo(PlayedTrack):
    """Frames.

    Args:
        name: Of the input, for messages.
        stream: Of the input.
        source: What they are written to.
        span: What the input says about its time stamps.
        size: Width and height in pixels that they are scaled to; None: they are not.
    """

    def __init__(
        self, name: str, stream: VideoStream, source: VideoSource, span: Span, size: tuple[int, int] | None = None
    ) -> None:
        super().__init__(name, stream, source, span)
        # The source may take fewer than there are.
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
    """Frames that are passed on without decoding.

    Args:
        name: Of the input, for messages.
        stream: Of the input.
        source: What they are written to.
        span: What the input says about its time stamps.

    Raises:
        MediaError: The stream is not, or no longer, one that the source takes.
    """

    def __init__(self, name: str, stream: VideoStream, source: EncodedVideoSource, span: Span) -> None:
        super().__init__(name, stream, source, span)
        codec = codec_passed(stream)
        if codec is None or codec.name != source.codec:
            context = stream.codec_context
            raise MediaError(
                f"cannot play {name}: its video was {source.codec} without B-frames when it was opened first, and now is"
                f" {context.name}{' with B-frames' if context.has_b_frames else ''}"
            )
        self._units = AccessUnits(stream, codec)
        self._interval = 1 / source.fps
        if self._units.parameter_sets:
            source.take_parameters(self._units.parameter_sets)

    def _decode(self, packet: av.Packet[Stream]) -> Iterator[Item]:
        for unit in self._units.of(packet):
            start = self._place(None if unit.pts is None else float(unit.pts * unit.time_base))
            lasts = float((unit.duration or 0) * unit.time_base)
            self._expected = end = start + (lasts if 0 < lasts < self._longest_jump else self._interval)
            yield Item(bytes(unit), start, end, due=start)


class PassedAudio(PlayedTrack):
    """Packets of Opus that are passed on without decoding."""

    is_sound = True

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
    """Sound, brought to the source's rate and number of channels.

    Args:
        name: Of the input, for messages.
        stream: Of the input.
        source: What it is written to.
        span: What the input says about its time stamps.
    """

    is_sound = True

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
            # A resampler that has nothing to do hands on the None that ends it.
            if frame is not None:
                yield frame.to_ndarray().astype(np.int16, copy=False).reshape(-1, self._channels)

    def _chunks(self, arrays: Iterator[NDArray[np.int16]]) -> Iterator[Item]:
        for array in arrays:
            count = math.ceil(len(array) / (_CHUNK_SECONDS * self._rate))
            for chunk in np.array_split(array, count) if count else ():
                start = self._expected or 0.0
                self._expected = end = start + len(chunk) / self._rate
                yield Item(chunk, start, end, due=end)
