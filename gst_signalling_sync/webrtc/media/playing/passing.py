"""Decides which streams of an input are sent unchanged, and makes their access units."""

from __future__ import annotations

from typing import Final

from av.audio.stream import AudioStream
from av.bitstream import BitStreamFilterContext
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from ..codecs import AUDIO, VIDEO
from ..codecs.codec import VideoCodec

__all__ = ["AccessUnits", "codec_passed", "is_audio_passed"]

_START_CODES: Final = (b"\0\0\1", b"\0\0\0\1")


def codec_passed(stream: VideoStream) -> VideoCodec | None:
    """The codec in which the frames of a stream are sent unchanged. None: they are encoded again.

    A stream with B-frames cannot be: its decoding order is not the order in which receivers show it.
    """
    context = stream.codec_context
    if context.has_b_frames:
        return None
    named = (each for name, each in VIDEO.items() if name.lower() == context.codec.canonical_name)
    codec = next(named, None)
    return codec if codec is not None and codec.unit_reader() is not None else None


def is_audio_passed(stream: AudioStream) -> bool:
    """Whether the packets of a stream are sent unchanged: those of a codec that is also recorded, in mono or stereo."""
    name = stream.codec_context.codec.canonical_name
    return name in AUDIO and AUDIO[name].is_recorded and stream.codec_context.channels <= 2


class AccessUnits:
    """Splits the packets of a stream into access units.

    Args:
        stream: A stream of an input.
        codec: Its codec.
    """

    def __init__(self, stream: VideoStream, codec: VideoCodec) -> None:
        self._filter = BitStreamFilterContext(codec.stream_filter, stream) if codec.stream_filter else None
        extradata = bytes(stream.codec_context.extradata or b"")
        self.parameter_sets: Final = extradata if extradata.startswith(_START_CODES) else b""
        """Parameter sets from outside the frames, which the filter does not insert into them; empty: there are none."""

    def of(self, packet: Packet[Stream]) -> list[Packet[Stream]]:
        """The access units in a packet; the input ends with an empty packet."""
        if self._filter is None:
            return [packet] if packet.size else []
        return list(self._filter.filter(packet if packet.size else None))
