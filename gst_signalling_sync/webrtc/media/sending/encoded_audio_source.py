"""`EncodedAudioSource`: Opus packets that were encoded elsewhere are sent unchanged to all sessions."""

from __future__ import annotations

from .controlled_track import ControlledTrack
from .encoded_audio_feed import EncodedAudioFeed

__all__ = ["EncodedAudioSource"]


class EncodedAudioSource(ControlledTrack):
    """An audio track of a player whose packets are already Opus.

    Args:
        name: Name by which the peer knows the track, see `Producer.add_video`. Defaults to None: no name.

    Raises:
        ValueError: The name is not that of a track.
    """

    def __init__(self, *, name: str | None = None) -> None:
        self._feed: EncodedAudioFeed = EncodedAudioFeed(name)
        super().__init__(self._feed)

    @property
    def packets_written(self) -> int:
        """Number of packets written."""
        return self._feed.packets_written

    def write(self, packet: bytes, captured: float | None = None) -> None:
        """Send a packet to every session; returns at once.

        Args:
            packet: One Opus packet, mono or stereo.
            captured: Capture time of its first sample in seconds, from `time.monotonic`. Defaults to None: the packet ends now.

        Raises:
            ValueError: It is not an Opus packet, or `captured` is more than a minute from now.
            RuntimeError: The source was inherited by `fork`.
        """
        self._feed.write(packet, captured)
