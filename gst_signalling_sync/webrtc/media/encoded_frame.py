"""`EncodedFrame`: a frame or a packet of sound as it travels between encoder, network, decoder and file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

__all__ = ["AUDIO_CLOCK_RATE", "MEDIA_KINDS", "VIDEO_CLOCK_RATE", "EncodedFrame", "MediaKind"]

MediaKind = Literal["audio", "video"]

MEDIA_KINDS: Final[tuple[MediaKind, ...]] = ("video", "audio")
"""Both, in the order in which descriptions have them."""

VIDEO_CLOCK_RATE: Final = 90_000
"""RTP ticks per second of every video codec here (RFC 7741, RFC 6184, RFC 9628)."""

AUDIO_CLOCK_RATE: Final = 48_000
"""RTP ticks per second of Opus, whatever it was made from (RFC 7587 section 4.1)."""


@dataclass(frozen=True, slots=True)
class EncodedFrame:
    """One access unit.

    Attributes:
        codec: Such as ``"VP8"`` or ``"opus"``, as in ``a=rtpmap``.
        data: The access unit; of H264 in the Annex B format, with start codes.
        timestamp: RTP ticks of its track, without wrapping.
        keyframe: Whether decoding can begin here; always true of sound.
        time: `time.monotonic` when it was captured, or, of what came from the network, when it was complete.
        captured_at: Unix time of its capture by the sender's clock, of what came from the network with abs-capture-time.
    """

    codec: str
    data: bytes
    timestamp: int
    keyframe: bool
    time: float
    captured_at: float | None = None
