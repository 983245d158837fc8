"""`Mp4Muxer`: writes Opus and video of any codec that MP4 holds to MP4, by FFmpeg.

The file consists of fragments, which play without an index. At the end it becomes an ordinary file with an index.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping
from datetime import UTC, datetime
from fractions import Fraction
from typing import Final

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.stream import VideoStream

from ..encoded_frame import AUDIO_CLOCK_RATE, VIDEO_CLOCK_RATE, MediaKind
from ..ffmpeg_in_children import keep_in_child
from .muxer import LOST_SECONDS, OPUS_HEAD, About, Muxer, Packet, Template
from .recording_file import RecordingFile

__all__ = ["Mp4Muxer"]

_RATES: Final[dict[MediaKind, int]] = {"video": VIDEO_CLOCK_RATE, "audio": AUDIO_CLOCK_RATE}

_OPTIONS: Final = {
    "movflags": "hybrid_fragmented+frag_keyframe+default_base_moof",
    "frag_duration": str(round(LOST_SECONDS * 1e6)),
    "flush_packets": "1",
    # A track that pauses must not keep the other one in memory; FFmpeg's default is up to ten seconds.
    "max_interleave_delta": str(round(LOST_SECONDS * 1e6)),
}


class Mp4Muxer(Muxer):
    """Writes one MP4 file.

    Args:
        file: The file.
        videos: Templates of the video tracks that have frames, from `template_of`.
        about: The description of the recording; of its time, whole seconds are written.

    Raises:
        av.FFmpegError: FFmpeg refused the streams.
    """

    def __init__(self, file: RecordingFile, videos: Mapping[int, Template], about: About) -> None:
        keep_in_child(self)
        self._file = file
        self._container: OutputContainer = av.open(file, "w", format="mp4", container_options=_OPTIONS)
        self._streams: dict[int, VideoStream | AudioStream] = {}
        self._rates = [_RATES[label.kind] for label in about.tracks]
        for track, label in enumerate(about.tracks):
            if label.kind == "audio":
                audio = self._container.add_stream_from_template(_opus_template(), opaque=True)
                audio.codec_context.extradata = OPUS_HEAD
                self._streams[track] = audio
            elif track in videos:
                self._streams[track] = self._container.add_stream_from_template(videos[track].stream, opaque=True)
        self._container.metadata["creation_time"] = datetime.fromtimestamp(about.began_at, UTC).isoformat()
        for track, stream in self._streams.items():
            stream.time_base = Fraction(1, self._rates[track])
            if name := about.tracks[track].name:
                stream.metadata["handler_name"] = name
        self._header_size: int | None = None
        self._is_closed = False
        self._seconds = 0.0

    @property
    def seconds(self) -> float:
        """Position of the end of the last packet, in seconds."""
        return self._seconds

    def has(self, track: int) -> bool:
        """Whether packets of a track can be written."""
        return track in self._streams

    def write(self, track: int, packet: Packet) -> None:
        """Write a packet, see `Muxer`."""
        rate = self._rates[track]
        muxed = av.Packet(packet.data)
        muxed.stream = self._streams[track]
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
        self._seconds = max(self._seconds, packet.time + packet.duration)

    def close(self) -> None:
        """Write the index, see `Muxer`."""
        if self._is_closed:
            return
        self._is_closed = True
        self._container.close()
        self._file.commit()

    def abandon(self) -> None:
        """Write nothing more, see `Muxer`."""
        if self._is_closed:
            return
        self._is_closed = True
        # FFmpeg frees its memory after an attempt to write the index, which fails.
        with contextlib.suppress(OSError, av.FFmpegError):
            self._container.close()


def _opus_template() -> AudioStream:
    """An Opus stream whose encoder is never opened."""
    return av.open(io.BytesIO(), "w", format="mp4").add_stream("libopus", rate=AUDIO_CLOCK_RATE)
