"""Software encoders: libvpx, libx264 and SVT-AV1. The settings of each are in the file of its codec."""

from __future__ import annotations

import os
from typing import ClassVar, Final

import av
from av.video.codeccontext import VideoCodecContext

from ....threads.scheduling import without_real_time
from ..codecs.codec import VideoCodec
from .kind import EncoderKind, EncoderSettings, OpenEncoder, RateChange, configure

__all__ = ["SOFTWARE"]

_ONE_THREAD_PIXELS: Final = 1280 * 720


class _Software(EncoderKind):
    is_hardware: ClassVar[bool] = False

    def name_for(self, codec: VideoCodec) -> str:
        return codec.encoder

    def rate_change(self, codec: VideoCodec) -> RateChange:
        return RateChange.FREE if codec.follows_durations or codec.follows_bitrate else RateChange.REOPENED

    def follows_durations(self, codec: VideoCodec) -> bool:
        return codec.follows_durations

    def fitted(self, codec: VideoCodec, frame: av.VideoFrame) -> av.VideoFrame:
        return codec.fitted(frame)

    def open(self, settings: EncoderSettings) -> OpenEncoder:
        codec = settings.codec
        context = av.CodecContext.create(codec.encoder, "w")
        assert isinstance(context, VideoCodecContext)
        configure(context, settings, "yuv420p", codec.encoder_options(settings.bitrate))
        width, height = settings.size
        context.thread_count = 1 if width * height <= _ONE_THREAD_PIXELS else min(4, os.cpu_count() or 1)
        # In a process of root, SVT-AV1 gives the thread that opens it, and its own threads, the highest real-time priority.
        with without_real_time():
            context.open()
        return context

    def set_bitrate(self, encoder: OpenEncoder, codec: VideoCodec, bitrate: int) -> None:
        assert isinstance(encoder, VideoCodecContext)
        codec.set_bitrate(encoder, bitrate)


SOFTWARE: Final[EncoderKind] = _Software()
"""The software encoder of each codec that is sent, which every PyAV has."""
