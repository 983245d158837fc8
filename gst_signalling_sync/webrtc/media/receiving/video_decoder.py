"""`VideoDecoder`: decodes access units to frames."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

import av
from av.codec.context import Flags
from av.video.codeccontext import VideoCodecContext

from ..codecs import VIDEO
from ..encoded_frame import VIDEO_CLOCK_RATE, EncodedFrame
from ..failures import DecodingError
from ..ffmpeg_in_children import keep_in_child

__all__ = ["MAX_PIXELS", "VideoDecoder"]

MAX_PIXELS: Final = 8192 * 4320
"""Maximum of a frame, whose size the peer chooses; a decoded frame takes 1.5 bytes per pixel."""

_TIME_BASE: Final = Fraction(1, VIDEO_CLOCK_RATE)


class VideoDecoder:
    """The decoder of one video track; used by one thread.

    Args:
        max_pixels: Maximum of a frame; a larger one is refused. Defaults to `MAX_PIXELS`.
    """

    def __init__(self, max_pixels: int = MAX_PIXELS) -> None:
        keep_in_child(self)
        self._max_pixels = max_pixels
        self._codec = ""
        self._context: VideoCodecContext | None = None

    def decode(self, frame: EncodedFrame) -> list[av.VideoFrame]:
        """Decode an access unit.

        Args:
            frame: The next access unit; after an error, a keyframe.

        Returns:
            The frames that are complete, usually one. Their `pts` is the timestamp of the access unit.

        Raises:
            av.FFmpegError: It cannot be decoded, or its frames are too large.
            DecodingError: The decoded frame is damaged.
        """
        if self._context is None or frame.codec != self._codec:
            self._context = _new_context(frame.codec, self._max_pixels)
            self._codec = frame.codec
        packet = av.Packet(frame.data)
        packet.pts = frame.timestamp
        packet.time_base = _TIME_BASE
        try:
            decoded = self._context.decode(packet)
        except Exception:
            # The decoder's state must not damage the frames after the next keyframe.
            self._context = None
            raise
        if any(each.is_corrupt for each in decoded):
            self._context = None
            raise DecodingError("the frame is damaged")
        # FFmpeg returns each spatial layer of an access unit; the last one is the frame.
        for each in decoded:
            each.time_base = _TIME_BASE
        return list({each.pts: each for each in decoded}.values())


def _new_context(codec: str, max_pixels: int) -> VideoCodecContext:
    context = av.CodecContext.create(VIDEO[codec].decoder, "r")
    assert isinstance(context, VideoCodecContext)
    # With several threads, each would hold a frame back. Those of dav1d would also need the GIL to release a packet, and PyAV
    # holds it while it frees a decoder and waits for its threads: a deadlock.
    context.thread_count = 1
    context.flags |= Flags.low_delay
    context.options = {"max_pixels": str(max_pixels)}
    return context
