"""`McapMuxer`: writes video, Opus and messages of data channels to MCAP, in Foxglove's schemas and by its libraries.

Every entry has its time by the sender's clock, so that a robot's frames and its messages of the same moment are side by side.
The file is a sequence of chunks of half a second. Each is written at once and complete, so that the file can be read at any
time; the end adds the index.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from foxglove_schemas_protobuf.CompressedAudio_pb2 import CompressedAudio
from foxglove_schemas_protobuf.CompressedVideo_pb2 import CompressedVideo
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from mcap.writer import CompressionType, Writer
from mcap_protobuf.schema import register_schema

from .muxer import LOST_SECONDS, About, Muxer, Packet, RecordedMessage, Template, TrackLabel
from .recording_file import RecordingFile

__all__ = ["McapMuxer"]

_CHUNK_BYTES: Final = 2 * 1024 * 1024
_NO_SCHEMA: Final = 0
_NANOSECONDS: Final = 1_000_000_000

_MAX_SECONDS: Final = 1.8e10
"""Maximum time in MCAP, in seconds: nanoseconds in 64 bits."""


class McapMuxer(Muxer):
    """Writes one MCAP file.

    Args:
        file: The file.
        videos: Templates of the video tracks that have frames, from `template_of`.
        about: The beginning, and the names of the tracks, from which topics are made: ``/video/wrist``.

    Raises:
        OSError: The file could not be written.
    """

    def __init__(self, file: RecordingFile, videos: Mapping[int, Template], about: About) -> None:
        self._file = file
        # Codecs of the video tracks, by the names of Foxglove's schema.
        self._codecs: dict[int, str] = {}
        self._about = about
        self._writer = Writer(file, chunk_size=_CHUNK_BYTES, compression=CompressionType.NONE)  # type: ignore[arg-type]
        self._writer.start(library="gst-signalling-sync")
        # MCAP's channel ids, of tracks and of data channels by their labels.
        self._tracks: dict[int, int] = {}
        self._schemas: dict[type[Message], int] = {}
        self._channels: dict[str, int] = {}
        for track, label in enumerate(about.tracks):
            if label.kind == "audio":
                self._tracks[track] = self._add_topic(label, CompressedAudio)
            elif track in videos:
                self.add_video(track, videos[track])
        self._seconds = 0.0
        # The first time of each MCAP channel in the chunk that is not in the file yet. Messages that the peer does not date
        # have times by our clock, and frames by the peer's, which may be hours apart.
        self._chunk_begins: dict[int, float] = {}
        self._is_closed = False

    @property
    def seconds(self) -> float:
        """Position of the end of the last packet, in seconds."""
        return self._seconds

    def has(self, track: int) -> bool:
        """Whether packets of a track can be written."""
        return track in self._tracks

    def add_video(self, track: int, template: Template) -> bool:
        """Add a video track, see `Muxer`."""
        self._codecs[track] = template.codec.name.lower()
        self._tracks[track] = self._add_topic(self._about.tracks[track], CompressedVideo)
        return True

    def write(self, track: int, packet: Packet) -> None:
        """Write a packet, see `Muxer`."""
        at = self._about.began_at + packet.time
        timestamp, name = _timestamp(at), self._about.tracks[track].name
        if track in self._codecs:
            entry: Message = CompressedVideo(
                timestamp=timestamp, frame_id=name, data=packet.data, format=self._codecs[track]
            )
        else:
            entry = CompressedAudio(timestamp=timestamp, data=packet.data, format="opus")
        self._add(self._tracks[track], at, entry.SerializeToString())
        self._seconds = max(self._seconds, packet.time + packet.duration)

    def write_message(self, message: RecordedMessage) -> None:
        """Write a message of a data channel, see `Muxer`."""
        if message.label not in self._channels:
            topic = f"/channels/{message.label}"
            self._channels[message.label] = self._writer.register_channel(
                topic, _encoding_of(message.content), _NO_SCHEMA
            )
        self._add(self._channels[message.label], message.at, message.data)

    def close(self) -> None:
        """Write the index, see `Muxer`."""
        if self._is_closed:
            return
        self._is_closed = True
        self._writer.finish()  # type: ignore[no-untyped-call]
        self._file.commit()

    def abandon(self) -> None:
        """Write nothing more, see `Muxer`."""
        self._is_closed = True

    def _add_topic(self, label: TrackLabel, schema: type[Message]) -> int:
        if schema not in self._schemas:
            self._schemas[schema] = register_schema(self._writer, schema)
        return self._writer.register_channel(f"/{label.kind}/{label.name}", "protobuf", self._schemas[schema])

    def _add(self, channel: int, at: float, data: bytes) -> None:
        # The time comes from the peer.
        nanoseconds = round(min(max(0.0, at), _MAX_SECONDS) * _NANOSECONDS)
        self._writer.add_message(channel, log_time=nanoseconds, data=data, publish_time=nanoseconds)
        if abs(at - self._chunk_begins.setdefault(channel, at)) >= LOST_SECONDS:
            self._chunk_begins.clear()
            self._writer.flush()  # type: ignore[no-untyped-call]
            self._file.commit()


def _timestamp(at: float) -> Timestamp:
    seconds, nanoseconds = divmod(max(0, round(at * _NANOSECONDS)), _NANOSECONDS)
    return Timestamp(seconds=seconds, nanos=nanoseconds)


def _encoding_of(content: str | bytes) -> str:
    """MCAP's name for the encoding of a channel's messages, by the first of them."""
    if isinstance(content, bytes):
        return "application/octet-stream"
    try:
        json.loads(content)
    except (ValueError, RecursionError):
        # The peer may nest arrays as deeply as it likes.
        return "text/plain"
    return "json"
