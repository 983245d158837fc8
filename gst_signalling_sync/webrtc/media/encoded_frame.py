"""`EncodedFrame`: a video frame or an audio packet on its way between encoder, network, decoder and file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

__all__ = ["AUDIO_CLOCK_RATE", "MEDIA_KINDS", "VIDEO_CLOCK_RATE", "EncodedFrame", "MediaKind"]

MediaKind = Literal["audio", "video"]

MEDIA_KINDS: Final[tuple[MediaKind, ...]] = ("video", "audio")
"""Both kinds, in the order of their sections in a session description."""

VIDEO_CLOCK_RATE: Final = 90_000
"""RTP clock rate in Hz of every video codec here (RFC 7741, RFC 6184, RFC 9628)."""

AUDIO_CLOCK_RATE: Final = 48_000
"""RTP clock rate in Hz of Opus, whatever its input was (RFC 7587 section 4.1)."""


@dataclass(frozen=True, slots=True)
class EncodedFrame:
    """One access unit.

    Attributes:
        codec: Name as in ``a=rtpmap``, such as ``"VP8"`` or ``"opus"``.
        data: The access unit; of H264 in the Annex B format, with start codes.
        timestamp: RTP timestamp in ticks of the track's clock, without wrapping.
        keyframe: Whether decoding can begin here. Always true of audio.
        time: `time.monotonic` at its capture; of a received frame, at its completion.
        captured_at: Capture time as Unix time, by the sender's clock, of a frame received with abs-capture-time. Defaults to
            None.
    """

    codec: str
    data: bytes
    timestamp: int
    keyframe: bool
    time: float
    captured_at: float | None = None
