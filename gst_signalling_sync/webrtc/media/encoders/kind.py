"""`EncoderKind`: describes one family of FFmpeg's encoders; each family is in a file of its own."""

from __future__ import annotations

import abc
import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, ClassVar, Final, Protocol

import av
from av.video.codeccontext import VideoCodecContext
from av.video.reformatter import VideoReformatter

from ..codecs.codec import SendForm, VideoCodec
from ..encoded_frame import VIDEO_CLOCK_RATE

__all__ = [
    "CONSTRAINED_BASELINE",
    "EncoderKind",
    "EncoderSettings",
    "HardwareKind",
    "OpenEncoder",
    "RateChange",
    "configure",
]

_NO_PERIODIC_KEYFRAMES: Final = 1_000_000
"""Maximum distance between keyframes without a request, in frames. Drivers with a lower maximum accept this value."""

CONSTRAINED_BASELINE: Final = "578"
"""``AV_PROFILE_H264_CONSTRAINED_BASELINE``, for encoders without a name for it."""


class RateChange(enum.Enum):
    """The cost of a new bitrate."""

    FREE = enum.auto()
    """The next frames follow it at no cost, however often it changes."""
    IN_PLACE = enum.auto()
    """The open encoder takes it, and makes, or may make, a keyframe."""
    REOPENED = enum.auto()
    """The encoder is opened again, which makes a keyframe."""


@dataclass(frozen=True, slots=True)
class EncoderSettings:
    """The settings with which an encoder is opened.

    Attributes:
        codec: Codec to encode in.
        size: Width and height in pixels.
        fps: Frames per second among which the bitrate is shared.
        bitrate: Bitrate in bit/s.
        options: Options of the form in which frames are sent, by FFmpeg's names.
    """

    codec: VideoCodec
    size: tuple[int, int]
    fps: float
    bitrate: int
    options: Mapping[str, str] = field(default_factory=dict)


class OpenEncoder(Protocol):
    """The used part of an `av.VideoCodecContext`, for which a test may substitute a fake."""

    def encode(self, frame: av.VideoFrame) -> Sequence[av.Packet[Any]]:
        """Put a frame in, and return the packets that are ready, of this frame or of earlier ones."""


class EncoderKind(abc.ABC):
    """One family of encoders.

    Attributes:
        is_hardware: Whether it is hardware, which takes little processor time.
        rate_change: Cost of a new bitrate.
    """

    is_hardware: ClassVar[bool]

    @abc.abstractmethod
    def name_for(self, codec: VideoCodec) -> str:
        """FFmpeg's name of the encoder of a codec; empty: this library uses none."""

    def is_listed(self, codec: VideoCodec) -> bool:
        """Whether this PyAV was built with the encoder of a codec."""
        try:
            return av.Codec(self.name_for(codec), "w").is_encoder
        except ValueError:
            return False

    @abc.abstractmethod
    def rate_change(self, codec: VideoCodec) -> RateChange:
        """Cost of a new bitrate."""

    def follows_durations(self, codec: VideoCodec) -> bool:
        """Whether a frame's share of the bitrate depends on its duration, so that a changed duration changes the bitrate."""
        return False

    def takes(self, form: SendForm) -> bool:
        """Whether it can encode a form."""
        return True

    @abc.abstractmethod
    def fitted(self, codec: VideoCodec, frame: av.VideoFrame) -> av.VideoFrame:
        """Convert a frame in yuv420p to the size that the encoder takes."""

    @abc.abstractmethod
    def open(self, settings: EncoderSettings) -> OpenEncoder:
        """Open an encoder.

        Raises:
            av.FFmpegError: FFmpeg or the driver refused.
            ValueError: This PyAV lacks the encoder.
        """

    def set_bitrate(self, encoder: OpenEncoder, codec: VideoCodec, bitrate: int) -> None:
        """Change the bitrate of an open encoder.

        Args:
            encoder: An encoder from `open`.
            codec: Its codec.
            bitrate: New bitrate in bit/s.
        """
        assert isinstance(encoder, VideoCodecContext)
        encoder.bit_rate = bitrate


