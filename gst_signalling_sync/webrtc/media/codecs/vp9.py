"""VP9 (the VP9 bitstream specification) and its RTP payloads (RFC 9628)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

from ...engine.capabilities import CodecForm, Parameters
from ..encoded_frame import VIDEO_CLOCK_RATE
from .codec import MAX_PAYLOAD, VIDEO_FEEDBACK, Recorded, SendForm, VideoCodec
from .fragment import UNUSABLE, Fragment
from .frame_numbers import PICTURE_IDS, FrameNumbers
from .vp9_descriptor import Descriptor, Structure, read_descriptor, written_descriptor
from .vp9_header import frame_size, is_keyframe, superframe

__all__ = ["VP9", "Vp9Packer"]

_ANSWERED_PROFILES: Final = ("0", "2")
"""4:2:0 with 8 bits, and with 10 or 12 bits."""

_SENT_PROFILE: Final = "0"

_EACH_AFTER_THE_LAST: Final = ((0, (1,)),)
"""The picture group of a stream without layers: each picture refers to the one before."""


def _ivf(frame: bytes) -> bytes:
    """An IVF file of one frame. Its header has no size, which is in the frame itself."""
    header = struct.pack("<4sHH4sHHIIII", b"DKIF", 0, 32, b"VP90", 0, 0, VIDEO_CLOCK_RATE, 1, 1, 0)
    return header + struct.pack("<IQ", len(frame), 0) + frame


def _answer_to(offered: Parameters) -> Parameters | None:
    """The profile of an offered payload type, if it can be decoded. Without a profile, 0 is meant (RFC 9628 section 6)."""
    profile = offered.get("profile-id")
    if profile is None:
        return {}
    return {"profile-id": profile} if str(profile) in _ANSWERED_PROFILES else None


class Vp9Packer:
    """Cuts frames into payloads, in non-flexible mode and without layers (RFC 9628 section 4.2).

    Args:
        max_payload: Maximum size of a payload. Defaults to `MAX_PAYLOAD`.
        numbers: See `NewPacker`. Defaults to None: there is no other stream.
    """

    def __init__(self, max_payload: int = MAX_PAYLOAD, *, numbers: FrameNumbers | None = None) -> None:
        self._max_payload = max_payload
        self._numbers = numbers or FrameNumbers()
        self._number: int | None = None

    def __call__(self, data: bytes) -> list[bytes]:
        """The payloads of the next frame."""
        size = frame_size(data)
        is_inter_picture = not is_keyframe(data)
        self._number = self._numbers.after(self._number, not is_inter_picture)
        picture_id = self._number % PICTURE_IDS
        structure = None if size is None else Structure(1, (size,), _EACH_AFTER_THE_LAST)
        payloads: list[bytes] = []
        position = 0
        while position < len(data):
            begins = position == 0
            head = Descriptor(
                begins, False, is_inter_picture, False, picture_id, structure=structure if begins else None
            )
            space = self._max_payload - len(written_descriptor(head))
            ends = position + space >= len(data)
            payloads.append(written_descriptor(head._replace(ends=ends)) + data[position : position + space])
            position += space
        return payloads


_SEND_FORM: Final = SendForm("VP9", (), Vp9Packer)


class VP9(VideoCodec):
    """VP9."""

    name = "VP9"
    # FFmpeg's own decoder, for the reason given in the file of VP8.
    decoder = "vp9"
    encoder = "libvpx-vp9"
    marks_begin = True
    follows_durations = True
    repeats_first_keyframe = False
    taken = "profile 0 or 2"
    recorded = Recorded(
        suffixes=(".mkv", ".webm", ".mp4", ".mcap"),
        probe_format="ivf",
        probe_file=_ivf,
        matroska_codec="V_VP9",
        matroska_private=lambda parameters: b"",
        matroska_data=lambda unit: unit,
        needs_parameters=False,
    )

    @property
    def forms(self) -> Sequence[CodecForm]:
        """The forms in which it is offered, in the profile that is sent, and answered."""
        return (
            CodecForm(
                "video",
                self.name,
                self.clock_rate,
                103,
                None,
                {"profile-id": _SENT_PROFILE},
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
            descriptor, size = read_descriptor(payload)
        except (IndexError, ValueError):
            return UNUSABLE
        data = payload[size:]
        # A layer that is predicted from the one below is not the first of its picture.
        begins = descriptor.begins and not descriptor.inter_layer
        keyframe = begins and is_keyframe(data)
        return Fragment(data, begins, keyframe, keyframe, begins_layer=descriptor.begins)

    def assemble(self, fragments: Sequence[Fragment]) -> bytes | None:
        """Assemble the frame, or the superframe of its spatial layers."""
        layers: list[list[bytes]] = []
        for fragment in fragments:
            if fragment.begins_layer or not layers:
                layers.append([])
            layers[-1].append(fragment.data or b"")
        return superframe([b"".join(layer) for layer in layers])

    def encoder_options(self, bitrate: int) -> dict[str, str]:
        """Options of libvpx for real time."""
        return {
            "deadline": "realtime",
            "cpu-used": "8",
            "lag-in-frames": "0",
            # FFmpeg sets a constant bitrate if the minimum equals the maximum.
            "minrate": str(bitrate),
            "maxrate": str(bitrate),
            "bufsize": str(bitrate),
            "undershoot-pct": "100",
            "overshoot-pct": "15",
            "qmin": "2",
            "qmax": "56",
            "aq-mode": "3",
            # Several threads encode large frames.
            "row-mt": "1",
            "tile-columns": "2",
        }
