"""AV1 (the AV1 bitstream specification) and its RTP payloads (AOM's RTP Payload Format For AV1)."""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from typing import Final

import av

from ...engine.capabilities import CodecForm, Parameters
from ..encoded_frame import VIDEO_CLOCK_RATE
from ..frame_conversion import with_even_sides
from .av1_sequence import configuration_record
from .av1_units import (
    SEQUENCE_HEADER,
    begins_frame,
    begins_keyframe,
    is_sent,
    kind_of,
    read_elements,
    sized,
    units,
    unsized,
    written_leb128,
)
from .codec import MAX_PAYLOAD, VIDEO_FEEDBACK, Packer, Recorded, SendForm, VideoCodec
from .fragment import UNUSABLE, Fragment
from .frame_numbers import FrameNumbers

__all__ = ["AV1", "Av1Packer"]

_CONTINUES: Final = 0x80
_IS_CONTINUED: Final = 0x40
_COUNT_SHIFT: Final = 4
_BEGINS_SEQUENCE: Final = 0x08

_MAX_COUNTED: Final = 3
"""Maximum number of elements in a packet with an element count, which saves the length of the last element."""

_MIN_PART: Final = 8
"""Minimum size of a part of an OBU, below which it is not worth a length of its own."""

_MIN_SIDE: Final = 64

_PROFILE: Final = "0"
"""Main: 4:2:0 with 8 or 10 bits."""


def _ivf(frame: bytes) -> bytes:
    """An IVF file of one frame. Its header has no size, which is in the frame itself."""
    header = struct.pack("<4sHH4sHHIIII", b"DKIF", 0, 32, b"AV01", 0, 0, VIDEO_CLOCK_RATE, 1, 1, 0)
    return header + struct.pack("<IQ", len(frame), 0) + frame


def _answer_to(offered: Parameters) -> Parameters | None:
    """The offered configuration, if its profile can be decoded. Without a profile, Main is meant (section 7.2.1)."""
    if str(offered.get("profile") or _PROFILE) != _PROFILE:
        return None
    return {name: offered[name] for name in ("level-idx", "profile", "tier") if name in offered}


class Av1Packer:
    """Puts the OBUs of temporal units into payloads (section 4), and cuts those that are too large.

    Args:
        max_payload: Maximum size of a payload. Defaults to `MAX_PAYLOAD`.
    """

    def __init__(self, max_payload: int = MAX_PAYLOAD) -> None:
        self._max_payload = max_payload

    def __call__(self, data: bytes) -> list[bytes]:
        """The payloads of the next temporal unit; none if it is damaged."""
        try:
            elements = [unsized(unit) for unit in units(data) if is_sent(unit)]
        except ValueError:
            return []
        begins_sequence = any(kind_of(element) == SEQUENCE_HEADER for element in elements)
        payloads: list[bytes] = []
        parts: list[bytes] = []
        size = 1
        continues = False

        def end_packet(is_continued: bool) -> None:
            nonlocal size, continues
            flags = len(parts) << _COUNT_SHIFT
            flags |= _CONTINUES if continues else 0
            flags |= _IS_CONTINUED if is_continued else 0
            flags |= _BEGINS_SEQUENCE if begins_sequence and not payloads else 0
            lengths = [*(written_leb128(len(part)) for part in parts[:-1]), b""]
            content = (each for pair in zip(lengths, parts, strict=True) for each in pair)
            payloads.append(bytes([flags]) + b"".join(content))
            parts.clear()
            size, continues = 1, is_continued

        for element in elements:
            rest = element
            while rest:
                space = self._max_payload - size
                if len(parts) == _MAX_COUNTED or (parts and space < min(len(rest), _MIN_PART)):
                    end_packet(False)
                    continue
                part, rest = rest[:space], rest[space:]
                parts.append(part)
                # Another part may follow, and then this one has a length.
                size += len(part) + len(written_leb128(len(part)))
                if rest:
                    end_packet(True)
        if parts:
            end_packet(False)
        return payloads


def _packer(*, numbers: FrameNumbers | None = None) -> Packer:
    return Av1Packer()


_SEND_FORM: Final = SendForm("AV1", (), _packer)


class AV1(VideoCodec):
    """AV1."""

    name = "AV1"
    decoder = "libdav1d"
    encoder = "libsvtav1"
    marks_begin = False
    taken = "Main profile"
    recorded = Recorded(
        suffixes=(".mkv", ".webm", ".mp4", ".mcap"),
        probe_format="ivf",
        probe_file=_ivf,
        matroska_codec="V_AV1",
        matroska_private=configuration_record,
        matroska_data=lambda unit: unit,
        needs_parameters=True,
    )

    @property
    def forms(self) -> Sequence[CodecForm]:
        """The forms in which it is offered and answered."""
        return (
            CodecForm(
                "video",
                self.name,
                self.clock_rate,
                105,
                None,
                {"level-idx": "5", "profile": _PROFILE, "tier": "0"},
                VIDEO_FEEDBACK,
                True,
                _answer_to,
                self.is_preferred,
            ),
        )

    def send_form(self, parameters: Parameters) -> SendForm:
        """The only form in which it is sent."""
        return _SEND_FORM

    def parse(self, payload: bytes) -> Fragment:
        """Parse one RTP payload."""
        try:
            elements, continues, _, begins_sequence = read_elements(payload)
        except ValueError:
            return UNUSABLE
        own = elements[1:] if continues else elements
        leads = begins_sequence or (not continues and kind_of(elements[0]) == SEQUENCE_HEADER)
        return Fragment(
            payload,
            leads,
            leads,
            begins_sequence or any(begins_keyframe(element) for element in own),
            continues or any(begins_frame(element) for element in own),
        )

    def assemble(self, fragments: Sequence[Fragment]) -> bytes | None:
        """Assemble the temporal unit, each OBU with its size, without temporal delimiters."""
        whole: list[bytes] = []
        parts: list[bytes] = []
        for fragment in fragments:
            elements, continues, is_continued, _ = read_elements(fragment.data or b"")
            if continues != bool(parts):
                return None
            for index, element in enumerate(elements):
                parts.append(element)
                if index < len(elements) - 1 or not is_continued:
                    whole.append(b"".join(parts))
                    parts.clear()
        if parts:
            return None
        try:
            return b"".join(sized(unsized(unit)) for unit in whole if is_sent(unit))
        except ValueError:
            return None

    def encoder_options(self, bitrate: int) -> dict[str, str]:
        """Options of SVT-AV1 for real time."""
        # SVT-AV1 writes to the standard error output each time it is opened, whatever FFmpeg's log level is.
        os.environ.setdefault("SVT_LOG", "0")
        return {
            # Presets up to 8 leave no block of a drawn scene unchanged, for two to five times the time: docs/topics/codecs.rst.
            "preset": "12",
            # No frame refers to later ones, constant bitrate, one thread: with more, all together take half as much time again.
            "svtav1-params": "pred-struct=1:rc=2:lookahead=0:rtc=1:lp=1",
        }

    def fitted(self, frame: av.VideoFrame) -> av.VideoFrame:
        """Convert a frame to even sides of at least 64 pixels, which SVT-AV1 needs; smaller frames are enlarged."""
        shorter = min(frame.width, frame.height)
        if shorter < _MIN_SIDE:
            width, height = (-(-side * _MIN_SIDE // shorter) for side in (frame.width, frame.height))
            frame = frame.reformat(width=width, height=height)
        return with_even_sides(frame)
