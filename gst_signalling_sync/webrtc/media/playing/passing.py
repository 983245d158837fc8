"""Which streams of an input are sent as they are, and in which packets of theirs."""

from __future__ import annotations

from typing import Final

from av.audio.stream import AudioStream
from av.bitstream import BitStreamFilterContext
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from ..codecs import AUDIO, VIDEO
from ..codecs.codec import VideoCodec

__all__ = ["AccessUnits", "codec_passed", "is_sound_passed"]

_START_CODES: Final = (b"\0\0\1", b"\0\0\0\1")


def codec_passed(stream: VideoStream) -> VideoCodec | None:
    """The codec in which the frames of a stream are sent as they are. None: they are encoded again.

    A stream with B-frames is in another order than receivers show it in.
    """
    context = stream.codec_context
    if context.has_b_frames:
        return None
    named = (each for name, each in VIDEO.items() if name.lower() == context.codec.canonical_name)
    codec = next(named, None)
    return codec if codec is not None and codec.unit_reader() is not None else None


def is_sound_passed(stream: AudioStream) -> bool:
    """Whether the packets of a stream are sent as they are: those of a codec that files keep too, in mono or stereo."""
    name = stream.codec_context.codec.canonical_name
    return name in AUDIO and AUDIO[name].is_recorded and stream.codec_context.channels <= 2


class AccessUnits:
    """Makes access units of the packets of a stream.

    Args:
        stream: Of an input.
        codec: Its codec.
    """

    def __init__(self, stream: VideoStream, codec: VideoCodec) -> None:
        self._filter = BitStreamFilterContext(codec.stream_filter, stream) if codec.stream_filter else None
        extradata = bytes(stream.codec_context.extradata or b"")
        self.parameter_sets: Final = extradata if extradata.startswith(_START_CODES) else b""
        """Those that the input tells beside its frames, and the filter does not put into them; empty: there are none."""

    def of(self, packet: Packet[Stream]) -> list[Packet[Stream]]:
        """The access units in a packet, which may be the empty one at the end."""
        if self._filter is None:
            return [packet] if packet.size else []
        return list(self._filter.filter(packet if packet.size else None))
