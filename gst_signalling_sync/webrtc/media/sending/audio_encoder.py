"""The Opus encoder: samples of any rate in, packets of 20 or 10 ms out. Used by one thread."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from numpy.typing import NDArray

from ..encoded_frame import AUDIO_CLOCK_RATE, EncodedFrame
from ..ffmpeg_in_children import keep_in_child

__all__ = ["OPUS", "AudioEncoder"]

OPUS: Final = "opus"

_PACKET_SECONDS: Final = 0.02
"""Of sound in each packet, as everybody sends it (RFC 7587 section 4.2)."""

_LOW_DELAY_SECONDS: Final = 0.01
"""What every receiver takes without being asked to: it is a multiple of 2.5 ms (RFC 7587 section 4.2)."""

_BITRATES: Final = {1: 64_000, 2: 96_000}
"""Bits per second by channels: music without audible loss (RFC 7587 section 3.1.1)."""

_PROTECTION: Final = {"fec": "1", "packet_loss": "10"}
"""In-band FEC for a link that loses as many packets in a hundred; FFmpeg lets nobody change it later."""

_LAYOUTS: Final = {1: "mono", 2: "stereo"}


class AudioEncoder:
    """Encodes the sound of one source.

    Args:
        rate: Samples per second that come in.
        channels: 1 or 2.
        low_delay: Whether packets are half as long, and the encoder looks ahead by 2.5 ms less and codes for that alone
            (RFC 6716 section 2.1.7), which takes more bits for the same sound.
        fec: Whether packets have the one before once more in a coarse form (in-band FEC, RFC 6716 section 2.1.7), where there
            is speech, for receivers that can decode it.
    """

    def __init__(self, rate: int, channels: int, low_delay: bool = False, fec: bool = False) -> None:
        keep_in_child(self)
        self._rate = rate
        self._channels = channels
        self._layout = _LAYOUTS[channels]
        self.packet_seconds: Final = _LOW_DELAY_SECONDS if low_delay else _PACKET_SECONDS
        """Of sound in each packet."""
        self._protection = _PROTECTION if fec else {}
        self._application = "lowdelay" if low_delay else "audio"
        self._context = self._open()
        self._resampler = self._new_resampler()

    def restart(self) -> None:
        """Forget what is held back, because what comes next does not follow on it."""
        self._context = self._open()
        self._resampler = self._new_resampler()

    def encode(self, samples: NDArray[np.int16], timestamp: int, time: float) -> list[EncodedFrame]:
        """Encode what follows on the last.

        Args:
            samples: ``(samples, channels)``.
            timestamp: In ticks of `AUDIO_CLOCK_RATE`, of the first sample.
            time: When it was captured, for the results.

        Returns:
            The packets that are full now.

        Raises:
            av.FFmpegError: The encoder refused.
        """
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout=self._layout)
        frame.sample_rate = self._rate
        frame.pts = timestamp
        frame.time_base = Fraction(1, AUDIO_CLOCK_RATE)
        packets = [packet for part in self._resampler.resample(frame) for packet in self._context.encode(part)]
        return [EncodedFrame(OPUS, bytes(packet), packet.pts or 0, True, time) for packet in packets]

    def _open(self) -> AudioCodecContext:
        context = av.CodecContext.create("libopus", "w")
        assert isinstance(context, AudioCodecContext)
        context.format = av.AudioFormat("s16")
        context.layout = av.AudioLayout(self._layout)
        context.sample_rate = AUDIO_CLOCK_RATE
        context.time_base = Fraction(1, AUDIO_CLOCK_RATE)
        context.bit_rate = _BITRATES[self._channels]
        duration = f"{round(self.packet_seconds * 1000)}"
        context.options = {"application": self._application, "frame_duration": duration, **self._protection}
        return context

    def _new_resampler(self) -> av.AudioResampler:
        samples = round(self.packet_seconds * AUDIO_CLOCK_RATE)
        return av.AudioResampler(format="s16", layout=self._layout, rate=AUDIO_CLOCK_RATE, frame_size=samples)
