"""`AudioEncoder`: encodes samples of any rate to Opus packets of 20 or 10 ms (RFC 6716, RFC 7587). Used by one thread."""

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
"""Duration of a packet, the usual one (RFC 7587 section 4.2)."""

_LOW_DELAY_SECONDS: Final = 0.01
"""Duration of a packet that every receiver takes without negotiation: a multiple of 2.5 ms (RFC 7587 section 4.2)."""

_BITRATES: Final = {1: 64_000, 2: 96_000}
"""Bitrate in bit/s by the number of channels: music without audible loss (RFC 7587 section 3.1.1)."""

_PROTECTION: Final = {"fec": "1", "packet_loss": "10"}
"""In-band FEC for a link that loses 10 % of its packets. FFmpeg cannot change this share later."""

_LAYOUTS: Final = {1: "mono", 2: "stereo"}


class AudioEncoder:
    """Encodes the audio of one source.

    Args:
        rate: Samples per second of the input.
        channels: 1 or 2.
        low_delay: Whether packets are half as long and the encoder looks ahead by 2.5 ms instead of 6.5 ms, which takes more
            bits for the same audio. Defaults to False.
        fec: Whether packets repeat the previous one in a coarse form where there is speech (in-band FEC, RFC 6716 section
            2.1.7), for receivers that can decode it. Defaults to False.
    """

    def __init__(self, rate: int, channels: int, low_delay: bool = False, fec: bool = False) -> None:
        keep_in_child(self)
        self._rate = rate
        self._channels = channels
        self._layout = _LAYOUTS[channels]
        self.packet_seconds: Final = _LOW_DELAY_SECONDS if low_delay else _PACKET_SECONDS
        """Duration of a packet in seconds."""
        self._protection = _PROTECTION if fec else {}
        self._application = "lowdelay" if low_delay else "audio"
        self._context = self._open()
        self._resampler = self._new_resampler()

    def restart(self) -> None:
        """Drop the samples held back, because the next ones do not follow them."""
        self._context = self._open()
        self._resampler = self._new_resampler()

    def encode(self, samples: NDArray[np.int16], timestamp: int, time: float) -> list[EncodedFrame]:
        """Encode the next samples.

        Args:
            samples: Samples of shape ``(samples, channels)``.
            timestamp: RTP timestamp of the first sample, in ticks of `AUDIO_CLOCK_RATE`.
            time: Capture time of the first sample, for the results.

        Returns:
            The packets that are complete.

        Raises:
            av.FFmpegError: The encoder failed.
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
