"""`MatroskaMuxer`: writes video and Opus to MKV and WebM (Matroska, RFC 9559, and the WebM container guidelines).

It does not use FFmpeg's muxer, which holds audio in memory for as long as a VP8 video pauses. The file is a sequence of
clusters of half a second. Each is written at once and complete, so that the file plays at any time. The end adds the index, and
fills in values for which the header has reserved room; so does a video track that is added later.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ..encoded_frame import AUDIO_CLOCK_RATE, MediaKind
from .ebml import UNKNOWN_SIZE, element, number, real, text, void
from .muxer import LOST_SECONDS, OPUS_HEAD, About, Muxer, Packet, Template, TrackLabel
from .recording_file import RecordingFile

__all__ = ["ENTRY_BYTES", "MatroskaMuxer"]

_NANOSECONDS_PER_TICK: Final = 1_000_000
_TICKS_PER_SECOND: Final = 1000

_CLUSTER_TICKS: Final = round(LOST_SECONDS * _TICKS_PER_SECOND)
_MAX_DISTANT_TICKS: Final = 10_000
"""Maximum distance between audio and video in one cluster, whose relative times have 16 bits."""

_AUDIO_CUE_TICKS: Final = 5000
"""Distance between cue points in a file without video."""

_CONVERGENCE_NANOSECONDS: Final = 80_000_000
"""Seek pre-roll that an Opus decoder needs to converge (RFC 7845 section 4.6)."""

_MAX_CLUSTER_BYTES: Final = 2 * 1024 * 1024
_SEEK_HEAD_BYTES: Final = 96
_DURATION_BYTES: Final = 11

ENTRY_BYTES: Final = 8192
"""Room for the entry of each video track that may be added later; its parameters are some hundred bytes."""

_MIN_VOID_BYTES: Final = 2

_EPOCH_SECONDS: Final = 978_307_200
"""Seconds from 1970 to 2001 (RFC 8794 section 7.6)."""

_TRACK_TYPES: Final[dict[MediaKind, int]] = {"video": 1, "audio": 2}

# RFC 8794 section 11.2, RFC 9559 section 5.1.
_EBML, _DOCUMENT_TYPE, _DOCUMENT_VERSION, _DOCUMENT_READ_VERSION = 0x1A45DFA3, 0x4282, 0x4287, 0x4285
_SEGMENT, _SEEK_HEAD, _SEEK, _SEEK_ID, _SEEK_POSITION = 0x18538067, 0x114D9B74, 0x4DBB, 0x53AB, 0x53AC
_INFO, _TIMESTAMP_SCALE, _DURATION, _DATE, _MUXING_APP, _WRITING_APP = (
    0x1549A966,
    0x2AD7B1,
    0x4489,
    0x4461,
    0x4D80,
    0x5741,
)
_TRACKS, _TRACK_ENTRY, _TRACK_NUMBER, _TRACK_UID, _TRACK_TYPE = 0x1654AE6B, 0xAE, 0xD7, 0x73C5, 0x83
_FLAG_DEFAULT, _FLAG_LACING, _NAME, _LANGUAGE, _CODEC_ID, _CODEC_PRIVATE = 0x88, 0x9C, 0x536E, 0x22B59C, 0x86, 0x63A2
_CODEC_DELAY, _SEEK_PRE_ROLL, _AUDIO, _SAMPLING_FREQUENCY, _CHANNELS = 0x56AA, 0x56BB, 0xE1, 0xB5, 0x9F
_VIDEO, _PIXEL_WIDTH, _PIXEL_HEIGHT = 0xE0, 0xB0, 0xBA
_CLUSTER, _TIMESTAMP, _SIMPLE_BLOCK = 0x1F43B675, 0xE7, 0xA3
_CUES, _CUE_POINT, _CUE_TIME, _CUE_TRACK_POSITIONS, _CUE_TRACK, _CUE_CLUSTER = 0x1C53BB6B, 0xBB, 0xB3, 0xB7, 0xF7, 0xF1


@dataclass(frozen=True, slots=True)
class _Block:
    """A packet in its cluster."""

    track: int
    ticks: int
    data: bytes
    keyframe: bool


class MatroskaMuxer(Muxer):
    """Writes one MKV or WebM file.

    Args:
        document_type: ``"matroska"`` or ``"webm"``.
        file: The file.
        videos: Templates of the video tracks that have frames, from `template_of`.
        about: The description of the recording.

    Raises:
        OSError: The file could not be written.
    """

    def __init__(self, document_type: str, file: RecordingFile, videos: Mapping[int, Template], about: About) -> None:
        self._file = file
        self._tracks = about.tracks
        self._videos = dict(videos)
        self._cluster: list[_Block] = []
        self._cluster_begins: dict[int, int] = {}
        self._cluster_size = 0
        self._seconds = 0.0
        # Cue points: time in ticks, track, and position of the cluster in the segment.
        self._cues: list[tuple[int, int, int]] = []
        self._is_closed = False

        application = text(_MUXING_APP, "gst-signalling-sync") + text(_WRITING_APP, "gst-signalling-sync")
        scale = number(_TIMESTAMP_SCALE, _NANOSECONDS_PER_TICK)
        info = element(_INFO, scale + _date(about.began_at) + application + void(_DURATION_BYTES))
        header = _document_header(document_type) + element(_SEGMENT, b"", UNKNOWN_SIZE)
        self._segment_begin = len(header)
        self._info_position = _SEEK_HEAD_BYTES
        self._tracks_position = self._info_position + len(info)
        self._duration_position = self._segment_begin + self._tracks_position - _DURATION_BYTES
        tracks = self._entries()
        left_out = len(about.numbers("video")) - len(self._videos)
        self._tracks_bytes = len(tracks) + left_out * ENTRY_BYTES
        room = void(left_out * ENTRY_BYTES) if left_out else b""
        file.write(header + void(_SEEK_HEAD_BYTES) + info + tracks + room)

    @property
    def seconds(self) -> float:
        """Position of the end of the last packet, in seconds."""
        return self._seconds

    def has(self, track: int) -> bool:
        """Whether packets of a track can be written."""
        return track in self._videos or self._tracks[track].kind == "audio"

    def add_video(self, track: int, template: Template) -> bool:
        """Add a video track, see `Muxer`. The room in the header is enough for parameters of any usual size."""
        self._videos[track] = template
        tracks = self._entries()
        left = self._tracks_bytes - len(tracks)
        if 0 < left < _MIN_VOID_BYTES or left < 0:
            del self._videos[track]
            return False
        self._change(self._segment_begin + self._tracks_position, tracks + (void(left) if left else b""))
        return True

    def write(self, track: int, packet: Packet) -> None:
        """Write a packet, see `Muxer`."""
        ticks = round(packet.time * _TICKS_PER_SECOND)
        video = self._videos.get(track)
        data = packet.data if video is None else video.codec.recorded.matroska_data(packet.data)
        if (video is not None and packet.keyframe) or self._is_full(track, ticks):
            self._write_cluster()
        self._cluster.append(_Block(track, ticks, data, packet.keyframe))
        self._cluster_begins.setdefault(track, ticks)
        self._cluster_size += len(data)
        self._seconds = max(self._seconds, packet.time + packet.duration)

    def close(self) -> None:
        """Write the index, see `Muxer`."""
        if self._is_closed:
            return
        self._is_closed = True
        self._write_cluster()
        cues_position = self._file.size - self._segment_begin
        self._file.write(element(_CUES, b"".join(_cue(*cue) for cue in sorted(self._cues))))
        positions = {_INFO: self._info_position, _TRACKS: self._tracks_position, _CUES: cues_position}
        seek_head = element(_SEEK_HEAD, b"".join(_seek(target, position) for target, position in positions.items()))
        self._change(self._segment_begin, seek_head + void(_SEEK_HEAD_BYTES - len(seek_head)))
        self._change(self._duration_position, real(_DURATION, round(self._seconds * _TICKS_PER_SECOND)))
        size = self._file.size - self._segment_begin
        self._change(self._segment_begin - 8, (size | 1 << 56).to_bytes(8, "big"))
        self._file.commit()

    def abandon(self) -> None:
        """Write nothing more, see `Muxer`."""
        self._is_closed = True

    def _change(self, position: int, data: bytes) -> None:
        end = self._file.tell()
        self._file.seek(position)
        self._file.write(data)
        self._file.seek(end)

    def _entries(self) -> bytes:
        """The entries of the present tracks. Players begin with the first one of each kind."""
        entries = []
        kinds: set[MediaKind] = set()
        for track, label in enumerate(self._tracks):
            video = self._videos.get(track)
            if video is not None or label.kind == "audio":
                details = _audio_details() if video is None else _video_details(video)
                entries.append(_track(track, label, label.kind not in kinds, details))
                kinds.add(label.kind)
        return element(_TRACKS, b"".join(entries))

    def _is_full(self, track: int, ticks: int) -> bool:
        """Whether the cluster is too long, too large, or too far from a packet that it would have to hold."""
        length = ticks - self._cluster_begins.get(track, ticks)
        distance = max((abs(ticks - begin) for begin in self._cluster_begins.values()), default=0)
        return length >= _CLUSTER_TICKS or distance >= _MAX_DISTANT_TICKS or self._cluster_size > _MAX_CLUSTER_BYTES

    def _write_cluster(self) -> None:
        if not self._cluster:
            return
        blocks = sorted(self._cluster, key=lambda block: block.ticks)
        self._cluster = []
        self._cluster_begins = {}
        self._cluster_size = 0
        begin = blocks[0].ticks
        self._note_cue(blocks)
        payload = [number(_TIMESTAMP, begin)]
        for block in blocks:
            flags = 0x80 if block.keyframe else 0
            head = struct.pack(">BhB", 0x80 | block.track + 1, block.ticks - begin, flags)
            payload.append(element(_SIMPLE_BLOCK, head + block.data))
        self._file.write(element(_CLUSTER, b"".join(payload)))
        self._file.commit()

    def _note_cue(self, blocks: list[_Block]) -> None:
        if self._videos:
            seekable = [block for block in blocks if block.track in self._videos and block.keyframe]
        elif not self._cues or blocks[0].ticks - self._cues[-1][0] >= _AUDIO_CUE_TICKS:
            seekable = blocks[:1]
        else:
            seekable = []
        position = self._file.size - self._segment_begin
        self._cues += [(block.ticks, block.track, position) for block in seekable]


def _cue(ticks: int, track: int, position: int) -> bytes:
    positions = element(_CUE_TRACK_POSITIONS, number(_CUE_TRACK, track + 1) + number(_CUE_CLUSTER, position))
    return element(_CUE_POINT, number(_CUE_TIME, ticks) + positions)


def _document_header(document_type: str) -> bytes:
    written_by, read_by = number(_DOCUMENT_VERSION, 4), number(_DOCUMENT_READ_VERSION, 2)
    return element(_EBML, text(_DOCUMENT_TYPE, document_type) + written_by + read_by)


def _date(unix: float) -> bytes:
    """DateUTC of the beginning (RFC 9559 section 5.1.2.11): nanoseconds since 2001."""
    return element(_DATE, round((unix - _EPOCH_SECONDS) * 1e9).to_bytes(8, "big", signed=True))


def _track(track: int, label: TrackLabel, is_default: bool, rest: bytes) -> bytes:
    numbers = number(_TRACK_NUMBER, track + 1) + number(_TRACK_UID, track + 1)
    flags = number(_FLAG_DEFAULT, int(is_default)) + number(_FLAG_LACING, 0)
    named = text(_NAME, label.name) if label.name else b""
    head = numbers + number(_TRACK_TYPE, _TRACK_TYPES[label.kind]) + flags + named + text(_LANGUAGE, "und")
    return element(_TRACK_ENTRY, head + rest)


def _video_details(video: Template) -> bytes:
    stream, recorded = video.stream, video.codec.recorded
    size = element(_VIDEO, number(_PIXEL_WIDTH, stream.width) + number(_PIXEL_HEIGHT, stream.height))
    private = recorded.matroska_private(stream.codec_context.extradata or b"")
    return text(_CODEC_ID, recorded.matroska_codec) + (element(_CODEC_PRIVATE, private) if private else b"") + size


def _audio_details() -> bytes:
    audio = element(_AUDIO, real(_SAMPLING_FREQUENCY, AUDIO_CLOCK_RATE) + number(_CHANNELS, 2))
    delays = number(_CODEC_DELAY, 0) + number(_SEEK_PRE_ROLL, _CONVERGENCE_NANOSECONDS)
    return text(_CODEC_ID, "A_OPUS") + element(_CODEC_PRIVATE, OPUS_HEAD) + delays + audio


def _seek(target: int, position: int) -> bytes:
    return element(_SEEK, element(_SEEK_ID, target.to_bytes(4, "big")) + number(_SEEK_POSITION, position))
