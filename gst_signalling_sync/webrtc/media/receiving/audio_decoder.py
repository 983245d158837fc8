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

_MAX_CONCEALED: Final = RATE * 60 // 1000
"""Samples: more that is missing is a pause, or nothing that could be guessed."""


class AudioDecoder:
    """The decoder of one audio track; used by one thread."""

    def __init__(self) -> None:
        keep_in_child(self)
        self._name = ""
        self._codec = next(iter(AUDIO.values()))
        self._context: AudioCodecContext | None = None
        self._resampler: av.AudioResampler | None = None
        # Of the last frame: the packet, and the samples that it had and where they ended.
        self._packet = b""
        self._samples = 0
        self._end = 0

    def conceal(self, frame: EncodedFrame) -> list[av.AudioFrame]:
        """What the decoder makes up for packets that are missing before one, up to 60 ms.

        Args:
            frame: That will be decoded next.

        Returns:
            As of `decode`; nothing where nothing is missing, or more, or the codec cannot.
        """
        concealing = self._codec.concealing
        if self._context is None or concealing is None or not self._samples or frame.codec != self._name:
            return []
        position = frame.timestamp * (RATE // self._codec.clock_rate)
        missing = position - self._end
        if not self._samples <= missing <= _MAX_CONCEALED:
            return []
        made_up: list[av.AudioFrame] = []
        begin = self._end
        while position - begin >= self._samples:
            guess = EncodedFrame(self._name, concealing(self._packet), begin, True, frame.time)
            decoded = self._decoded(guess)
            if not decoded:
                break
            made_up += decoded
            begin += sum(each.samples for each in decoded)
        return made_up

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
        decoded = self._decoded(frame)
        self._packet = frame.data
        self._samples = sum(each.samples for each in decoded)
        self._end = frame.timestamp * (RATE // self._codec.clock_rate) + self._samples
        return decoded

    def _decoded(self, frame: EncodedFrame) -> list[av.AudioFrame]:
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
        self._samples = 0
        context = av.CodecContext.create(self._codec.decoder, "r")
        assert isinstance(context, AudioCodecContext)
        context.sample_rate = self._codec.rate
        context.layout = self._codec.layout
        context.format = _FORMAT
        self._context = context
        is_right = (self._codec.rate, self._codec.layout) == (RATE, _LAYOUT)
        self._resampler = None if is_right else av.AudioResampler(_FORMAT, _LAYOUT, RATE)
