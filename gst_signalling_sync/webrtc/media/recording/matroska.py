"""`MatroskaMuxer`: video and Opus in MKV and WebM (RFC 9559, and the WebM container guidelines).

Not by FFmpeg, whose muxer holds sound back in memory for as long as a video of VP8 pauses. The file is a sequence of clusters
of half a second, each written at once and whole, so that it plays at any time. The end adds the index, and puts in what the
header has left room for.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from ..encoded_frame import AUDIO_CLOCK_RATE, MediaKind
from .ebml import UNKNOWN_SIZE, element, number, real, text, void
from .muxer import LOST_SECONDS, OPUS_HEAD, About, Muxer, Packet, Template
from .recording_file import RecordingFile

__all__ = ["MatroskaMuxer"]

_NANOSECONDS_PER_TICK: Final = 1_000_000
_TICKS_PER_SECOND: Final = 1000

_CLUSTER_TICKS: Final = round(LOST_SECONDS * _TICKS_PER_SECOND)
_MAX_DISTANT_TICKS: Final = 10_000
"""Between sound and picture in one cluster; times in it are counted in 16 bits."""

_SOUND_CUE_TICKS: Final = 5000
"""From one place that a player can seek to, to the next, in a file without video."""

_CONVERGENCE_NANOSECONDS: Final = 80_000_000
"""That a decoder of Opus takes (RFC 7845 section 4.6)."""

_MAX_CLUSTER_BYTES: Final = 2 * 1024 * 1024
_SEEK_HEAD_BYTES: Final = 96
_DURATION_BYTES: Final = 11

_EPOCH_SECONDS: Final = 978_307_200
"""From 1970 to 2001 (RFC 8794 section 7.6)."""

_TRACK_NUMBERS: Final[dict[MediaKind, int]] = {"video": 1, "audio": 2}

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
_FLAG_LACING, _NAME, _LANGUAGE, _CODEC_ID, _CODEC_PRIVATE = 0x9C, 0x536E, 0x22B59C, 0x86, 0x63A2
_CODEC_DELAY, _SEEK_PRE_ROLL, _AUDIO, _SAMPLING_FREQUENCY, _CHANNELS = 0x56AA, 0x56BB, 0xE1, 0xB5, 0x9F
_VIDEO, _PIXEL_WIDTH, _PIXEL_HEIGHT = 0xE0, 0xB0, 0xBA
_CLUSTER, _TIMESTAMP, _SIMPLE_BLOCK = 0x1F43B675, 0xE7, 0xA3
_CUES, _CUE_POINT, _CUE_TIME, _CUE_TRACK_POSITIONS, _CUE_TRACK, _CUE_CLUSTER = 0x1C53BB6B, 0xBB, 0xB3, 0xB7, 0xF7, 0xF1


@dataclass(frozen=True, slots=True)
class _Block:
    """A packet in its cluster."""

    kind: MediaKind
    ticks: int
    data: bytes
    keyframe: bool


class MatroskaMuxer(Muxer):
    """Writes one MKV or WebM file.

    Args:
        document_type: ``"matroska"`` or ``"webm"``.
        file: Where to.
        video: From `template_of`; None: the file has no video.
        has_audio: Whether it has a track of Opus.
        about: What it says of itself.

    Raises:
        OSError: The file could not be written.
    """

    def __init__(
        self, document_type: str, file: RecordingFile, video: Template | None, has_audio: bool, about: About
    ) -> None:
        self._file = file
        self._has_video = video is not None
        self._block_data = _as_it_is if video is None else video.codec.recorded.matroska_data
        self._cluster: list[_Block] = []
        self._cluster_begins: dict[MediaKind, int] = {}
        self._cluster_size = 0
        self._seconds = 0.0
        # Of each cluster that a player can seek to, its time in ticks and where it is in the segment.
        self._cues: list[tuple[int, int]] = []
        self._is_closed = False

        application = text(_MUXING_APP, "gst-signalling-sync") + text(_WRITING_APP, "gst-signalling-sync")
        scale = number(_TIMESTAMP_SCALE, _NANOSECONDS_PER_TICK)
        info = element(_INFO, scale + _date(about.began_at) + application + void(_DURATION_BYTES))
        header = _document_header(document_type) + element(_SEGMENT, b"", UNKNOWN_SIZE)
        self._segment_begin = len(header)
        self._info_position = _SEEK_HEAD_BYTES
        self._tracks_position = self._info_position + len(info)
        self._duration_position = self._segment_begin + self._tracks_position - _DURATION_BYTES
        entries = [] if video is None else [_video_entry(video, about.names.get("video"))]
        entries += [_audio_entry(about.names.get("audio"))] if has_audio else []
        file.write(header + void(_SEEK_HEAD_BYTES) + info + element(_TRACKS, b"".join(entries)))

    @property
    def seconds(self) -> float:
        """Where the last packet ends."""
        return self._seconds

    @property
    def has_video(self) -> bool:
        """Whether there is a stream for it."""
        return self._has_video

    def write(self, kind: MediaKind, packet: Packet) -> None:
        """Add a packet, see `Muxer`."""
        ticks = round(packet.time * _TICKS_PER_SECOND)
        data = self._block_data(packet.data) if kind == "video" else packet.data
        begins_cluster = kind == "video" and packet.keyframe
        if begins_cluster or self._is_full(kind, ticks):
            self._write_cluster()
        self._cluster.append(_Block(kind, ticks, data, packet.keyframe))
        self._cluster_begins.setdefault(kind, ticks)
        self._cluster_size += len(data)
        self._seconds = max(self._seconds, packet.time + packet.duration)

    def close(self) -> None:
        """Write the index, see `Muxer`."""
        if self._is_closed:
            return
        self._is_closed = True
        self._write_cluster()
        cues_position = self._file.size - self._segment_begin
        self._file.write(element(_CUES, b"".join(self._cue(*cue) for cue in self._cues)))
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

    def _is_full(self, kind: MediaKind, ticks: int) -> bool:
        """Whether the cluster is long, or large, or far from a packet that it would have to hold."""
        length = ticks - self._cluster_begins.get(kind, ticks)
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
            head = struct.pack(">BhB", 0x80 | _TRACK_NUMBERS[block.kind], block.ticks - begin, flags)
            payload.append(element(_SIMPLE_BLOCK, head + block.data))
        self._file.write(element(_CLUSTER, b"".join(payload)))
        self._file.commit()

    def _note_cue(self, blocks: list[_Block]) -> None:
        if self._has_video:
            seekable = [block.ticks for block in blocks if block.kind == "video" and block.keyframe]
        elif not self._cues or blocks[0].ticks - self._cues[-1][0] >= _SOUND_CUE_TICKS:
            seekable = [blocks[0].ticks]
        else:
            seekable = []
        if seekable:
            self._cues.append((seekable[0], self._file.size - self._segment_begin))

    def _cue(self, ticks: int, position: int) -> bytes:
        track = _TRACK_NUMBERS["video" if self._has_video else "audio"]
        positions = element(_CUE_TRACK_POSITIONS, number(_CUE_TRACK, track) + number(_CUE_CLUSTER, position))
        return element(_CUE_POINT, number(_CUE_TIME, ticks) + positions)


def _document_header(document_type: str) -> bytes:
    written_by, read_by = number(_DOCUMENT_VERSION, 4), number(_DOCUMENT_READ_VERSION, 2)
    return element(_EBML, text(_DOCUMENT_TYPE, document_type) + written_by + read_by)


def _date(unix: float) -> bytes:
    """When the recording begins (RFC 9559 section 5.1.2.11): nanoseconds since 2001."""
    return element(_DATE, round((unix - _EPOCH_SECONDS) * 1e9).to_bytes(8, "big", signed=True))


def _track(kind: MediaKind, name: str | None, codec: str, rest: bytes) -> bytes:
    track = _TRACK_NUMBERS[kind]
    head = number(_TRACK_NUMBER, track) + number(_TRACK_UID, track) + number(_TRACK_TYPE, _TRACK_TYPES[kind])
    named = text(_NAME, name) if name else b""
    language = text(_LANGUAGE, "und")
    return element(_TRACK_ENTRY, head + number(_FLAG_LACING, 0) + named + language + text(_CODEC_ID, codec) + rest)


def _video_entry(video: Template, name: str | None) -> bytes:
    stream, recorded = video.stream, video.codec.recorded
    size = element(_VIDEO, number(_PIXEL_WIDTH, stream.width) + number(_PIXEL_HEIGHT, stream.height))
    private = recorded.matroska_private(stream.codec_context.extradata or b"")
    return _track("video", name, recorded.matroska_codec, (element(_CODEC_PRIVATE, private) if private else b"") + size)


def _as_it_is(unit: bytes) -> bytes:
    return unit


def _audio_entry(name: str | None) -> bytes:
    sound = element(_AUDIO, real(_SAMPLING_FREQUENCY, AUDIO_CLOCK_RATE) + number(_CHANNELS, 2))
    delays = number(_CODEC_DELAY, 0) + number(_SEEK_PRE_ROLL, _CONVERGENCE_NANOSECONDS)
    return _track("audio", name, "A_OPUS", element(_CODEC_PRIVATE, OPUS_HEAD) + delays + sound)


def _seek(target: int, position: int) -> bytes:
    return element(_SEEK, element(_SEEK_ID, target.to_bytes(4, "big")) + number(_SEEK_POSITION, position))
