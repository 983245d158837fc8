"""`AudioDecoder`: packets of sound become samples at 48 kHz in two channels."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

import av
from av.audio.codeccontext import AudioCodecContext

from ..codecs import AUDIO
from ..encoded_frame import EncodedFrame
from ..ffmpeg_in_children import keep_in_child

__all__ = ["CHANNELS", "RATE", "AudioDecoder"]

RATE: Final = 48_000
CHANNELS: Final = 2

_LAYOUT: Final = "stereo"
_FORMAT: Final = "s16"
_TIME_BASE: Final = Fraction(1, RATE)


class AudioDecoder:
    """The decoder of one audio track; used by one thread."""

    def __init__(self) -> None:
        keep_in_child(self)
        self._name = ""
        self._codec = next(iter(AUDIO.values()))
        self._context: AudioCodecContext | None = None
        self._resampler: av.AudioResampler | None = None

    def decode(self, frame: EncodedFrame) -> list[av.AudioFrame]:
        """Decode a packet.

        Args:
            frame: The next one.

        Returns:
            Its samples, interleaved int16 of 48 kHz in two channels. `pts` is when the first was taken, in samples, by the
            frame's timestamp.

        Raises:
            av.FFmpegError: It cannot be decoded.
        """
        if self._context is None or frame.codec != self._name:
            self._open(frame.codec)
        assert self._context is not None
        packet = av.Packet(frame.data)
        packet.pts = frame.timestamp
        packet.time_base = Fraction(1, self._codec.clock_rate)
        try:
            decoded = self._context.decode(packet)
            if self._resampler is not None:
                decoded = [resampled for each in decoded for resampled in self._resampler.resample(each)]
        except Exception:
            self._context = None
            raise
        position = frame.timestamp * (RATE // self._codec.clock_rate)
        for each in decoded:
            each.pts = position
            each.time_base = _TIME_BASE
            position += each.samples
        return decoded

    def _open(self, name: str) -> None:
        self._name, self._codec = name, AUDIO[name]
        context = av.CodecContext.create(self._codec.decoder, "r")
        assert isinstance(context, AudioCodecContext)
        context.sample_rate = self._codec.rate
        context.layout = self._codec.layout
        context.format = _FORMAT
        self._context = context
        is_right = (self._codec.rate, self._codec.layout) == (RATE, _LAYOUT)
        self._resampler = None if is_right else av.AudioResampler(_FORMAT, _LAYOUT, RATE)
