"""`Vp8UnitReader`: reads the frame headers of a VP8 stream (RFC 6386 section 9.1)."""

from __future__ import annotations

from typing import Final

from ....errors import MediaError
from .access_unit import AccessUnit, VideoFormat

__all__ = ["Vp8UnitReader"]

_TAG_BYTES: Final = 3
_KEYFRAME_BYTES: Final = 10
_START_CODE: Final = b"\x9d\x01\x2a"
_MAX_VERSION: Final = 3
_SIDE_MASK: Final = 0x3FFF


class Vp8UnitReader:
    """Remembers the size of the last keyframe."""

    def __init__(self) -> None:
        self._format: VideoFormat | None = None

    def read(self, data: bytes) -> AccessUnit | None:
        """Read a frame; see `UnitReader`."""
        if len(data) <= _TAG_BYTES:
            raise MediaError(f"not a VP8 frame: it has {len(data)} bytes")
        tag = int.from_bytes(data[:_TAG_BYTES], "little")
        keyframe = not tag & 1
        header = _KEYFRAME_BYTES if keyframe else _TAG_BYTES
        if tag >> 1 & 7 > _MAX_VERSION or header + (tag >> 5) > len(data):
            raise MediaError("not a VP8 frame: its header does not fit its length")
        if keyframe:
            if data[_TAG_BYTES : _TAG_BYTES + len(_START_CODE)] != _START_CODE:
                raise MediaError("not a VP8 frame: the keyframe has no start code")
            width, height = (int.from_bytes(data[begin : begin + 2], "little") & _SIDE_MASK for begin in (6, 8))
            if not width or not height:
                raise MediaError(f"not a VP8 frame: the keyframe has {width}x{height} pixels")
            self._format = VideoFormat("VP8", "", (width, height))
        return None if self._format is None else AccessUnit(data, keyframe, self._format)
