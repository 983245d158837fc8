"""`AccessUnit`: an encoded frame from a program or a file; `UnitReader`: reads it, for each codec. No clock and no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

__all__ = ["AccessUnit", "UnitReader", "VideoFormat"]


@dataclass(frozen=True, slots=True)
class VideoFormat:
    """The format that a receiver must be able to decode.

    Attributes:
        codec: Name as in ``a=rtpmap``.
        profile: Of H264: the ``profile-level-id`` (RFC 6184 section 8.1); empty: the codec has none.
        size: Width and height in pixels.
    """

    codec: str
    profile: str
    size: tuple[int, int]


@dataclass(frozen=True, slots=True)
class AccessUnit:
    """One encoded frame.

    Attributes:
        data: The data for receivers; a keyframe has everything that decoding needs to begin.
        keyframe: Whether decoding can begin with it.
        format: Format of the stream from this frame on.
    """

    data: bytes
    keyframe: bool
    format: VideoFormat


class UnitReader(Protocol):
    """Reads the access units of one stream, in order. Used by one thread at a time."""

    def read(self, data: bytes) -> AccessUnit | None:
        """Read the output of an encoder.

        Args:
            data: One access unit.

        Returns:
            The access unit. None: it has no frame, only parameters of later ones, or no keyframe came before it.

        Raises:
            MediaError: It is not an access unit of the codec, or cannot be sent in real time.
        """
