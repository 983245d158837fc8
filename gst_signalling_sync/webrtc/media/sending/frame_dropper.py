"""`FrameDropper`: leaves frames out while an encoder exceeds its bitrate, so that the link's queue need not. No clock.

When a link loses most of its rate, an encoder cannot make the frames of a size small enough at once, and it takes `Degradation`
some frames to learn that. Frames that were sent meanwhile would be lost, and with them all that refer to them.
"""

from __future__ import annotations

from typing import Final

__all__ = ["FrameDropper"]

_MAX_SECONDS: Final = 0.2
"""Maximum excess, in seconds of the bitrate. Encoders exceed it by less from frame to frame."""


class FrameDropper:
    """What an encoder has taken beyond its bitrate, in seconds of the bitrate that each frame was encoded with."""

    def __init__(self) -> None:
        self._excess = 0.0
        self._at: float | None = None

    def must_drop(self, now: float) -> bool:
        """Whether the frame of this moment must be left out.

        Args:
            now: Seconds on any clock that does not jump.
        """
        if self._at is not None:
            self._excess = max(0.0, self._excess - (now - self._at))
        self._at = now
        return self._excess > _MAX_SECONDS

    def encoded(self, bits: int, bitrate: int) -> None:
        """Record a frame that is not a keyframe: to make up for a keyframe would freeze the video, so the pacer spreads it.

        Args:
            bits: Size of the frame in bits.
            bitrate: The bitrate that it was encoded with, in bit/s.
        """
        self._excess += bits / bitrate
