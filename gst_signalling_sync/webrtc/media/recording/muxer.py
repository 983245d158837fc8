"""`Muxer`: packets of the tracks of a recording on their way into a file; what is common to all kinds of file."""

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

from ..codecs import VIDEO
from ..codecs.codec import VideoCodec
from ..encoded_frame import AUDIO_CLOCK_RATE, MediaKind
from ..receiving.video_decoder import MAX_PIXELS

__all__ = [
    "LOST_SECONDS",
    "OPUS_HEAD",
    "About",
    "Muxer",
    "Packet",
    "RecordedMessage",
    "Template",
    "TrackLabel",
    "audio_packets",
    "template_of",
]

LOST_SECONDS: Final = 0.5
"""Of media that a muxer holds in memory, and that are lost when the process is killed."""

OPUS_HEAD: Final = struct.pack("<8sBBHIhB", b"OpusHead", 1, 2, 0, AUDIO_CLOCK_RATE, 0, 0)
"""RFC 7845 section 5.1. Two channels, which is what WebRTC negotiates (RFC 7587 section 7), whatever the packets hold. No
pre-skip: what came over the network begins in the middle of something."""


@dataclass(frozen=True, slots=True)
class TrackLabel:
    """What a file says of a track.

    Attributes:
        kind: Of its media.
        name: By which the session knows it.
    """

    kind: MediaKind
    name: str


@dataclass(frozen=True, slots=True)
class About:
    """What a file says of itself beside what is in it.

    Attributes:
        began_at: When what it begins with was captured, as Unix time by the sender's clock.
        tracks: In the order of the file; a track is known by its place among them, counted from 0.
    """

    began_at: float
    tracks: tuple[TrackLabel, ...]

    def numbers(self, kind: MediaKind) -> list[int]:
        """The places of the tracks of a kind."""
        return [number for number, track in enumerate(self.tracks) if track.kind == kind]


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


@dataclass(frozen=True, slots=True)
class RecordedMessage:
    """A message that came on a data channel.

    Attributes:
        label: Of the channel.
        content: A text or bytes.
        at: When it was sent, as Unix time by the sender's clock.
    """

    label: str
    content: str | bytes
    at: float

    @property
    def data(self) -> bytes:
        """In UTF-8 where it is a text."""
        return self.content.encode() if isinstance(self.content, str) else self.content


class Muxer(abc.ABC):
    """Writes one file, which it does not close; used by one thread.

    Every audio track has its place from the beginning, a video from `add_video` on, or from the beginning where a template is
    given then. Tracks are known by their place in `About.tracks`.

    What is whole it commits to the `RecordingFile`, at least twice a second of media.
    """

    @property
    @abc.abstractmethod
    def seconds(self) -> float:
        """Where the last packet ends."""

    @abc.abstractmethod
    def has(self, track: int) -> bool:
        """Whether packets of a track can be written."""

    @abc.abstractmethod
    def write(self, track: int, packet: Packet) -> None:
        """Add a packet; its time must be later, by a millisecond or more, than that of the one before, of that track.

        Raises:
            OSError: The file could not be written; it is to be abandoned.
            av.FFmpegError: FFmpeg refused the packet; likewise.
        """

    def add_video(self, track: int, template: Template) -> bool:
        """Begin a video, which comes later than the beginning of the file, where that is possible.

        Returns:
            Whether it is.
        """
        return False

    def write_message(self, message: RecordedMessage) -> None:  # noqa: B027 - most files hold none
        """Add a message, where the file holds such.

        Raises:
            OSError: The file could not be written; it is to be abandoned.
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


@dataclass(frozen=True, slots=True)
class Template:
    """What a file has to know of a video before it can hold it.

    Attributes:
        codec: Of the video.
        stream: Has its size, and its parameters where it has any; a muxer copies it.
    """

    codec: VideoCodec
    stream: VideoStream


def template_of(codec: str, keyframe: bytes) -> Template | None:
    """What a file has to know of a video.

    Args:
        codec: Its name.
        keyframe: The first access unit.

    Returns:
        None if the keyframe cannot be decoded.
    """
    video = VIDEO[codec]
    source = io.BytesIO(video.recorded.probe_file(keyframe))
    limits = {"max_pixels": str(MAX_PIXELS)}
    try:
        container = av.open(source, format=video.recorded.probe_format, options=limits)
    except av.FFmpegError:
        return None
    stream = container.streams.video[0]
    # FFmpeg reports a size that it refuses to decode.
    is_complete = 0 < stream.width * stream.height <= MAX_PIXELS and stream.pix_fmt is not None
    if video.recorded.needs_parameters:
        is_complete = is_complete and stream.codec_context.extradata is not None
    return Template(video, stream) if is_complete else None


def audio_packets(path: Path) -> Iterator[tuple[int, Packet]]:
    """The sound of a finished file without video, each packet with the place of its track.

    Raises:
        OSError: It cannot be read.
        av.FFmpegError: Likewise.
    """
    with av.open(str(path)) as source:
        for packet in source.demux():
            if packet.pts is not None and packet.duration is not None:
                base = float(packet.time_base)
                sound = Packet(bytes(packet), packet.pts * base, packet.duration * base, True)
                yield packet.stream.index, sound
