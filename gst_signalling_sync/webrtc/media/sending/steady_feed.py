"""`SteadyFeed`: base of the feeds of audio, whose bitrate does not follow the links."""

from __future__ import annotations

from typing import Final

from .audio_encoder import OPUS
from .fan_out import Sink

__all__ = ["SteadyFeed"]


class SteadyFeed:
    """What senders ask of a feed of audio; called on the loop."""

    kind: Final = "audio"
    codecs: Final = (OPUS,)
    makes_keyframes: Final = False

    def request_keyframe(self, sink: Sink) -> bool:
        """Return False: every audio packet can be decoded without a keyframe."""
        return False

    def needed_by(self, sink: Sink) -> int | None:
        """Return None: the bitrate of audio is not adapted."""
        return None

    def report_backlog(self, sink: Sink, is_behind: bool) -> None:
        """Do nothing: audio is not left out; packets are dropped where the link does not take them."""

    def report_estimate(self, sink: Sink, bitrate: int, is_confirmed: bool = True) -> tuple[int, int]:
        """Return the bitrate unchanged: that of audio is not adapted, as it is a fraction of the video's.

        Args:
            sink: The link's sender.
            bitrate: Bits per second.
            is_confirmed: Not used. Defaults to True.

        Returns:
            The same bitrate, as minimum and maximum.
        """
        return bitrate, bitrate
