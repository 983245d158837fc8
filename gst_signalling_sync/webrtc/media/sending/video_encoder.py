"""The video encoders: frames in, access units out. Each is used by one thread."""

from __future__ import annotations

import logging
import os
from fractions import Fraction
from typing import Final

import av
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType

from ....threads.scheduling import without_real_time
from ..codecs import VIDEO
from ..codecs.codec import SendForm
from ..encoded_frame import VIDEO_CLOCK_RATE, EncodedFrame
from ..ffmpeg_in_children import keep_in_child

__all__ = ["VideoEncoder", "default_bitrate"]

logger = logging.getLogger(__name__)

_BITS_PER_PIXEL: Final = 0.08
"""What a moving picture takes to look well in either codec, by the rule of thumb."""

_MIN_DEFAULT: Final = 100_000

_ONE_THREAD_PIXELS: Final = 1280 * 720

_NO_PERIODIC_KEYFRAMES: Final = 1_000_000

_FOLLOWED: Final = (0.5, 4.0)
"""Bitrates that an open codec follows, as multiples of the one that it was opened with. Its buffer keeps its size in bits, so
that below it would let bursts through which are too long, and above it would hardly allow for frames of different sizes."""

_SMALL_CHANGE: Final = 0.2
"""Of the bitrate: a keyframe that comes anyway is no reason to open the codec again; of the frame rate: not worth one."""


def default_bitrate(width: int, height: int, fps: float) -> int:
    """What a source of that size is encoded with when nobody said anything else.

    Args:
        width: Pixels.
        height: Pixels.
        fps: Frames per second.

    Returns:
        Bits per second: 0.08 per pixel.
    """
    return max(_MIN_DEFAULT, round(width * height * fps * _BITS_PER_PIXEL))


class VideoEncoder:
    """Encodes the frames of one source in one codec, for real time: no frame is held back, none is skipped.

    Changes of the bitrate and of the frame rate cost no keyframe where the codec `follows` them. FFmpeg does not tell libvpx of
    a new bitrate, but libvpx gives each frame its share of the bitrate by how long it is shown: it is told a longer duration
    for a higher bitrate, and a shorter one for a lower. libx264 is told a bitrate. A codec is opened again, which begins with a
    keyframe, when the size of the frames changes, and when the bitrate changes by more than it follows.

    Args:
        form: Of the codec.
    """

    def __init__(self, form: SendForm) -> None:
        keep_in_child(self)
        self._codec = VIDEO[form.codec]
        self._form = form
        self._context: VideoCodecContext | None = None
        # What it was opened with.
        self._bitrate = 0
        self._fps = 0.0
        self._next = 0

    def encode(
        self, frame: av.VideoFrame, timestamp: int, time: float, bitrate: int, fps: float, keyframe: bool
    ) -> EncodedFrame:
        """Encode a frame.

        Args:
            frame: In yuv420p; its type of picture is overwritten.
            timestamp: In ticks of `VIDEO_CLOCK_RATE`, higher than the last.
            time: When it was captured, for the result.
            bitrate: Bits per second from here on.
            fps: Frames per second that it is shared among.
            keyframe: Whether this must be one.

        Returns:
            The access unit.

        Raises:
            av.FFmpegError: The encoder refused; `restart` it before the next frame.
        """
        frame = self._codec.fitted(frame)
        context = self._context
        if (
            context is None
            or (context.width, context.height) != (frame.width, frame.height)
            or not self._is_near(bitrate, fps)
            or (keyframe and abs(bitrate - self._bitrate) > _SMALL_CHANGE * self._bitrate)
        ):
            self._bitrate, self._fps = bitrate, fps
            self._context = context = self._open(frame.width, frame.height)
        # By the true times, libvpx gives frames twice the bits for a second after one was left out.
        frame.pts = self._next
        frame.time_base = Fraction(1, VIDEO_CLOCK_RATE)
        frame.duration = self._pass_on(context, bitrate, fps)
        self._next += frame.duration
        frame.pict_type = PictureType.I if keyframe else PictureType.NONE
        packets = context.encode(frame)
        data = b"".join(map(bytes, packets))
        return EncodedFrame(self._codec.name, data, timestamp, any(packet.is_keyframe for packet in packets), time)

    def restart(self) -> None:
        """Begin again, with a keyframe, because a frame was lost that the next ones would build on."""
        self._context = None

    @property
    def follows(self) -> bool:
        """Whether changes of the bitrate, within wide limits, and of the frame rate cost no keyframe."""
        return self._codec.follows_durations or self._codec.follows_bitrate

    def _is_near(self, bitrate: int, fps: float) -> bool:
        if not self.follows:
            return bitrate == self._bitrate and abs(fps - self._fps) <= _SMALL_CHANGE * self._fps
        lowest, highest = _FOLLOWED
        return lowest * self._bitrate <= bitrate <= highest * self._bitrate

    def _pass_on(self, context: VideoCodecContext, bitrate: int, fps: float) -> int:
        """Have the next frame get its part of the bitrate; how long the codec is told that it is shown, in ticks."""
        duration = VIDEO_CLOCK_RATE / self._fps
        part = bitrate / fps / (self._bitrate / self._fps)
        if self._codec.follows_durations:
            return max(1, round(duration * part))
        if self._codec.follows_bitrate:
            self._codec.set_bitrate(context, round(self._bitrate * part))
        return round(duration)

    def _open(self, width: int, height: int) -> VideoCodecContext:
        context = av.CodecContext.create(self._codec.encoder, "w")
        assert isinstance(context, VideoCodecContext)
        context.width = width
        context.height = height
        context.pix_fmt = "yuv420p"
        context.time_base = Fraction(1, VIDEO_CLOCK_RATE)
        context.framerate = Fraction(self._fps).limit_denominator(1001)
        context.bit_rate = self._bitrate
        context.gop_size = _NO_PERIODIC_KEYFRAMES
        context.thread_count = 1 if width * height <= _ONE_THREAD_PIXELS else min(4, os.cpu_count() or 1)
        context.options = {**self._codec.encoder_options(self._bitrate), **dict(self._form.options)}
        # SVT-AV1 in a process of root's makes the thread that opens it, and its own, real-time ones of the highest priority.
        with without_real_time():
            context.open()
        logger.debug("%s encoder: %dx%d, %d bit/s", self._codec.name, width, height, self._bitrate)
        return context
