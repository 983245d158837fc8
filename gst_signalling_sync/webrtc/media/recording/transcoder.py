"""`VideoTranscoder`, `AudioTranscoder`: re-encode frames whose codec the file cannot hold."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

import av
from av.audio.codeccontext import AudioCodecContext
from av.video.codeccontext import VideoCodecContext
from av.video.reformatter import VideoReformatter

from ..codecs import VIDEO
from ..encoded_frame import VIDEO_CLOCK_RATE, EncodedFrame
from ..ffmpeg_in_children import keep_in_child
from ..frame_conversion import to_yuv420p
from ..receiving.audio_decoder import RATE, AudioDecoder
from ..receiving.video_decoder import VideoDecoder
from .muxer import Packet

__all__ = ["AudioTranscoder", "VideoTranscoder"]

_KEYFRAME_INTERVAL: Final = 90
"""Maximum distance between keyframes in frames, which is how far a player goes back to seek."""

_MAX_PIXELS: Final = 4096 * 2304
"""Maximum of a frame that is re-encoded. The peer chooses its size, and 8K takes a core for a third of a second."""

_OPUS_SAMPLES: Final = 960
"""Samples of a packet: 20 ms."""

_OPUS_BIT_RATE: Final = 96_000

_TIME_BASE: Final = Fraction(1, VIDEO_CLOCK_RATE)


class VideoTranscoder:
    """Decodes and encodes one video track; used by one thread. A frame of another size begins with a keyframe.

    Args:
        target: Codec to encode to, one of `VIDEO`.
    """

    def __init__(self, target: str) -> None:
        keep_in_child(self)
        self._target = target
        self._decoder = VideoDecoder(_MAX_PIXELS)
        self._reformatter = VideoReformatter()
        self._encoder: VideoCodecContext | None = None

    def transcode(self, frame: EncodedFrame, time: float, duration: float) -> list[Packet]:
        """Re-encode an access unit.

        Args:
            frame: The next access unit; after an error, a keyframe.
            time: Position in seconds from the beginning of the recording, later than that of the last one.
            duration: Duration in seconds.

        Returns:
            The packets, usually one.

        Raises:
            av.FFmpegError: The access unit cannot be decoded, or the frame is larger than 4096x2304.
            DecodingError: The frame is damaged.
        """
        packets = []
        for decoded in self._decoder.decode(frame):
            encoder = self._encoder_for(decoded)
            # H264 in 4:2:0 has no odd sizes.
            even = to_yuv420p(decoded, self._reformatter, (encoder.width, encoder.height))
            even.pts = round(time * VIDEO_CLOCK_RATE)
            even.time_base = _TIME_BASE
            even.pict_type = 0
            packets += [Packet(bytes(each), time, duration, each.is_keyframe) for each in encoder.encode(even)]
        return packets

    def _encoder_for(self, frame: av.VideoFrame) -> VideoCodecContext:
        size = max(2, frame.width & ~1), max(2, frame.height & ~1)
        encoder = self._encoder
        if encoder is None or (encoder.width, encoder.height) != size:
            encoder = self._encoder = _new_encoder(self._target, *size)
        return encoder


class AudioTranscoder:
    """Decodes audio and encodes it to Opus; used by one thread.

    Its packets follow each other without a gap while the input does. A gap of some packets in the input leaves a gap in the
    output.
    """

    def __init__(self) -> None:
        keep_in_child(self)
        self._decoder = AudioDecoder()
        self._encoder = _new_opus_encoder()
        self._samples = 0
        # Position in the recording of the samples that wait for the encoder, and these samples.
        self._begin = 0.0
        self._waiting = av.AudioFifo()

    def transcode(self, frame: EncodedFrame, time: float) -> list[Packet]:
        """Re-encode a packet of any codec that `AudioDecoder` knows.

        Args:
            frame: The next packet.
            time: Position in seconds from the beginning of the recording.

        Returns:
            The packets that are complete.

        Raises:
            av.FFmpegError: The packet cannot be decoded.
        """
        if abs(self._begin + self._waiting.samples / RATE - time) > 2 * _OPUS_SAMPLES / RATE:
            self._begin = time
            self._waiting = av.AudioFifo()
        for decoded in self._decoder.decode(frame):
            decoded.pts = None
            self._waiting.write(decoded)
        packets = []
        while (block := self._waiting.read(_OPUS_SAMPLES)) is not None:
            block.pts = self._samples
            block.time_base = Fraction(1, RATE)
            self._samples += _OPUS_SAMPLES
            packets += [
                Packet(bytes(each), self._begin, _OPUS_SAMPLES / RATE, True) for each in self._encoder.encode(block)
            ]
            self._begin += _OPUS_SAMPLES / RATE
        return packets


def _new_encoder(codec: str, width: int, height: int) -> VideoCodecContext:
    recorded = VIDEO[codec].recorded
    encoder = av.CodecContext.create(VIDEO[codec].encoder, "w")
    assert isinstance(encoder, VideoCodecContext)
    encoder.width, encoder.height = width, height
    encoder.pix_fmt = "yuv420p"
    encoder.time_base = _TIME_BASE
    encoder.framerate = Fraction(30)
    encoder.gop_size = _KEYFRAME_INTERVAL
    encoder.thread_count = recorded.encoder_threads
    encoder.options = dict(recorded.encoder_options)
    if recorded.encoder_bits_per_pixel:
        encoder.bit_rate = recorded.encoder_bits_per_pixel * width * height
    return encoder


def _new_opus_encoder() -> AudioCodecContext:
    encoder = av.CodecContext.create("libopus", "w")
    assert isinstance(encoder, AudioCodecContext)
    encoder.sample_rate = RATE
    encoder.layout = "stereo"
    encoder.format = "s16"
    encoder.time_base = Fraction(1, RATE)
    encoder.bit_rate = _OPUS_BIT_RATE
    return encoder
