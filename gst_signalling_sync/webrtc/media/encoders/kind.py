"""`EncoderKind`: all that this library knows of one family of FFmpeg's encoders, which is in a file of its own."""

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
"""Frames from one keyframe to the next, where none is asked for. Drivers with a lower maximum take that."""

CONSTRAINED_BASELINE: Final = "578"
"""``AV_PROFILE_H264_CONSTRAINED_BASELINE``, for encoders without a name for it."""


class RateChange(enum.Enum):
    """What a new bitrate takes."""

    FREE = enum.auto()
    """It is followed by the next frames, at no cost, however often it changes."""
    IN_PLACE = enum.auto()
    """The open encoder takes it, and makes a keyframe, or may."""
    REOPENED = enum.auto()
    """The encoder is opened again, which makes a keyframe."""


@dataclass(frozen=True, slots=True)
class EncoderSettings:
    """What an encoder is opened with.

    Attributes:
        codec: To encode in.
        size: Width and height in pixels.
        fps: Frames per second that the bitrate is shared among.
        bitrate: Bits per second.
        options: By FFmpeg's names, those of the form in which frames are sent.
    """

    codec: VideoCodec
    size: tuple[int, int]
    fps: float
    bitrate: int
    options: Mapping[str, str] = field(default_factory=dict)


class OpenEncoder(Protocol):
    """What is used of an `av.VideoCodecContext`, so that a test can stand in for hardware."""

    def encode(self, frame: av.VideoFrame) -> Sequence[av.Packet[Any]]:
        """Take a frame, and give out what is ready, of this frame or of earlier ones."""


class EncoderKind(abc.ABC):
    """One family of encoders.

    Attributes:
        is_hardware: Whether it takes hardly any of the processor.
        rate_change: What a new bitrate takes.
    """

    is_hardware: ClassVar[bool]

    @abc.abstractmethod
    def name_for(self, codec: VideoCodec) -> str:
        """FFmpeg's name of the encoder of a codec; empty: there is none that this library uses."""

    def is_listed(self, codec: VideoCodec) -> bool:
        """Whether this PyAV was built with the encoder of a codec."""
        try:
            return av.Codec(self.name_for(codec), "w").is_encoder
        except ValueError:
            return False

    @abc.abstractmethod
    def rate_change(self, codec: VideoCodec) -> RateChange:
        """What a new bitrate takes."""

    def follows_durations(self, codec: VideoCodec) -> bool:
        """Whether the bitrate is shared among frames by how long each is shown, so that this changes it."""
        return False

    def takes(self, form: SendForm) -> bool:
        """Whether it can encode a form."""
        return True

    @abc.abstractmethod
    def fitted(self, codec: VideoCodec, frame: av.VideoFrame) -> av.VideoFrame:
        """A frame in yuv420p as the encoder takes it."""

    @abc.abstractmethod
    def open(self, settings: EncoderSettings) -> OpenEncoder:
        """Open an encoder.

        Raises:
            av.FFmpegError: FFmpeg or the driver refuses.
            ValueError: This PyAV lacks it.
        """

    def set_bitrate(self, encoder: OpenEncoder, codec: VideoCodec, bitrate: int) -> None:
        """Have an open encoder go on with another bitrate.

        Args:
            encoder: Opened by `open`.
            codec: That it encodes in.
            bitrate: Bits per second.
        """
        assert isinstance(encoder, VideoCodecContext)
        encoder.bit_rate = bitrate


class HardwareKind(EncoderKind):
    """One family of encoders in silicon.

    Attributes:
        suffix: What FFmpeg's names end in, such as ``"nvenc"`` of ``h264_nvenc``.
        codecs: Those that it is used for.
        baseline: FFmpeg's options for Constrained Baseline, of a codec that has it.
        formats: Pixel formats that it may take; the first one with which it can be opened is used.
        width_step: The width of frames is a multiple of this; others are scaled.
        needs: What there must be, for messages.
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
        """FFmpeg's name of the encoder of a codec; empty: there is none that this library uses."""
        return f"{codec.name.lower()}_{self.suffix}" if codec.name in self.codecs else ""

    def rate_change(self, codec: VideoCodec) -> RateChange:
        """What a new bitrate takes."""
        return self.change

    def takes(self, form: SendForm) -> bool:
        """Whether it can encode a form: one that needs no options, which are those of the encoder in software."""
        return not form.options

    def fitted(self, codec: VideoCodec, frame: av.VideoFrame) -> av.VideoFrame:
        """A frame in yuv420p as the encoder takes it: with even sides, and a width that it can handle."""
        width = max(self.width_step, frame.width - frame.width % self.width_step)
        height = max(2, round(frame.height * width / frame.width / 2) * 2)
        if (width, height) == (frame.width, frame.height):
            return frame
        return frame.reformat(width=width, height=height)

    @abc.abstractmethod
    def options(self, settings: EncoderSettings) -> dict[str, str]:
        """FFmpeg's options for real time: no frame held back, no B-frame, a keyframe where one is asked for."""

    def all_options(self, settings: EncoderSettings) -> dict[str, str]:
        """FFmpeg's options for real time, and for the profile."""
        return {**self.options(settings), **(self.baseline if settings.codec.has_baseline else {})}

    def open(self, settings: EncoderSettings) -> OpenEncoder:
        """Open an encoder, with the first pixel format that it takes.

        Raises:
            av.FFmpegError: FFmpeg or the driver refuses.
            ValueError: This PyAV lacks it.
        """
        refused: av.FFmpegError | None = None
        for pixel_format in self.formats:
            context = self.new_context(settings)
            configure(context, settings, pixel_format, self.all_options(settings))
            # What they hold back is bounded by what is in flight in the hardware, and no thread of FFmpeg's is needed.
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
        """An encoder that is not open yet."""
        context = av.CodecContext.create(self.name_for(settings.codec), "w")
        assert isinstance(context, VideoCodecContext)
        return context

    def set_bitrate(self, encoder: OpenEncoder, codec: VideoCodec, bitrate: int) -> None:
        """Have an open encoder go on with another bitrate, in bits per second."""
        assert isinstance(encoder, _Reformatting)
        encoder.context.bit_rate = bitrate


class _Reformatting:
    """An open encoder whose frames are brought into its pixel format.

    Args:
        context: The encoder.
        pixel_format: FFmpeg's name of what it takes.
    """

    def __init__(self, context: VideoCodecContext, pixel_format: str) -> None:
        self.context: Final = context
        self._format = pixel_format
        self._reformatter = VideoReformatter()

    def encode(self, frame: av.VideoFrame) -> Sequence[av.Packet[Any]]:
        """See `OpenEncoder`."""
        if frame.format.name != self._format:
            converted = self._reformatter.reformat(frame, format=self._format, threads=1)
            converted.pts, converted.time_base = frame.pts, frame.time_base
            converted.duration, converted.pict_type = frame.duration, frame.pict_type
            frame = converted
        return self.context.encode(frame)


def configure(
    context: VideoCodecContext, settings: EncoderSettings, pixel_format: str, options: Mapping[str, str]
) -> None:
    """Set what all encoders are opened with."""
    context.width, context.height = settings.size
    context.pix_fmt = pixel_format
    context.time_base = Fraction(1, VIDEO_CLOCK_RATE)
    context.framerate = Fraction(settings.fps).limit_denominator(1001)
    context.bit_rate = settings.bitrate
    context.gop_size = _NO_PERIODIC_KEYFRAMES
    context.options = {**options, **settings.options}
