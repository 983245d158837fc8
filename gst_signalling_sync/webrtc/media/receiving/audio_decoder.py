"""`AudioDecoder`: decodes audio packets to samples at 48 kHz in two channels."""

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
"""Maximum number of concealed samples: a longer gap is a pause, or cannot be extrapolated."""


class AudioDecoder:
    """The decoder of one audio track; used by one thread."""

    def __init__(self) -> None:
        keep_in_child(self)
        self._name = ""
        self._codec = next(iter(AUDIO.values()))
        self._context: AudioCodecContext | None = None
        self._resampler: av.AudioResampler | None = None
        # The last packet, its number of samples, and the position of their end.
        self._packet = b""
        self._samples = 0
        self._end = 0

    def conceal(self, frame: EncodedFrame) -> list[av.AudioFrame]:
        """Extrapolate for the packets that are missing before a packet, up to 60 ms.

        Args:
            frame: The packet that will be decoded next.

        Returns:
            Samples as from `decode`. Empty: no packet is missing, the gap is longer, or the codec cannot conceal.
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
            frame: The next packet.

        Returns:
            Its samples, interleaved int16 at 48 kHz in two channels. `pts` is the position of the first one, in samples, by the
            packet's timestamp.

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
