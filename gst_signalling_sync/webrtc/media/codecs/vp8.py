"""VP8 (RFC 6386) and its RTP payloads (RFC 7741)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

from ...engine.capabilities import CodecForm, Parameters
from ..encoded_frame import VIDEO_CLOCK_RATE
from .codec import MAX_PAYLOAD, VIDEO_FEEDBACK, Recorded, SendForm, VideoCodec, as_offered
from .fragment import UNUSABLE, Fragment
from .frame_numbers import PICTURE_IDS, FrameNumbers
from .vp8_access_units import Vp8UnitReader

__all__ = ["VP8"]

_START_MASK: Final = 0x17
_START: Final = 0x10
"""S bit set, partition index 0: the first packet of a frame (RFC 7741 section 4.2)."""

_EXTENDED: Final = 0x80
_HAS_PICTURE_ID: Final = 0x80
_HAS_LAYER_INDEX: Final = 0x40
_HAS_LAYER: Final = 0x30
_LONG_PICTURE_ID: Final = 0x80
_DESCRIPTOR_BYTES: Final = 4


def _ivf(frame: bytes) -> bytes:
    """An IVF file of one frame. Its header has no size, which is in the frame itself."""
    header = struct.pack("<4sHH4sHHIIII", b"DKIF", 0, 32, b"VP80", 0, 0, VIDEO_CLOCK_RATE, 1, 1, 0)
    return header + struct.pack("<IQ", len(frame), 0) + frame


class _Packer:
    """Cuts frames into payloads with a 15-bit PictureID, by which receivers notice lost frames (RFC 7741 section 4.2)."""

    def __init__(self, *, numbers: FrameNumbers | None = None) -> None:
        self._numbers = numbers or FrameNumbers()
        self._number: int | None = None

    def __call__(self, data: bytes) -> list[bytes]:
        self._number = self._numbers.after(self._number, _is_keyframe(data))
        tail = struct.pack("!BH", _HAS_PICTURE_ID, self._number % PICTURE_IDS | PICTURE_IDS)
        size = MAX_PAYLOAD - _DESCRIPTOR_BYTES
        first, other = bytes([_EXTENDED | _START]) + tail, bytes([_EXTENDED]) + tail
        return [(other if begin else first) + data[begin : begin + size] for begin in range(0, len(data), size)]


_SEND_FORM: Final = SendForm("VP8", (), _Packer)


class VP8(VideoCodec):
    """VP8."""

    name = "VP8"
    # FFmpeg's own decoder: libvpx takes as long, but allocates a frame before its size can be refused.
    decoder = "vp8"
    encoder = "libvpx"
    marks_begin = True
    follows_durations = True
    repeats_first_keyframe = False
    is_preferred = True
    recorded = Recorded(
        suffixes=(".mkv", ".webm"),
        probe_format="ivf",
        probe_file=_ivf,
        matroska_codec="V_VP8",
        matroska_private=lambda parameters: b"",
        matroska_data=lambda unit: unit,
        needs_parameters=False,
        encoder_options={"deadline": "realtime", "cpu-used": "6", "lag-in-frames": "0", "crf": "10"},
        # libvpx' threads wait for each other in busy loops: on a busy machine, two need many times the processor time of one.
        encoder_threads=1,
        # 1.5 Mbit/s for 640x480.
        encoder_bits_per_pixel=5,
    )

    @property
    def forms(self) -> Sequence[CodecForm]:
        """The forms in which it is offered and answered."""
        return (CodecForm("video", self.name, self.clock_rate, 97, None, {}, VIDEO_FEEDBACK, True, as_offered),)

    def send_form(self, parameters: Parameters) -> SendForm:
        """The only form in which it is sent."""
        return _SEND_FORM

    def parse(self, payload: bytes) -> Fragment:
        """Parse one RTP payload."""
        try:
            data = _depayload(payload)
        except IndexError:
            return UNUSABLE
        begins = payload[0] & _START_MASK == _START
        keyframe = begins and _is_keyframe(data)
        return Fragment(data, begins, keyframe, keyframe)

    def unit_reader(self) -> Vp8UnitReader:
        """The reader of a stream that was encoded elsewhere."""
        return Vp8UnitReader()

    def encoder_options(self, bitrate: int) -> dict[str, str]:
        """Options of libvpx for real time."""
        return {
            "deadline": "realtime",
            "cpu-used": "-6",
            "lag-in-frames": "0",
            # FFmpeg sets a constant bitrate if the minimum equals the maximum.
            "minrate": str(bitrate),
            "maxrate": str(bitrate),
            "bufsize": str(bitrate),
            "undershoot-pct": "100",
            "overshoot-pct": "15",
            "qmin": "2",
            "qmax": "56",
            "static-thresh": "1",
            # A decoder that lost a frame recovers from its errors.
            "error-resilient": "default",
        }


def _is_keyframe(frame: bytes) -> bool:
    """Whether the first bit of a frame is 0 (RFC 6386 section 9.1)."""
    return bool(frame) and not frame[0] & 1


def _depayload(payload: bytes) -> bytes:
    """The payload without its descriptor (RFC 7741 section 4.2).

    Raises:
        IndexError: The descriptor is cut off.
    """
    position = 1
    if payload[0] & _EXTENDED:
        extensions = payload[1]
        position = 2
        if extensions & _HAS_PICTURE_ID:
            position += 2 if payload[position] & _LONG_PICTURE_ID else 1
        position += bool(extensions & _HAS_LAYER_INDEX) + bool(extensions & _HAS_LAYER)
    if position > len(payload):
        raise IndexError
    return payload[position:]
