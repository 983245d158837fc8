"""H264 (ITU-T H.264), its RTP payloads and its parameters in offers and answers (RFC 6184)."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Final, Protocol, cast

import av
from av.video.codeccontext import VideoCodecContext

from ...engine.capabilities import CodecForm, Parameters
from ..frame_conversion import with_even_sides
from .access_unit import VideoFormat
from .codec import MAX_PAYLOAD, VIDEO_FEEDBACK, Packer, Recorded, SendForm, VideoCodec
from .fragment import UNUSABLE, Fragment
from .frame_numbers import FrameNumbers
from .h264_access_units import H264UnitReader
from .h264_profile import answer_for_streams, answer_to, decodes, is_baseline, packetization_mode
from .h264_units import length_prefixed, nal_units, parameter_record

__all__ = ["H264"]

_NAL_IDR: Final = 5
_NAL_SLICES: Final = range(1, 6)
_NAL_SPS: Final = 7
_NAL_DELIMITER: Final = 9
_NAL_SINGLE: Final = range(1, 24)
_NAL_STAP_A: Final = 24
_NAL_FU_A: Final = 28
_NAL_TYPE_MASK: Final = 0x1F
_NAL_REFERENCE_MASK: Final = 0x60
_NAL_FORBIDDEN_MASK: Final = 0x80

_FU_START: Final = 0x80
_FU_END: Final = 0x40
_FU_BYTES: Final = 2
_LENGTH_BYTES: Final = 2

_MAX_INT: Final = (1 << 31) - 1

_START_CODE: Final = b"\0\0\0\1"
_MAX_UNITS: Final = 64
"""Maximum number of NAL units in one packet."""

_OFFERED_PROFILES: Final = ("42001f", "42e01f")
"""Baseline and Constrained Baseline of level 3.1, which every WebRTC endpoint supports (RFC 7742 section 6.2)."""

_STREAM_PROFILES: Final = ("640034", "f40034", "4d0034")
"""Profiles of the highest level, offered only for streams that were encoded elsewhere: High; High 4:4:4 Predictive, whose
decoders also take High, and which Chromium has without hardware; and Main."""


class H264(VideoCodec):
    """H264."""

    name = "H264"
    decoder = "h264"
    encoder = "libx264"
    marks_begin = False
    # libx264 would follow durations, but hold a frame back for it.
    follows_durations = False
    # GStreamer's receivers stay grey forever.
    repeats_first_keyframe = True
    is_preferred = True
    has_baseline = True
    stream_filter = "h264_mp4toannexb"
    taken = "Baseline, Main and High profile in packetization mode 0 or 1"
    recorded = Recorded(
        suffixes=(".mp4", ".mkv", ".mcap"),
        probe_format="h264",
        probe_file=lambda keyframe: keyframe,
        matroska_codec="V_MPEG4/ISO/AVC",
        matroska_private=parameter_record,
        matroska_data=length_prefixed,
        needs_parameters=True,
        # Fast enough for 1280x720 at 30 frames per second on half a core.
        encoder_options={"preset": "veryfast", "tune": "zerolatency", "crf": "21"},
        encoder_threads=2,
    )

    @property
    def forms(self) -> Sequence[CodecForm]:
        """The forms in which it is offered and answered.

        It is offered in packetization mode 1, and answered in any profile and mode that can be decoded.
        """
        return [
            *(self._form(number, profile) for number, profile in zip((99, 101), _OFFERED_PROFILES, strict=True)),
            *(
                self._form(number, profile, True)
                for number, profile in zip((121, 123, 125), _STREAM_PROFILES, strict=True)
            ),
        ]

    def send_form(self, parameters: Parameters) -> SendForm:
        """The form in which it is sent: Constrained Baseline, which all receivers decode, in the packetization mode."""
        return _SINGLE_UNITS if packetization_mode(parameters) == 0 else _FRAGMENTS

    def parse(self, payload: bytes) -> Fragment:
        """Parse one RTP payload."""
        kind = payload[0] & _NAL_TYPE_MASK
        if kind == _NAL_STAP_A:
            return _aggregate(payload)
        if kind == _NAL_FU_A:
            return _fragment(payload)
        # A NAL unit of only a header has no content.
        if kind not in _NAL_SINGLE or len(payload) < 2:
            return UNUSABLE
        return _unit(_START_CODE + payload, kind)

    def unit_reader(self) -> H264UnitReader:
        """The reader of a stream that was encoded elsewhere."""
        return H264UnitReader()

    def takes(self, parameters: Parameters, stream: VideoFormat) -> bool:
        """Whether a receiver takes a stream that was encoded elsewhere unchanged: by its profile, in packetization mode 1."""
        return decodes(parameters, stream.profile)

    def is_promised(self, stream: VideoFormat) -> bool:
        """Whether it is Baseline: hardware encoders use nothing that Constrained Baseline excludes, but may not say so."""
        return is_baseline(stream.profile)

    def encoder_options(self, bitrate: int) -> dict[str, str]:
        """Options of libx264 for real time."""
        return {
            # Constrained Baseline, which every browser takes (RFC 7742 section 6.2).
            "profile": "baseline",
            "preset": "superfast",
            "tune": "zerolatency",
            "maxrate": str(bitrate),
            "bufsize": str(_buffer_size(bitrate)),
            # Decoders may join at any keyframe, so each has its parameter sets; and no keyframe comes without a request.
            "x264-params": "repeat-headers=1:scenecut=0",
            "forced-idr": "1",
        }

    @property
    def follows_bitrate(self) -> bool:
        """Whether this PyAV can set the maximum bitrate of an open encoder, without which libx264 ignores an increase."""
        return _can_set_maximum()

    def set_bitrate(self, encoder: VideoCodecContext, bitrate: int) -> None:
        """Change the bitrate of an open encoder: FFmpeg's libx264 checks it before each frame."""
        control = cast(_RateControl, encoder)
        control.bit_rate = control.max_bit_rate = bitrate
        control.rc_buffer_size = _buffer_size(bitrate)

    def fitted(self, frame: av.VideoFrame) -> av.VideoFrame:
        """Cut a frame to even sides, because its chroma has half the resolution."""
        return with_even_sides(frame)

    def _form(self, payload_type: int, profile: str, is_for_streams: bool = False) -> CodecForm:
        parameters = {"level-asymmetry-allowed": "1", "packetization-mode": "1", "profile-level-id": profile}
        return CodecForm(
            "video",
            self.name,
            self.clock_rate,
            payload_type,
            None,
            parameters,
            VIDEO_FEEDBACK,
            True,
            answer_for_streams(profile) if is_for_streams else answer_to,
            is_for_streams=is_for_streams,
        )


