"""`Muxer`: writes the packets of a recording's tracks to a file; base of the muxers of all kinds of file."""

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
"""Maximum media in seconds that a muxer holds in memory, and that is lost if the process is killed."""

OPUS_HEAD: Final = struct.pack("<8sBBHIhB", b"OpusHead", 1, 2, 0, AUDIO_CLOCK_RATE, 0, 0)
"""ID header, RFC 7845 section 5.1. It has two channels, which WebRTC negotiates (RFC 7587 section 7), whatever the packets
have. It has no pre-skip, since the stream from the network begins in the middle."""


@dataclass(frozen=True, slots=True)
class TrackLabel:
    """The description of a track in a file.

    Attributes:
        kind: Kind of its media.
        name: Name by which the session knows it.
    """

    kind: MediaKind
    name: str


@dataclass(frozen=True, slots=True)
class About:
    """The description of a recording in its file.

    Attributes:
        began_at: Capture time of the beginning as Unix time, by the sender's clock.
        tracks: The tracks in the order of the file. A track is identified by its place among them, from 0.
    """

    began_at: float
    tracks: tuple[TrackLabel, ...]

    def numbers(self, kind: MediaKind) -> list[int]:
        """The places of the tracks of a kind."""
        return [number for number, track in enumerate(self.tracks) if track.kind == kind]


@dataclass(frozen=True, slots=True)
class Packet:
    """One access unit or audio packet of a file.

    Attributes:
        data: An access unit, of H264 in the Annex B format; or an Opus packet.
        time: Position in seconds from the beginning of the recording; 0 or more.
        duration: Duration in seconds.
        keyframe: Whether decoding can begin here.
    """

    data: bytes
    time: float
    duration: float
    keyframe: bool


@dataclass(frozen=True, slots=True)
class RecordedMessage:
    """A message received on a data channel.

    Attributes:
        label: The channel's label.
        content: The message.
        at: Send time as Unix time, by the sender's clock.
    """

    label: str
    content: str | bytes
    at: float

    @property
    def data(self) -> bytes:
        """The message as bytes; a string in UTF-8."""
        return self.content.encode() if isinstance(self.content, str) else self.content


class Muxer(abc.ABC):
    """Writes one file, which it does not close; used by one thread.

    The file has every audio track from the beginning. It has a video track from `add_video` on, or from the beginning if it got
    the track's template. Tracks are identified by their place in `About.tracks`.

    A muxer commits complete data to the `RecordingFile` at least twice per second of media.
    """

    @property
    @abc.abstractmethod
    def seconds(self) -> float:
        """Position of the end of the last packet, in seconds."""

    @abc.abstractmethod
    def has(self, track: int) -> bool:
        """Whether packets of a track can be written."""

    @abc.abstractmethod
    def write(self, track: int, packet: Packet) -> None:
        """Write a packet. Its time must be at least a millisecond after that of its track's last packet.

        Raises:
            OSError: The file could not be written, and must be abandoned.
            av.FFmpegError: FFmpeg refused the packet; the file must be abandoned.
        """

    def add_video(self, track: int, template: Template) -> bool:
        """Add a video track after the beginning of the file, if the kind of file allows it.

        Returns:
            Whether the track was added.
        """
        return False

    def write_message(self, message: RecordedMessage) -> None:  # noqa: B027 - most kinds of file hold no messages
        """Write a message, if the kind of file holds messages.

        Raises:
            OSError: The file could not be written, and must be abandoned.
        """

    @abc.abstractmethod
    def close(self) -> None:
        """Write the index and complete the file; idempotent.

        Raises:
            OSError: The file could not be written.
            av.FFmpegError: FFmpeg could not complete the file.
        """

    @abc.abstractmethod
    def abandon(self) -> None:
        """Write nothing more. The file must be closed before. Idempotent."""


@dataclass(frozen=True, slots=True)
class Template:
    """The properties of a video track that a file needs before it can hold it.

    Attributes:
        codec: The video's codec.
        stream: A stream with the video's size and parameters, if it has any; a muxer copies it.
    """

    codec: VideoCodec
    stream: VideoStream


def template_of(codec: str, keyframe: bytes) -> Template | None:
    """Make the template of a video track.

    Args:
        codec: Name of its codec.
        keyframe: Its first access unit.

    Returns:
        The template; None: the keyframe cannot be decoded.
    """
    video = VIDEO[codec]
    source = io.BytesIO(video.recorded.probe_file(keyframe))
    limits = {"max_pixels": str(MAX_PIXELS)}
    try:
        container = av.open(source, format=video.recorded.probe_format, options=limits)
    except av.FFmpegError:
        return None
    stream = container.streams.video[0]
    # FFmpeg also reports sizes that it refuses to decode.
    is_complete = 0 < stream.width * stream.height <= MAX_PIXELS and stream.pix_fmt is not None
    if video.recorded.needs_parameters:
        is_complete = is_complete and stream.codec_context.extradata is not None
    return Template(video, stream) if is_complete else None


def audio_packets(path: Path) -> Iterator[tuple[int, Packet]]:
    """Read the audio of a finished file without video; yield each packet with the place of its track.

    Raises:
        OSError: The file cannot be read.
        av.FFmpegError: FFmpeg cannot read it.
    """
    with av.open(str(path)) as source:
        for packet in source.demux():
            if packet.pts is not None and packet.duration is not None:
                base = float(packet.time_base)
                audio = Packet(bytes(packet), packet.pts * base, packet.duration * base, True)
                yield packet.stream.index, audio
