"""`H264UnitReader`: reads H264 access units in the Annex B format, and adds parameter sets to keyframes."""

from __future__ import annotations

from typing import Final

from ....errors import MediaError
from .access_unit import AccessUnit, VideoFormat
from .h264_parameters import PictureParameters, SequenceParameters, SliceHeader
from .h264_units import nal_units

__all__ = ["H264UnitReader"]

_START_CODE: Final = b"\0\0\0\1"

_NAL_TYPE_MASK: Final = 0x1F
_NAL_FORBIDDEN_MASK: Final = 0x80
_NAL_SLICE: Final = 1
_NAL_IDR: Final = 5
_NAL_SPS: Final = 7
_NAL_PPS: Final = 8
_NAL_DELIMITER: Final = 9
_NAL_KINDS: Final = range(1, 24)
"""NAL unit types of H.264; RTP uses the others (RFC 6184 section 5.2)."""

_LENGTH_BYTES: Final = 4

_MAX_UNITS: Final = 1024
"""Maximum number in one access unit: one slice for each row of macroblocks of the largest frame."""


class H264UnitReader:
    """Keeps the parameter sets of a stream, and inserts those that a keyframe needs before it.

    An encoder may make them only once, at its beginning, and a file may hold them outside the frames. A receiver needs them
    with each keyframe with which it may begin.
    """

    def __init__(self) -> None:
        # By identifier: the parsed parameter set, and its NAL unit.
        self._sequences: dict[int, tuple[SequenceParameters, bytes]] = {}
        self._pictures: dict[int, tuple[PictureParameters, bytes]] = {}
        self._format: VideoFormat | None = None

    def read(self, data: bytes) -> AccessUnit | None:
        """Read an access unit; see `UnitReader`."""
        units = nal_units(data)
        if not units or len(units) > _MAX_UNITS or any(_is_foreign(unit) for unit in units):
            raise MediaError(f"not an H264 access unit: {_why_foreign(data, units)}")
        try:
            own = self._keep_parameters(units)
            slices = [unit for unit in units if unit[0] & _NAL_TYPE_MASK in (_NAL_SLICE, _NAL_IDR)]
            headers = [SliceHeader.parse(unit) for unit in slices]
        except (ValueError, IndexError) as error:
            raise MediaError(f"not an H264 access unit: {error}") from None
        if any(header.is_bidirectional for header in headers):
            raise MediaError(
                "an H264 access unit must not be a B-frame, which would delay the video; switch B-frames off in the encoder"
            )
        if not headers:
            return None
        keyframe = any(unit[0] & _NAL_TYPE_MASK == _NAL_IDR for unit in slices)
        if not keyframe:
            return None if self._format is None else AccessUnit(_joined(units), False, self._format)
        needed, self._format = self._needed(headers)
        missing = [unit for unit in needed if unit not in own]
        begin = 1 if units[0][0] & _NAL_TYPE_MASK == _NAL_DELIMITER else 0
        return AccessUnit(_joined([*units[:begin], *missing, *units[begin:]]), True, self._format)

    def _keep_parameters(self, units: list[bytes]) -> set[bytes]:
        """Keep the parameter sets among NAL units, and return them."""
        own: set[bytes] = set()
        for unit in units:
            kind = unit[0] & _NAL_TYPE_MASK
            if kind == _NAL_SPS:
                sequence = SequenceParameters.parse(unit)
                self._sequences[sequence.identifier] = sequence, unit
                own.add(unit)
            elif kind == _NAL_PPS:
                picture = PictureParameters.parse(unit)
                self._pictures[picture.identifier] = picture, unit
                own.add(unit)
        return own

    def _needed(self, headers: list[SliceHeader]) -> tuple[list[bytes], VideoFormat]:
        """The parameter sets of a keyframe, sequence parameter sets first, and the format that they describe.

        Raises:
            MediaError: Some of them have not come.
        """
        needed: dict[bytes, None] = {}
        pictures: dict[bytes, None] = {}
        found: SequenceParameters | None = None
        for header in headers:
            picture = self._pictures.get(header.parameters)
            sequence = None if picture is None else self._sequences.get(picture[0].sequence)
            if picture is None or sequence is None:
                raise MediaError(
                    "an H264 keyframe refers to missing parameter sets; write SPS and PPS before or with it"
                )
            found = sequence[0]
            needed[sequence[1]] = None
            pictures[picture[1]] = None
        assert found is not None
        return [*needed, *pictures], VideoFormat("H264", found.profile, found.size)


def _is_foreign(unit: bytes) -> bool:
    return bool(unit[0] & _NAL_FORBIDDEN_MASK) or unit[0] & _NAL_TYPE_MASK not in _NAL_KINDS or len(unit) < 2


def _why_foreign(data: bytes, units: list[bytes]) -> str:
    if _has_lengths(data):
        return (
            "its NAL units follow their lengths, not start codes (Annex B); convert it, as FFmpeg's filter h264_mp4toannexb"
            " does"
        )
    if not units:
        return f"its {len(data)} bytes have no start code (Annex B)"
    if len(units) > _MAX_UNITS:
        return f"it has {len(units)} NAL units, more than {_MAX_UNITS}"
    return "it has a NAL unit of an unknown type"


def _has_lengths(data: bytes) -> bool:
    """Whether the data has NAL units as in files, each preceded by its length in four octets (ISO/IEC 14496-15)."""
    position = 0
    while position + _LENGTH_BYTES < len(data):
        position += _LENGTH_BYTES + int.from_bytes(data[position : position + _LENGTH_BYTES], "big")
    return position == len(data) > 0


def _joined(units: list[bytes]) -> bytes:
    return b"".join(_START_CODE + unit for unit in units)