def _buffer_size(bitrate: int) -> int:
    """Size of the rate control buffer in bits: half a second of the bitrate."""
    return min(bitrate // 2, _MAX_INT)


class _RateControl(Protocol):
    """Attributes of an encoder in PyAV 19. In PyAV 18 the first two are read-only, and not all of its types have them."""

    bit_rate: int | None
    max_bit_rate: int | None
    rc_buffer_size: int


@cache
def _can_set_maximum() -> bool:
    try:
        cast(_RateControl, av.CodecContext.create(H264.encoder, "w")).max_bit_rate = 1
    except AttributeError:
        # In PyAV 18 it is read-only.
        return False
    return True


def _unit(data: bytes, kind: int) -> Fragment:
    # A slice may be the first of its picture, but the parameter sets before it may have been lost.
    leads = kind == _NAL_SPS
    return Fragment(data, leads or kind == _NAL_DELIMITER, leads, kind == _NAL_IDR, kind in _NAL_SLICES)


def _fragment(payload: bytes) -> Fragment:
    """Parse a fragmentation unit, FU-A (RFC 6184 section 5.8)."""
    if len(payload) < _FU_BYTES:
        return UNUSABLE
    indicator, header = payload[:_FU_BYTES]
    kind = header & _NAL_TYPE_MASK
    if not header & _FU_START:
        return _unit(payload[_FU_BYTES:], kind)
    unit_header = indicator & (_NAL_FORBIDDEN_MASK | _NAL_REFERENCE_MASK) | kind
    return _unit(b"".join((_START_CODE, bytes([unit_header]), payload[_FU_BYTES:])), kind)


def _aggregate(payload: bytes) -> Fragment:
    """Parse an aggregation packet, STAP-A (RFC 6184 section 5.7.1)."""
    parts: list[Fragment] = []
    position = 1
    while position < len(payload):
        begin = position + _LENGTH_BYTES
        position = begin + int.from_bytes(payload[begin - _LENGTH_BYTES : begin], "big")
        unit = payload[begin:position]
        if not unit or position > len(payload) or len(parts) == _MAX_UNITS:
            return UNUSABLE
        parts.append(_unit(_START_CODE + unit, unit[0] & _NAL_TYPE_MASK))
    return Fragment(
        b"".join(part.data or b"" for part in parts),
        any(part.begins for part in parts),
        any(part.leads for part in parts),
        any(part.keyframe for part in parts),
        any(part.has_frame_data for part in parts),
    )


def _pack_fragments(data: bytes) -> list[bytes]:
    """Packetize in the non-interleaved mode (RFC 6184 section 6.3): small NAL units together, large ones in parts."""
    payloads: list[bytes] = []
    small: list[bytes] = []
    size = 1
    for unit in nal_units(data):
        if small and size + _LENGTH_BYTES + len(unit) > MAX_PAYLOAD:
            payloads.append(_together(small))
            small, size = [], 1
        if len(unit) > MAX_PAYLOAD:
            payloads += _parts(unit)
        else:
            small.append(unit)
            size += _LENGTH_BYTES + len(unit)
    return payloads + ([_together(small)] if small else [])


def _together(units: list[bytes]) -> bytes:
    if len(units) == 1:
        return units[0]
    reference = max(unit[0] & _NAL_REFERENCE_MASK for unit in units)
    forbidden = max(unit[0] & _NAL_FORBIDDEN_MASK for unit in units)
    head = bytes([forbidden | reference | _NAL_STAP_A])
    return head + b"".join(struct.pack("!H", len(unit)) + unit for unit in units)


def _parts(unit: bytes) -> Iterator[bytes]:
    indicator = unit[0] & (_NAL_FORBIDDEN_MASK | _NAL_REFERENCE_MASK) | _NAL_FU_A
    kind = unit[0] & _NAL_TYPE_MASK
    size = MAX_PAYLOAD - _FU_BYTES
    for begin in range(1, len(unit), size):
        flags = (_FU_START if begin == 1 else 0) | (_FU_END if begin + size >= len(unit) else 0)
        yield bytes([indicator, flags | kind]) + unit[begin : begin + size]


def _pack_single_units(data: bytes) -> list[bytes]:
    """Packetize in the single NAL unit mode (RFC 6184 section 6.2)."""
    return list(nal_units(data))


def _fragments(*, numbers: FrameNumbers | None = None) -> Packer:
    return _pack_fragments


def _single_units(*, numbers: FrameNumbers | None = None) -> Packer:
    return _pack_single_units


_FRAGMENTS: Final = SendForm(H264.name, (), _fragments)
_SINGLE_UNITS: Final = SendForm(H264.name, (("slice-max-size", str(MAX_PAYLOAD)),), _single_units)
