"""`Muxer`: packets of one video and one audio stream on their way into a file, by FFmpeg."""

from __future__ import annotations

import contextlib
import io
import struct
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.stream import VideoStream

from .container import Container
from .encoded_frame import AUDIO_CLOCK_RATE, VIDEO_CLOCK_RATE, MediaKind
from .recording_file import RecordingFile
from .video_decoder import MOST_PIXELS

__all__ = ["Muxer", "Packet", "template_of"]

_RATES: Final[dict[MediaKind, int]] = {"video": VIDEO_CLOCK_RATE, "audio": AUDIO_CLOCK_RATE}

_OPUS_HEAD: Final = struct.pack("<8sBBHIhB", b"OpusHead", 1, 2, 0, AUDIO_CLOCK_RATE, 0, 0)
"""RFC 7845 section 5.1. Two channels, which is what WebRTC negotiates (RFC 7587 section 7), whatever the packets hold. No
pre-skip: what came over the network begins in the middle of something."""


@dataclass(frozen=True, slots=True)
class Packet:
    """What a player decodes at one time.

    Attributes:
        data: An access unit, or a packet of Opus.
        time: Seconds from the beginning of the recording.
        duration: Seconds.
        keyframe: Whether decoding can begin here.
    """

    data: bytes
    time: float
    duration: float
    keyframe: bool


def template_of(codec: str, keyframe: bytes) -> VideoStream | None:
    """What a container has to know of a video before it can hold it: its size, and the parameter sets of H264.

    Args:
        codec: ``"VP8"`` or ``"H264"``.
        keyframe: The first access unit.

    Returns:
        A stream to be copied by a `Muxer`; None if the keyframe cannot be decoded.
    """
    source = io.BytesIO(keyframe if codec == "H264" else _ivf(keyframe))
    limits = {"max_pixels": str(MOST_PIXELS)}
    try:
        container = av.open(source, format="h264" if codec == "H264" else "ivf", options=limits)
    except av.FFmpegError:
        return None
    stream = container.streams.video[0]
    is_complete = stream.width > 0 and stream.height > 0 and stream.pix_fmt is not None
    if codec == "H264":
        is_complete = is_complete and stream.codec_context.extradata is not None
    return stream if is_complete else None


class Muxer:
    """Writes one file; used by one thread.

    Args:
        file: Where to; the muxer commits what is whole, and does not close it.
        container: The kind of file.
        video: From `template_of`; None: the file has no video.
        has_audio: Whether it has a track of Opus.

    Raises:
        OSError: The file could not be written.
        av.FFmpegError: FFmpeg refused the streams.
    """

    def __init__(self, file: RecordingFile, container: Container, video: VideoStream | None, has_audio: bool) -> None:
        self._file = file
        self._container: OutputContainer = av.open(
            file, "w", format=container.format, container_options=dict(container.options)
        )
        self._streams: dict[MediaKind, VideoStream | AudioStream] = {}
        self._header_size: int | None = None
        self._is_closed = False
        if video is not None:
            self._streams["video"] = self._container.add_stream_from_template(video, opaque=True)
        if has_audio:
            audio = self._container.add_stream_from_template(_opus_template(), opaque=True)
            audio.codec_context.extradata = _OPUS_HEAD
            self._streams["audio"] = audio
        for kind, stream in self._streams.items():
            stream.time_base = Fraction(1, _RATES[kind])
        self.seconds = 0.0
        """Where the last packet ends."""

    @property
    def has_video(self) -> bool:
        """Whether there is a stream for it."""
        return "video" in self._streams

    def write(self, kind: MediaKind, packet: Packet) -> None:
        """Add a packet; its time must be later than that of the one before, of that kind.

        Raises:
            OSError: The file could not be written; it is to be abandoned.
            av.FFmpegError: FFmpeg refused the packet; likewise.
        """
        rate = _RATES[kind]
        muxed = av.Packet(packet.data)
        muxed.stream = self._streams[kind]
        muxed.time_base = Fraction(1, rate)
        muxed.pts = muxed.dts = round(packet.time * rate)
        muxed.duration = round(packet.duration * rate)
        muxed.is_keyframe = packet.keyframe
        self._container.mux_one(muxed)
        if self._header_size is None:
            self._header_size = self._file.size
        if self._file.size > self._header_size:
            # A header without any media would not play.
            self._file.commit()
        self.seconds = max(self.seconds, packet.time + packet.duration)

    def copy_audio(self, path: Path) -> None:
        """Add the packets of a finished file.

        Raises:
            OSError: It could not be read, or this one not be written.
            av.FFmpegError: Likewise.
        """
        with av.open(str(path)) as source:
            for packet in source.demux(audio=0):
                if packet.pts is None or packet.duration is None:
                    continue
                base = float(packet.time_base)
                self.write("audio", Packet(bytes(packet), packet.pts * base, packet.duration * base, True))

    def close(self) -> None:
        """Write the index, and what else makes the file whole; idempotent.

        Raises:
            OSError: The file could not be written.
            av.FFmpegError: Likewise.
        """
        if self._is_closed:
            return
        self._is_closed = True
        self._container.close()
        self._file.commit()

    def abandon(self) -> None:
        """Write nothing more: the file must be closed before."""
        if self._is_closed:
            return
        self._is_closed = True
        # FFmpeg frees what it holds, after it tried in vain to write the index.
        with contextlib.suppress(OSError, av.FFmpegError):
            self._container.close()


def _opus_template() -> AudioStream:
    """A stream of Opus whose encoder is never opened."""
    return av.open(io.BytesIO(), "w", format="matroska").add_stream("libopus", rate=AUDIO_CLOCK_RATE)


def _ivf(frame: bytes) -> bytes:
    """A file of one frame of VP8, without its size, which stands in the frame itself."""
    header = struct.pack("<4sHH4sHHIIII", b"DKIF", 0, 32, b"VP80", 0, 0, VIDEO_CLOCK_RATE, 1, 1, 0)
    return header + struct.pack("<IQ", len(frame), 0) + frame