class HardwareKind(EncoderKind):
    """One family of hardware encoders.

    Attributes:
        suffix: Suffix of FFmpeg's names, such as ``"nvenc"`` of ``h264_nvenc``.
        codecs: Codecs for which it is used.
        baseline: FFmpeg's options for Constrained Baseline, used for a codec that has it.
        formats: Pixel formats that it may take. The first one with which it can be opened is used.
        width_step: Divisor of the width of frames; frames of other widths are scaled.
        needs: What it requires, for messages.
    """

    is_hardware: ClassVar[bool] = True
    suffix: ClassVar[str]
    codecs: ClassVar[tuple[str, ...]]
    baseline: ClassVar[Mapping[str, str]]
    formats: ClassVar[tuple[str, ...]]
    width_step: ClassVar[int] = 2
    change: ClassVar[RateChange]
    needs: ClassVar[str]

    def name_for(self, codec: VideoCodec) -> str:
        """FFmpeg's name of the encoder of a codec; empty: this library uses none."""
        return f"{codec.name.lower()}_{self.suffix}" if codec.name in self.codecs else ""

    def rate_change(self, codec: VideoCodec) -> RateChange:
        """Cost of a new bitrate."""
        return self.change

    def takes(self, form: SendForm) -> bool:
        """Whether it can encode a form: one without options, which are for the software encoder."""
        return not form.options

    def fitted(self, codec: VideoCodec, frame: av.VideoFrame) -> av.VideoFrame:
        """Convert a frame in yuv420p to the size that the encoder takes: with even sides, and a width that it supports."""
        width = max(self.width_step, frame.width - frame.width % self.width_step)
        height = max(2, round(frame.height * width / frame.width / 2) * 2)
        if (width, height) == (frame.width, frame.height):
            return frame
        return frame.reformat(width=width, height=height)

    @abc.abstractmethod
    def options(self, settings: EncoderSettings) -> dict[str, str]:
        """FFmpeg's options for encoding in real time: no frame held back, no B-frame, a keyframe on request."""

    def all_options(self, settings: EncoderSettings) -> dict[str, str]:
        """FFmpeg's options for encoding in real time, and for the profile."""
        return {**self.options(settings), **(self.baseline if settings.codec.has_baseline else {})}

    def open(self, settings: EncoderSettings) -> OpenEncoder:
        """Open an encoder, with the first pixel format that it takes.

        Raises:
            av.FFmpegError: FFmpeg or the driver refused.
            ValueError: This PyAV lacks the encoder.
        """
        refused: av.FFmpegError | None = None
        for pixel_format in self.formats:
            context = self.new_context(settings)
            configure(context, settings, pixel_format, self.all_options(settings))
            # The hardware bounds the frames in flight, and no thread of FFmpeg's is needed.
            context.thread_count = 1
            context.max_b_frames = 0
            try:
                context.open()
            except av.FFmpegError as error:
                refused = error
            else:
                return _Reformatting(context, pixel_format)
        assert refused is not None
        raise refused

    def new_context(self, settings: EncoderSettings) -> VideoCodecContext:
        """Make an encoder that is not open yet."""
        context = av.CodecContext.create(self.name_for(settings.codec), "w")
        assert isinstance(context, VideoCodecContext)
        return context

    def set_bitrate(self, encoder: OpenEncoder, codec: VideoCodec, bitrate: int) -> None:
        """Change the bitrate of an open encoder, in bit/s."""
        assert isinstance(encoder, _Reformatting)
        encoder.context.bit_rate = bitrate


class _Reformatting:
    """An open encoder that converts frames to its pixel format.

    Args:
        context: The encoder.
        pixel_format: FFmpeg's name of its pixel format.
    """

    def __init__(self, context: VideoCodecContext, pixel_format: str) -> None:
        self.context: Final = context
        self._format = pixel_format
        self._reformatter = VideoReformatter()

    def encode(self, frame: av.VideoFrame) -> Sequence[av.Packet[Any]]:
        """Convert and encode a frame; see `OpenEncoder`."""
        if frame.format.name != self._format:
            converted = self._reformatter.reformat(frame, format=self._format, threads=1)
            converted.pts, converted.time_base = frame.pts, frame.time_base
            converted.duration, converted.pict_type = frame.duration, frame.pict_type
            frame = converted
        return self.context.encode(frame)


def configure(
    context: VideoCodecContext, settings: EncoderSettings, pixel_format: str, options: Mapping[str, str]
) -> None:
    """Set the options common to all encoders."""
    context.width, context.height = settings.size
    context.pix_fmt = pixel_format
    context.time_base = Fraction(1, VIDEO_CLOCK_RATE)
    context.framerate = Fraction(settings.fps).limit_denominator(1001)
    context.bit_rate = settings.bitrate
    context.gop_size = _NO_PERIODIC_KEYFRAMES
    context.options = {**options, **settings.options}
