"""`AccessUnit`: an encoded frame that a program or a file brings, and what reads it, for each codec. No clock and no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

__all__ = ["AccessUnit", "UnitReader", "VideoFormat"]


@dataclass(frozen=True, slots=True)
class VideoFormat:
    """What a receiver must be able to decode.

    Attributes:
        codec: As in ``a=rtpmap``.
        profile: Of H264 its ``profile-level-id`` (RFC 6184 section 8.1); empty: the codec has none.
        size: Width and height in pixels.
    """

    codec: str
    profile: str
    size: tuple[int, int]


@dataclass(frozen=True, slots=True)
class AccessUnit:
    """One encoded frame.

    Attributes:
        data: As it goes to receivers: a keyframe has all that decoding needs to begin.
        keyframe: Whether decoding can begin with it.
        format: Of the stream, from this frame on.
    """

    data: bytes
    keyframe: bool
    format: VideoFormat


class UnitReader(Protocol):
    """Reads the access units of one stream, in their order. Used by one thread at a time."""

    def read(self, data: bytes) -> AccessUnit | None:
        """Read what an encoder has made.

        Args:
            data: One access unit.

        Returns:
            The access unit. None: it has no frame, only what later ones need, or no keyframe came before it.

        Raises:
            MediaError: It is no access unit of the codec, or one that cannot be sent in real time.
        """
