"""`Muxer`: packets of one video and one audio stream on their way into a file; what is common to all kinds of file."""

from __future__ import annotations

import abc
import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import av
from av.video.stream import VideoStream

from ..encoded_frame import AUDIO_CLOCK_RATE, VIDEO_CLOCK_RATE, MediaKind
from ..receiving.video_decoder import MOST_PIXELS

__all__ = ["LOST_SECONDS", "OPUS_HEAD", "Muxer", "Packet", "audio_packets", "template_of"]

LOST_SECONDS: Final = 0.5
"""Of media that a muxer holds in memory, and that are lost when the process is killed."""

OPUS_HEAD: Final = struct.pack("<8sBBHIhB", b"OpusHead", 1, 2, 0, AUDIO_CLOCK_RATE, 0, 0)
"""RFC 7845 section 5.1. Two channels, which is what WebRTC negotiates (RFC 7587 section 7), whatever the packets hold. No
pre-skip: what came over the network begins in the middle of something."""


@dataclass(frozen=True, slots=True)
class Packet:
    """What a player decodes at one time.

    Attributes:
        data: An access unit, of H264 in the Annex B format; or a packet of Opus.
        time: Seconds from the beginning of the recording; 0 or more.
        duration: Seconds.
        keyframe: Whether decoding can begin here.
    """

    data: bytes
    time: float
    duration: float
    keyframe: bool


class Muxer(abc.ABC):
    """Writes one file, which it does not close; used by one thread.

    What is whole it commits to the `RecordingFile`, at least twice a second of media.
    """

    @property
    @abc.abstractmethod
    def seconds(self) -> float:
        """Where the last packet ends."""

    @property
    @abc.abstractmethod
    def has_video(self) -> bool:
        """Whether there is a stream for it."""

    @abc.abstractmethod
    def write(self, kind: MediaKind, packet: Packet) -> None:
        """Add a packet; its time must be later, by a millisecond or more, than that of the one before, of that kind.

        Raises:
            OSError: The file could not be written; it is to be abandoned.
            av.FFmpegError: FFmpeg refused the packet; likewise.
        """

    @abc.abstractmethod
    def close(self) -> None:
        """Write the index, and what else makes the file whole; idempotent.

        Raises:
            OSError: The file could not be written.
            av.FFmpegError: Likewise.
        """

    @abc.abstractmethod
    def abandon(self) -> None:
        """Write nothing more; the file must be closed before. Idempotent."""


def template_of(codec: str, keyframe: bytes) -> VideoStream | None:
    """What a file has to know of a video before it can hold it: its size, and the parameter sets of H264.

    Args:
        codec: ``"VP8"`` or ``"H264"``.
        keyframe: The first access unit.

    Returns:
        A stream that a muxer copies; None if the keyframe cannot be decoded.
    """
    source = io.BytesIO(keyframe if codec == "H264" else _ivf(keyframe))
    limits = {"max_pixels": str(MOST_PIXELS)}
    try:
        container = av.open(source, format="h264" if codec == "H264" else "ivf", options=limits)
    except av.FFmpegError:
        return None
    stream = container.streams.video[0]
    # FFmpeg reports a size that it refuses to decode.
    is_complete = 0 < stream.width * stream.height <= MOST_PIXELS and stream.pix_fmt is not None
    if codec == "H264":
        is_complete = is_complete and stream.codec_context.extradata is not None
    return stream if is_complete else None


def audio_packets(path: Path) -> Iterator[Packet]:
    """The sound of a finished file.

    Raises:
        OSError: It cannot be read.
        av.FFmpegError: Likewise.
    """
    with av.open(str(path)) as source:
        for packet in source.demux(audio=0):
            if packet.pts is not None and packet.duration is not None:
                base = float(packet.time_base)
                yield Packet(bytes(packet), packet.pts * base, packet.duration * base, True)


def _ivf(frame: bytes) -> bytes:
    """A file of one frame of VP8, without its size, which stands in the frame itself."""
    header = struct.pack("<4sHH4sHHIIII", b"DKIF", 0, 32, b"VP80", 0, 0, VIDEO_CLOCK_RATE, 1, 1, 0)
    return header + struct.pack("<IQ", len(frame), 0) + frame
